// A stand-in for libcuda.so.1: device memory lies on the host, and asynchronous copies happen as late as the driver may
// let them, when somebody waits; so code that does not wait sees the wrong bytes here, always.
#define _GNU_SOURCE
#include "standin.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_IMAGE = 200, INVALID_CONTEXT = 201, NOT_FOUND = 500, NOT_READY = 600, ALREADY_LOCKED = 712, NOT_LOCKED = 713,
       NOT_SUPPORTED = 801 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

// ---- calls, faults and violations

#define MAX_CALLS 64
static struct call { char name[48]; long count, skip, times; int code; } calls[MAX_CALLS];
static int call_count;
static char violations[8192];
static long total_memory = 256L << 20;
static int devices = 1;

int (*standin_is_registered)(const void *, size_t);

static struct call *find_call(const char *name) {
  for (int i = 0; i < call_count; i++)
    if (!strcmp(calls[i].name, name)) return &calls[i];
  struct call *added = &calls[call_count++];
  memset(added, 0, sizeof *added);
  snprintf(added->name, sizeof added->name, "%s", name);
  return added;
}

int standin_enter(const char *name) {
  pthread_mutex_lock(&lock);
  struct call *call = find_call(name);
  call->count++;
  int code = 0;
  if (call->times > 0) {
    if (call->skip > 0) call->skip--;
    else { call->times--; code = call->code; }
  }
  pthread_mutex_unlock(&lock);
  return code;
}

void standin_violation(const char *format, ...) {
  pthread_mutex_lock(&lock);
  size_t used = strlen(violations);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(violations + used, sizeof violations - used, format, arguments);
  va_end(arguments);
  used = strlen(violations);
  snprintf(violations + used, sizeof violations - used, "\n");
  pthread_mutex_unlock(&lock);
}

// For tests: the call answers with the code, after so many good ones, so many times.
void standin_fail(const char *name, int code, long skip, long times) {
  pthread_mutex_lock(&lock);
  struct call *call = find_call(name);
  call->code = code;
  call->skip = skip;
  call->times = times;
  pthread_mutex_unlock(&lock);
}

long standin_count(const char *name) {
  pthread_mutex_lock(&lock);
  long count = find_call(name)->count;
  pthread_mutex_unlock(&lock);
  return count;
}

const char *standin_violations(void) { return violations; }

void standin_total_memory(long bytes) { total_memory = bytes; }

void standin_devices(int count) { devices = count; }

// Forgets calls, faults and violations, and is one device of 256 MiB again.
void standin_reset(void) {
  pthread_mutex_lock(&lock);
  call_count = 0;
  violations[0] = 0;
  total_memory = 256L << 20;
  devices = 1;
  pthread_mutex_unlock(&lock);
}

// ---- contexts

static __thread void *stack[16];
static __thread int depth;
static long retained;
static int contexts[8];

int standin_has_context(void) { return depth > 0 && stack[depth - 1]; }

static int entered(const char *name) {
  int code = standin_enter(name);
  if (code) return code;
  if (!standin_has_context()) {
    standin_violation("%s without a current context", name);
    return INVALID_CONTEXT;
  }
  return SUCCESS;
}

int cuInit(unsigned flags) { return standin_enter("cuInit"); }
int cuDriverGetVersion(int *version) { *version = 13000; return standin_enter("cuDriverGetVersion"); }
int cuDeviceGetCount(int *count) { *count = devices; return standin_enter("cuDeviceGetCount"); }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return standin_enter("cuDeviceGet"); }

int cuDeviceGetName(char *name, int length, int device) {
  snprintf(name, length, "Stand-in %d", device);
  return standin_enter("cuDeviceGetName");
}

int cuDeviceGetPCIBusId(char *address, int length, int device) {
  snprintf(address, length, "0000:%02X:00.0", 0x1a + device);
  return standin_enter("cuDeviceGetPCIBusId");
}

int cuDeviceGetUuid(unsigned char *uuid, int device) {
  memset(uuid, 0xa0 + device, 16);
  return standin_enter("cuDeviceGetUuid");
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
  int code = standin_enter("cuDevicePrimaryCtxRetain");
  if (code) return code;
  *context = &contexts[device];
  __atomic_add_fetch(&retained, 1, __ATOMIC_SEQ_CST);
  return SUCCESS;
}

