/*
 * Lets calls of the C library on chosen paths fail with an errno, or hang. Preloaded into a process of a test, which sets
 * the faults by faults_set().
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* In the order of the test's enum. */
enum call { OPEN, STAT, READ, WRITE, FSYNC, RENAME, UNLINK, MKDIR, LOCK, LIST, STATFS, CLOSE, TOUCH };

#define HANG (-1)
#define SLOTS 256

struct fault {
    char path[128];
    unsigned calls;
    int error;
    int every;
    volatile int active;
    int seen;
    long struck;
};

static struct fault faults[SLOTS];

/* From now on every so manyth call of these kinds on a path with that text fails with that error. */
void faults_set(int slot, const char *path, int calls, int error, int every) {
    struct fault *fault = &faults[slot];
    __atomic_store_n(&fault->active, 0, __ATOMIC_SEQ_CST);
    strncpy(fault->path, path, sizeof fault->path - 1);
    fault->calls = (unsigned) calls;
    fault->error = error;
    fault->every = every;
    fault->seen = 0;
    __atomic_store_n(&fault->active, calls != 0, __ATOMIC_SEQ_CST);
}

long faults_struck(int slot) {
    return __atomic_load_n(&faults[slot].struck, __ATOMIC_SEQ_CST);
}

static void resolve(int directory, const char *name, char *path, size_t size) {
    size_t length = 0;
    path[0] = 0;
    if (name == NULL || name[0] != '/') {
        char link[64];
        snprintf(link, sizeof link, directory == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", directory);
        long read = syscall(SYS_readlinkat, AT_FDCWD, link, path, size - 1);
        length = read < 0 ? 0 : (size_t) read;
        path[length] = 0;
    }
    if (name != NULL && name[0] != 0) {
        if (strncmp(name, "/proc/self/fd/", 14) == 0) {
            long read = syscall(SYS_readlinkat, AT_FDCWD, name, path, size - 1);
            path[read < 0 ? 0 : read] = 0;
        } else {
            snprintf(path + length, size - length, "%s%s", length == 0 ? "" : "/", name);
        }
    }
}

/* 0, or the error that the call is to fail with. */
static int fault_of(enum call call, int directory, const char *name) {
    char path[4096];
    int is_resolved = 0;
    for (int slot = 0; slot < SLOTS; slot++) {
        struct fault *fault = &faults[slot];
        if (!__atomic_load_n(&fault->active, __ATOMIC_SEQ_CST) || !(fault->calls & (1u << call))) {
            continue;
        }
        if (!is_resolved) {
            int before = errno;
            resolve(directory, name, path, sizeof path);
            errno = before;
            is_resolved = 1;
        }
        if (strstr(path, fault->path) == NULL
            || __atomic_fetch_add(&fault->seen, 1, __ATOMIC_SEQ_CST) % fault->every != 0) {
            continue;
        }
        __atomic_fetch_add(&fault->struck, 1, __ATOMIC_SEQ_CST);
        if (fault->error != HANG) {
            return fault->error;
        }
        while (__atomic_load_n(&fault->active, __ATOMIC_SEQ_CST)) {
            struct timespec moment = {0, 5000000};
            nanosleep(&moment, NULL);
        }
    }
    return 0;
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (real == NULL) real = (__typeof__(&name)) dlsym(RTLD_NEXT, #name)

#define FAIL_IF(call, directory, name, result) \
    do { \
        int error = fault_of(call, directory, name); \
        if (error != 0) { \
            errno = error; \
            return result; \
        } \
    } while (0)

#define WITH_MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { \
        va_list arguments; \
        va_start(arguments, flags); \
        mode = va_arg(arguments, mode_t); \
        va_end(arguments); \
    }

/* What only finds a file opens none. */
#define OPENING(flags) ((flags) & O_PATH ? STAT : OPEN)

int open(const char *path, int flags, ...) {
    REAL(open);
    WITH_MODE(flags)
    FAIL_IF(OPENING(flags), AT_FDCWD, path, -1);
    return real(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    REAL(open64);
    WITH_MODE(flags)
    FAIL_IF(OPENING(flags), AT_FDCWD, path, -1);
    return real(path, flags, mode);
}

int openat(int directory, const char *path, int flags, ...) {
    REAL(openat);
    WITH_MODE(flags)
    FAIL_IF(OPENING(flags), directory, path, -1);
    return real(directory, path, flags, mode);
}

int openat64(int directory, const char *path, int flags, ...) {
    REAL(openat64);
    WITH_MODE(flags)
    FAIL_IF(OPENING(flags), directory, path, -1);
    return real(directory, path, flags, mode);
}

int stat64(const char *path, struct stat64 *to) {
    REAL(stat64);
    FAIL_IF(STAT, AT_FDCWD, path, -1);
    return real(path, to);
}

int lstat64(const char *path, struct stat64 *to) {
    REAL(lstat64);
    FAIL_IF(STAT, AT_FDCWD, path, -1);
    return real(path, to);
}

int fstat64(int file, struct stat64 *to) {
    REAL(fstat64);
    FAIL_IF(STAT, file, NULL, -1);
    return real(file, to);
}

int fstatat64(int directory, const char *path, struct stat64 *to, int flags) {
    REAL(fstatat64);
    FAIL_IF(STAT, directory, path, -1);
    return real(directory, path, to, flags);
}

int statx(int directory, const char *path, int flags, unsigned mask, struct statx *to) {
    REAL(statx);
    FAIL_IF(STAT, directory, path, -1);
    return real(directory, path, flags, mask, to);
}

ssize_t read(int file, void *to, size_t size) {
    REAL(read);
    FAIL_IF(READ, file, NULL, -1);
    return real(file, to, size);
}

ssize_t readv(int file, const struct iovec *to, int count) {
    REAL(readv);
    FAIL_IF(READ, file, NULL, -1);
    return real(file, to, count);
}

ssize_t pread64(int file, void *to, size_t size, off64_t offset) {
    REAL(pread64);
    FAIL_IF(READ, file, NULL, -1);
    return real(file, to, size, offset);
}

ssize_t write(int file, const void *from, size_t size) {
    REAL(write);
    FAIL_IF(WRITE, file, NULL, -1);
    return real(file, from, size);
}

ssize_t writev(int file, const struct iovec *from, int count) {
    REAL(writev);
    FAIL_IF(WRITE, file, NULL, -1);
    return real(file, from, count);
}

ssize_t pwrite64(int file, const void *from, size_t size, off64_t offset) {
    REAL(pwrite64);
    FAIL_IF(WRITE, file, NULL, -1);
    return real(file, from, size, offset);
}

int fsync(int file) {
    REAL(fsync);
    FAIL_IF(FSYNC, file, NULL, -1);
    return real(file);
}

int fdatasync(int file) {
    REAL(fdatasync);
    FAIL_IF(FSYNC, file, NULL, -1);
    return real(file);
}

int rename(const char *from, const char *to) {
    REAL(rename);
    FAIL_IF(RENAME, AT_FDCWD, to, -1);
    return real(from, to);
}

int renameat(int from, const char *name, int to, const char *new_name) {
    REAL(renameat);
    FAIL_IF(RENAME, to, new_name, -1);
    return real(from, name, to, new_name);
}

int unlink(const char *path) {
    REAL(unlink);
    FAIL_IF(UNLINK, AT_FDCWD, path, -1);
    return real(path);
}

int unlinkat(int directory, const char *path, int flags) {
    REAL(unlinkat);
    FAIL_IF(UNLINK, directory, path, -1);
    return real(directory, path, flags);
}

int rmdir(const char *path) {
    REAL(rmdir);
    FAIL_IF(UNLINK, AT_FDCWD, path, -1);
    return real(path);
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    FAIL_IF(MKDIR, AT_FDCWD, path, -1);
    return real(path, mode);
}

static int is_lock(int command) {
    return command == F_SETLK || command == F_SETLKW;
}

int fcntl(int file, int command, ...) {
    REAL(fcntl);
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (is_lock(command)) {
        FAIL_IF(LOCK, file, NULL, -1);
    }
    return real(file, command, argument);
}

int fcntl64(int file, int command, ...) {
    REAL(fcntl64);
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (is_lock(command)) {
        FAIL_IF(LOCK, file, NULL, -1);
    }
    return real(file, command, argument);
}

DIR *opendir(const char *path) {
    REAL(opendir);
    FAIL_IF(LIST, AT_FDCWD, path, NULL);
    return real(path);
}

DIR *fdopendir(int file) {
    REAL(fdopendir);
    FAIL_IF(LIST, file, NULL, NULL);
    return real(file);
}

struct dirent64 *readdir64(DIR *directory) {
    REAL(readdir64);
    FAIL_IF(LIST, dirfd(directory), NULL, NULL);
    return real(directory);
}

int statvfs64(const char *path, struct statvfs64 *to) {
    REAL(statvfs64);
    FAIL_IF(STATFS, AT_FDCWD, path, -1);
    return real(path, to);
}

int futimens(int file, const struct timespec times[2]) {
    REAL(futimens);
    FAIL_IF(TOUCH, file, NULL, -1);
    return real(file, times);
}

int utimensat(int directory, const char *path, const struct timespec times[2], int flags) {
    REAL(utimensat);
    FAIL_IF(TOUCH, directory, path, -1);
    return real(directory, path, times, flags);
}

/* The descriptor is gone all the same. */
int close(int file) {
    REAL(close);
    int error = fault_of(CLOSE, file, NULL);
    int result = real(file);
    if (error != 0) {
        errno = error;
        return -1;
    }
    return result;
}
