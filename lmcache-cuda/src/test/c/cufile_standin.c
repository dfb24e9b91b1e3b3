// A stand-in for libcufile.so.0 over the stand-in of libcuda: real files, device memory on the host.
#define _GNU_SOURCE
#include "standin.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

typedef struct { int err; int cu_err; } status;
typedef struct { int type; union { int fd; void *handle; } handle; const void *fs_ops; } descriptor;
typedef struct {
  unsigned major_version, minor_version;
  size_t poll_thresh_size, max_direct_io_size;
  unsigned dstatusflags, dcontrolflags, fflags, limits[6];
} properties;

enum { NOT_INITIALIZED = 5001, NO_CONTEXT = 5015, INVALID_VALUE = 5022, REGISTERED = 5023, NOT_REGISTERED = 5024,
       ALREADY_OPEN = 5026, OPEN_FLAG = 5019, BAD_HANDLE = 5027, HANDLE_REGISTERED = 5028 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int open_driver;
static unsigned nvidia_fs, file_systems, features;
static long most_bytes = 1L << 40;

#define MAX 256
static struct { char *base; size_t bytes; } buffers[MAX];
static struct handle { int fd; int live; int active; } handles[MAX];
static int buffer_count;

static status answer(int code) { return (status){code, code == 5011 ? 999 : 0}; }

long standin_cufile_buffers(void) { return buffer_count; }

long standin_cufile_handles(void) {
  long live = 0;
  for (int i = 0; i < MAX; i++) live += handles[i].live;
  return live;
}

long standin_cufile_is_open(void) { return open_driver; }

void standin_cufile_properties(unsigned major, unsigned systems, unsigned flags) {
  nvidia_fs = major;
  file_systems = systems;
  features = flags;
}

// For tests: one call moves at most so many bytes.
void standin_cufile_most_bytes(long bytes) { most_bytes = bytes; }

static int is_registered(const void *address, size_t bytes) {
  const char *start = address;
  for (int i = 0; i < buffer_count; i++)
    if (buffers[i].base < start + bytes && start < buffers[i].base + buffers[i].bytes) return 1;
  return 0;
}

__attribute__((constructor)) static void connect_standins(void) { standin_is_registered = is_registered; }

static int entered(const char *name) {
  int code = standin_enter(name);
  if (code) return code;
  if (!open_driver) {
    standin_violation("%s without an open driver", name);
    return NOT_INITIALIZED;
  }
  return 0;
}

status cuFileDriverOpen(void) {
  int code = standin_enter("cuFileDriverOpen");
  if (code) return answer(code);
  if (open_driver) return answer(ALREADY_OPEN);
  open_driver = 1;
  return answer(0);
}

status cuFileDriverClose_v2(void) {
  int code = entered("cuFileDriverClose");
  if (buffer_count) standin_violation("cuFileDriverClose with %d registered buffers", buffer_count);
  if (standin_cufile_handles()) standin_violation("cuFileDriverClose with registered files");
  open_driver = 0;
  return answer(code);
}

status cuFileGetVersion(int *version) { *version = 1150; return answer(standin_enter("cuFileGetVersion")); }

status cuFileDriverGetProperties(properties *out) {
  memset(out, 0, sizeof *out);
  out->major_version = nvidia_fs;
  out->dstatusflags = file_systems;
  out->fflags = features;
  return answer(entered("cuFileDriverGetProperties"));
}

status cuFileBufRegister(char *base, size_t bytes, int flags) {
  int code = entered("cuFileBufRegister");
  if (code) return answer(code);
  if (!standin_has_context()) return answer(NO_CONTEXT);
  pthread_mutex_lock(&lock);
  if (is_registered(base, bytes)) {
    standin_violation("cuFileBufRegister of memory that is registered already");
    code = REGISTERED;
  } else if (!standin_is_device(base, bytes)) {
    standin_violation("cuFileBufRegister of memory that is not device memory");
    code = INVALID_VALUE;
  } else {
    buffers[buffer_count].base = base;
    buffers[buffer_count++].bytes = bytes;
  }
  pthread_mutex_unlock(&lock);
  return answer(code);
}

status cuFileBufDeregister(char *base) {
  int code = entered("cuFileBufDeregister");
  if (code) return answer(code);
  pthread_mutex_lock(&lock);
  code = NOT_REGISTERED;
  for (int i = 0; i < buffer_count && code; i++)
    if (buffers[i].base == base) {
      if (!standin_is_device(base, buffers[i].bytes)) standin_violation("cuFileBufDeregister of freed memory");
      buffers[i] = buffers[--buffer_count];
      code = 0;
    }
  pthread_mutex_unlock(&lock);
  if (code) standin_violation("cuFileBufDeregister of memory that is not registered");
  return answer(code);
}

status cuFileHandleRegister(struct handle **out, descriptor *description) {
  int code = entered("cuFileHandleRegister");
  if (code) return answer(code);
  if (description->type != 1 || description->fs_ops) return answer(INVALID_VALUE);
  // As libcufile 1.15 does.
  if (fcntl(description->handle.fd, F_GETFL) & O_NOFOLLOW) return answer(OPEN_FLAG);
  pthread_mutex_lock(&lock);
  struct handle *free_slot = 0;
  for (int i = 0; i < MAX; i++) {
    if (!handles[i].live && !free_slot) free_slot = &handles[i];
    if (handles[i].live && handles[i].fd == description->handle.fd) code = HANDLE_REGISTERED;
  }
  if (code) standin_violation("cuFileHandleRegister of a registered descriptor");
  else if (!free_slot) code = INVALID_VALUE;
  else *(*out = free_slot) = (struct handle){description->handle.fd, 1, 0};
  pthread_mutex_unlock(&lock);
  return answer(code);
}

void cuFileHandleDeregister(struct handle *handle) {
  entered("cuFileHandleDeregister");
  pthread_mutex_lock(&lock);
  if (handle < handles || handle >= handles + MAX || !handle->live)
    standin_violation("cuFileHandleDeregister of an unknown handle");
  else {
    if (handle->active) standin_violation("cuFileHandleDeregister of a handle in use");
    handle->live = 0;
  }
  pthread_mutex_unlock(&lock);
}

static int enter_handle(const char *name, struct handle *handle, const char *base, size_t bytes, off_t offset) {
  int code = entered(name);
  if (code) return code;
  if (!standin_has_context()) {
    standin_violation("%s without a current context", name);
    return NO_CONTEXT;
  }
  pthread_mutex_lock(&lock);
  int within = 0;
  for (int i = 0; i < buffer_count; i++)
    within |= base == buffers[i].base && offset >= 0 && offset + bytes <= buffers[i].bytes;
  if (!within) code = NOT_REGISTERED;
  else if (!handle->live) code = BAD_HANDLE;
  else handle->active++;
  pthread_mutex_unlock(&lock);
  if (code) standin_violation("%s outside of the registered memory, or with a closed handle", name);
  return code;
}

static void leave_handle(struct handle *handle) {
  pthread_mutex_lock(&lock);
  handle->active--;
  pthread_mutex_unlock(&lock);
}

// libcufile takes unaligned sizes on files with O_DIRECT, too; the kernel does not.
static int usable(int fd, size_t bytes) {
  if (bytes % 4096 == 0) return dup(fd);
  char name[64];
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  return open(name, (fcntl(fd, F_GETFL) & O_ACCMODE) | O_CLOEXEC);
}

ssize_t cuFileRead(struct handle *handle, char *base, size_t bytes, off_t file_offset, off_t buffer_offset) {
  int code = enter_handle("cuFileRead", handle, base, bytes, buffer_offset);
  if (code) { errno = EIO; return code == 1 ? -1 : -code; }
  size_t most = (long)bytes < most_bytes ? bytes : (size_t)most_bytes;
  int fd = usable(handle->fd, most);
  ssize_t count = pread(fd, base + buffer_offset, most, file_offset);
  close(fd);
  leave_handle(handle);
  return count;
}

ssize_t cuFileWrite(struct handle *handle, const char *base, size_t bytes, off_t file_offset, off_t buffer_offset) {
  int code = enter_handle("cuFileWrite", handle, base, bytes, buffer_offset);
  if (code) { errno = EIO; return code == 1 ? -1 : -code; }
  size_t most = (long)bytes < most_bytes ? bytes : (size_t)most_bytes;
  int fd = usable(handle->fd, most);
  ssize_t count = pwrite(fd, base + buffer_offset, most, file_offset);
  close(fd);
  leave_handle(handle);
  return count;
}