int cuDevicePrimaryCtxRelease_v2(int device) {
  __atomic_sub_fetch(&retained, 1, __ATOMIC_SEQ_CST);
  return standin_enter("cuDevicePrimaryCtxRelease");
}

int cuCtxPushCurrent_v2(void *context) { stack[depth++] = context; return standin_enter("cuCtxPushCurrent"); }

int cuCtxPopCurrent_v2(void **context) { *context = stack[--depth]; return standin_enter("cuCtxPopCurrent"); }

int cuCtxSetCurrent(void *context) {
  if (!depth) depth = 1;
  stack[depth - 1] = context;
  return standin_enter("cuCtxSetCurrent");
}

// ---- device memory and page-locked memory

#define MAX_RANGES 256
struct range { char *start; size_t bytes; };
struct ranges { struct range at[MAX_RANGES]; int count; };
static struct ranges allocations, locked, imported;

static int add(struct ranges *ranges, char *start, size_t bytes) {
  pthread_mutex_lock(&lock);
  int fits = ranges->count < MAX_RANGES;
  if (fits) ranges->at[ranges->count++] = (struct range){start, bytes};
  pthread_mutex_unlock(&lock);
  return fits;
}

// The length of the range that starts there, which is taken out; 0 when there is none.
static size_t take(struct ranges *ranges, char *start) {
  size_t bytes = 0;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < ranges->count && !bytes; i++)
    if (ranges->at[i].start == start) {
      bytes = ranges->at[i].bytes;
      ranges->at[i] = ranges->at[--ranges->count];
    }
  pthread_mutex_unlock(&lock);
  return bytes;
}

static int contains(struct ranges *ranges, const char *start, size_t bytes) {
  int found = 0;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < ranges->count; i++)
    found |= start >= ranges->at[i].start && start + bytes <= ranges->at[i].start + ranges->at[i].bytes;
  pthread_mutex_unlock(&lock);
  return found;
}

static long sum(struct ranges *ranges) {
  long bytes = 0;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < ranges->count; i++) bytes += ranges->at[i].bytes;
  pthread_mutex_unlock(&lock);
  return bytes;
}

int standin_is_device(const void *address, size_t bytes) {
  return contains(&allocations, address, bytes) || contains(&imported, address, bytes);
}

long standin_allocated_bytes(void) { return sum(&allocations); }
long standin_locked_bytes(void) { return sum(&locked); }
long standin_imported_bytes(void) { return sum(&imported); }
long standin_retained_contexts(void) { return retained; }

int cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
  *total = total_memory;
  *free_bytes = total_memory - sum(&allocations);
  return entered("cuMemGetInfo");
}

int cuMemAlloc_v2(void **address, size_t bytes) {
  int code = entered("cuMemAlloc");
  if (code) return code;
  if ((long)bytes > total_memory - sum(&allocations)) return OUT_OF_MEMORY;
  // As little aligned as CUDA promises.
  char *memory = mmap(0, bytes + 256, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || !add(&allocations, memory + 256, bytes)) return OUT_OF_MEMORY;
  *address = memory + 256;
  return SUCCESS;
}

int cuMemFree_v2(char *address) {
  int code = entered("cuMemFree");
  if (code) return code;
  size_t bytes = take(&allocations, address);
  if (!bytes) {
    standin_violation("cuMemFree of memory that is not allocated");
    return INVALID_VALUE;
  }
  if (standin_is_registered && standin_is_registered(address, bytes))
    standin_violation("cuMemFree of memory that is still registered with cuFile");
  munmap(address - 256, bytes + 256);
  return SUCCESS;
}

// Memory of another process: here a handle is the name of a file in /dev/shm.
struct ipc_handle { char name[64]; };

int cuIpcOpenMemHandle_v2(char **address, struct ipc_handle handle, unsigned flags) {
  int code = entered("cuIpcOpenMemHandle");
  if (code) return code;
  char path[96];
  snprintf(path, sizeof path, "/dev/shm/%.64s", handle.name);
  int file = open(path, O_RDWR);
  if (file < 0) return INVALID_VALUE;
  size_t bytes = lseek(file, 0, SEEK_END);
  char *memory = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (memory == MAP_FAILED || !add(&imported, memory, bytes)) return OUT_OF_MEMORY;
  *address = memory;
  return SUCCESS;
}

int cuIpcCloseMemHandle(char *address) {
  int code = entered("cuIpcCloseMemHandle");
  if (code) return code;
  size_t bytes = take(&imported, address);
  if (!bytes) {
    standin_violation("cuIpcCloseMemHandle of memory that is not open");
    return INVALID_VALUE;
  }
  munmap(address, bytes);
  return SUCCESS;
}

int cuMemGetAddressRange_v2(char **base, size_t *bytes, char *address) {
  int code = entered("cuMemGetAddressRange");
  if (code) return code;
  code = INVALID_VALUE;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < imported.count; i++)
    if (address >= imported.at[i].start && address < imported.at[i].start + imported.at[i].bytes) {
      *base = imported.at[i].start;
      *bytes = imported.at[i].bytes;
      code = SUCCESS;
    }
  pthread_mutex_unlock(&lock);
  return code;
}

int cuMemHostRegister_v2(char *address, size_t bytes, unsigned flags) {
  int code = entered("cuMemHostRegister");
  if (code) return code;
  if (contains(&locked, address, 1)) return ALREADY_LOCKED;
  return add(&locked, address, bytes) ? SUCCESS : OUT_OF_MEMORY;
}

int cuMemHostUnregister(char *address) {
  int code = entered("cuMemHostUnregister");
  if (code) return code;
  if (take(&locked, address)) return SUCCESS;
  standin_violation("cuMemHostUnregister of memory that is not locked");
  return NOT_LOCKED;
}

// ---- copies

static int check_copy(const char *name, const void *device, size_t bytes) {
  if (standin_is_device(device, bytes)) return SUCCESS;
  standin_violation("%s: %zu bytes at %p are not device memory", name, bytes, device);
  return INVALID_VALUE;
}

int cuMemcpyHtoD_v2(void *target, const void *source, size_t bytes) {
  int code = entered("cuMemcpyHtoD");
  if (!code) code = check_copy("cuMemcpyHtoD", target, bytes);
  if (!code) memcpy(target, source, bytes);
  return code;
}

int cuMemcpyDtoH_v2(void *target, const void *source, size_t bytes) {
  int code = entered("cuMemcpyDtoH");
  if (!code) code = check_copy("cuMemcpyDtoH", source, bytes);
  if (!code) memcpy(target, source, bytes);
  return code;
}

// Streams share one lock, held while their work runs. Work is a copy, or a kernel when it has a name; a source or a
// parameter that the driver buffers is owned.
#define MAX_PENDING 1024
struct work {
  const char *awaited;
  void *target;
  const void *source;
  size_t bytes;
  void *owned;
  const char *kernel;
  unsigned grid[3], threads;
};
struct stream { struct work pending[MAX_PENDING]; long queued, done; };
struct event { struct stream *stream; long mark; };
static long live_streams, live_events;

long standin_live_streams(void) { return live_streams; }
long standin_live_events(void) { return live_events; }

static int (*emulate)(const char *, unsigned, unsigned, unsigned, unsigned, const void *);

// The emulation keeps the thread blocks' state in globals: one kernel at a time.
static int emulate_alone(struct work *work) {
  static pthread_mutex_t emulation = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&emulation);
  int unknown = emulate(work->kernel, work->grid[0], work->grid[1], work->grid[2], work->threads, work->owned);
  pthread_mutex_unlock(&emulation);
  return unknown;
}

static int is_past(const char *path);

static void run(struct work *work) {
  if (work->awaited) while (!is_past(work->awaited)) usleep(500);
  else if (!work->kernel) memcpy(work->target, work->source, work->bytes);
  else if (emulate_alone(work)) standin_violation("no emulation of the kernel %s", work->kernel);
  free(work->owned);
}

static pthread_mutex_t streams = PTHREAD_MUTEX_INITIALIZER;

static void run_one(struct stream *stream) { run(&stream->pending[stream->done++ % MAX_PENDING]); }

static void run_until(struct stream *stream, long mark) {
  pthread_mutex_lock(&streams);
  while (stream->done < mark) run_one(stream);
  pthread_mutex_unlock(&streams);
}

static void *copy_of(const void *bytes, size_t length) { return memcpy(malloc(length), bytes, length); }

static void enqueue(struct stream *stream, struct work work) {
  pthread_mutex_lock(&streams);
  if (stream->queued - stream->done == MAX_PENDING) run_one(stream);
  stream->pending[stream->queued++ % MAX_PENDING] = work;
  pthread_mutex_unlock(&streams);
}

// So many bytes the driver buffers itself, page-locked or not: a copy of them is no mistake.
enum { SMALL_COPY = 64 << 10 };

static int check_async(const char *name, const void *device, const void *host, size_t bytes) {
  int code = entered(name);
  if (!code) code = check_copy(name, device, bytes);
  if (!code && bytes > SMALL_COPY && !contains(&locked, host, bytes)) {
    standin_violation("%s: the host memory is not page-locked", name);
    code = INVALID_VALUE;
  }
  return code;
}

int cuMemcpyHtoDAsync_v2(void *target, const void *source, size_t bytes, struct stream *stream) {
  int code = check_async("cuMemcpyHtoDAsync", target, source, bytes);
  if (code) return code;
  void *buffered = contains(&locked, source, bytes) ? 0 : copy_of(source, bytes);
  if (buffered) source = buffered;
  enqueue(stream, (struct work){.target = target, .source = source, .bytes = bytes, .owned = buffered});
  return SUCCESS;
}

int cuMemcpyDtoHAsync_v2(void *target, const void *source, size_t bytes, struct stream *stream) {
  int code = check_async("cuMemcpyDtoHAsync", source, target, bytes);
  if (code) return code;
  enqueue(stream, (struct work){.target = target, .source = source, .bytes = bytes});
  // Into memory that is not page-locked the driver copies at once.
  if (!contains(&locked, target, bytes)) run_until(stream, stream->queued);
  return SUCCESS;
}

int cuMemcpyDtoDAsync_v2(void *target, const void *source, size_t bytes, struct stream *stream) {
  int code = entered("cuMemcpyDtoDAsync");
  if (!code) code = check_copy("cuMemcpyDtoDAsync", source, bytes);
  if (!code) code = check_copy("cuMemcpyDtoDAsync", target, bytes);
  if (!code) enqueue(stream, (struct work){.target = target, .source = source, .bytes = bytes});
  return code;
}

int cuStreamCreate(struct stream **stream, unsigned flags) {
  int code = entered("cuStreamCreate");
  if (code) return code;
  *stream = calloc(1, sizeof **stream);
  __atomic_add_fetch(&live_streams, 1, __ATOMIC_SEQ_CST);
  return SUCCESS;
}

int cuStreamSynchronize(struct stream *stream) {
  int code = entered("cuStreamSynchronize");
  if (!code) run_until(stream, stream->queued);
  return code;
}

int cuStreamDestroy_v2(struct stream *stream) {
  int code = entered("cuStreamDestroy");
  if (stream->done < stream->queued) standin_violation("cuStreamDestroy with work nobody waited for");
  free(stream);
  __atomic_sub_fetch(&live_streams, 1, __ATOMIC_SEQ_CST);
  return code;
}

int cuEventCreate(struct event **event, unsigned flags) {
  int code = entered("cuEventCreate");
  if (code) return code;
  *event = calloc(1, sizeof **event);
  __atomic_add_fetch(&live_events, 1, __ATOMIC_SEQ_CST);
  return SUCCESS;
}

int cuEventRecord(struct event *event, struct stream *stream) {
  int code = entered("cuEventRecord");
  if (!code) *event = (struct event){stream, stream->queued};
  return code;
}

// Each question finds one more piece of work done, so that an answer "not ready" is seen by whoever asks too early.
int cuEventQuery(struct event *event) {
  int code = entered("cuEventQuery");
  if (code || !event->stream) return code;
  pthread_mutex_lock(&streams);
  int pending = event->stream->done < event->mark;
  if (pending) run_one(event->stream);
  pthread_mutex_unlock(&streams);
  return pending ? NOT_READY : SUCCESS;
}

// Work waits for no other stream here: what the stream waits for is run at once.
int cuStreamWaitEvent(struct stream *stream, struct event *event, unsigned flags) {
  int code = entered("cuStreamWaitEvent");
  if (!code && event->stream == (struct stream *)-1) {
    enqueue(stream, (struct work){.awaited = (const char *)(event + 1)});
    return code;
  }
  if (!code && event->stream && event->stream != stream) run_until(event->stream, event->mark);
  return code;
}

// An event of another process: here a handle is the name of a file in /dev/shm whose first byte is not 0 once the owner's
// stream is past the mark. What waits for it polls, as the device would.
#define FOREIGN ((struct stream *)-1)
struct foreign_event { struct event event; char path[96]; };
struct event_handle { char name[64]; };

int cuIpcOpenEventHandle(struct event **event, struct event_handle handle) {
  int code = entered("cuIpcOpenEventHandle");
  if (code) return code;
  struct foreign_event *opened = calloc(1, sizeof *opened);
  snprintf(opened->path, sizeof opened->path, "/dev/shm/%.64s", handle.name);
  if (!handle.name[0] || access(opened->path, R_OK)) {
    free(opened);
    return INVALID_VALUE;
  }
  opened->event.stream = FOREIGN;
  *event = &opened->event;
  __atomic_add_fetch(&live_events, 1, __ATOMIC_SEQ_CST);
  return SUCCESS;
}

static int is_past(const char *path) {
  char byte = 0;
  int file = open(path, O_RDONLY);
  if (file < 0) return 1;
  ssize_t got = read(file, &byte, 1);
  close(file);
  return got == 1 && byte;
}

int cuEventDestroy_v2(struct event *event) {
  int code = entered("cuEventDestroy");
  free(event);
  __atomic_sub_fetch(&live_events, 1, __ATOMIC_SEQ_CST);
  return code;
}

// ---- kernels, run by the emulation that a test gives

#define MAX_FUNCTIONS 16
struct function { char name[32]; };
struct module { char *ptx; struct function functions[MAX_FUNCTIONS]; int count; };
static unsigned (*parameter_bytes)(const char *);
static long live_modules;

long standin_live_modules(void) { return live_modules; }

void standin_kernels(void *emulation, void *bytes) {
  emulate = emulation;
  parameter_bytes = bytes;
}

int cuModuleLoadData(struct module **module, const char *ptx) {
  int code = entered("cuModuleLoadData");
  if (code) return code;
  if (!strstr(ptx, ".version")) return INVALID_IMAGE;
  *module = calloc(1, sizeof **module);
  (*module)->ptx = strdup(ptx);
  __atomic_add_fetch(&live_modules, 1, __ATOMIC_SEQ_CST);
  return SUCCESS;
}

int cuModuleGetFunction(struct function **function, struct module *module, const char *name) {
  int code = entered("cuModuleGetFunction");
  if (code) return code;
  char entry[64];
  snprintf(entry, sizeof entry, ".entry %s(", name);
  if (!strstr(module->ptx, entry) || module->count == MAX_FUNCTIONS) return NOT_FOUND;
  *function = &module->functions[module->count++];
  snprintf((*function)->name, sizeof (*function)->name, "%s", name);
  return SUCCESS;
}

int cuModuleUnload(struct module *module) {
  int code = entered("cuModuleUnload");
  if (code) return code;
  free(module->ptx);
  free(module);
  __atomic_sub_fetch(&live_modules, 1, __ATOMIC_SEQ_CST);
  return SUCCESS;
}

int cuLaunchKernel(struct function *function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned threads_y,
                   unsigned threads_z, unsigned shared, struct stream *stream, void **parameters, void **extra) {
  int code = entered("cuLaunchKernel");
  if (code) return code;
  if (!emulate) return NOT_SUPPORTED;
  if (!x || !y || !z || y > 65535 || z > 65535 || threads_y != 1 || threads_z != 1) return INVALID_VALUE;
  void *parameter = copy_of(parameters[0], parameter_bytes(function->name));
  enqueue(stream, (struct work){.owned = parameter, .kernel = function->name, .grid = {x, y, z}, .threads = threads});
  return SUCCESS;
}
