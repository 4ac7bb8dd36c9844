/*
 * Lets one call of a process to its disk fail. Loaded before libc (LD_PRELOAD), so that the process itself is the one that ships: whatever makes the call, Node's thread pool, its main thread or
 * SQLite, is told what the system would tell it.
 *
 * Only calls on files below IO_FAULTS_DIRECTORY count. IO_FAULTS_CONTROL is a file of 512 bytes, mapped by the process and written by the test:
 *
 *     0  i64  calls counted so far
 *     8  i64  the call that is struck, counted from 1; 0 for none
 *    16  i64  how: an errno; -1: a write takes half of its bytes and says so; -2: a write does nothing and says it is done
 *    24  i64  not 0: reads count, too
 *    32  i64  strikes so far
 *    40       name of the struck call, ended by 0
 *    64       path it was about, ended by 0
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define CONTROL_BYTES 512
#define SHORT (-1)
#define LOST (-2)

struct control {
  int64_t calls;
  int64_t at;
  int64_t how;
  int64_t reads;
  int64_t strikes;
  char call[24];
  char path[CONTROL_BYTES - 64];
};

static struct control *control;
static const char *directory;
static size_t directory_length;

__attribute__((constructor)) static void begin(void) {
  const char *file = getenv("IO_FAULTS_CONTROL");
  directory = getenv("IO_FAULTS_DIRECTORY");
  if (file == NULL || directory == NULL) return;
  directory_length = strlen(directory);
  int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
  int fd = real_open(file, O_RDWR);
  if (fd < 0) return;
  void *mapped = mmap(NULL, CONTROL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (mapped != MAP_FAILED) control = mapped;
}

/* How this call is struck, 0 when it is not. */
static int64_t strike_path(const char *call, const char *path) {
  if (control == NULL || path == NULL || strncmp(path, directory, directory_length) != 0) return 0;
  int64_t number = __atomic_add_fetch(&control->calls, 1, __ATOMIC_SEQ_CST);
  if (number != __atomic_load_n(&control->at, __ATOMIC_SEQ_CST)) return 0;
  snprintf(control->call, sizeof control->call, "%s", call);
  snprintf(control->path, sizeof control->path, "%s", path);
  __atomic_add_fetch(&control->strikes, 1, __ATOMIC_SEQ_CST);
  return control->how;
}

static int64_t strike(const char *call, int fd) {
  if (control == NULL) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strike_path(call, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* For calls that only succeed or fail: what lies beyond an errno does not concern them. */
#define FAILS(how)          \
  do {                      \
    int64_t how_ = (how);   \
    if (how_ > 0) {         \
      errno = (int)how_;    \
      return -1;            \
    }                       \
  } while (0)

#define OPEN(name)                                       \
  int name(const char *path, int flags, ...) {           \
    va_list list;                                        \
    va_start(list, flags);                               \
    mode_t mode = (mode_t)va_arg(list, int);             \
    va_end(list);                                        \
    FAILS(strike_path("open", path));                    \
    return REAL(name)(path, flags, mode);                \
  }
OPEN(open)
OPEN(open64)

#define WRITE(name, parameters, arguments, half, all)    \
  ssize_t name parameters {                              \
    int64_t how = strike("write", fd);                   \
    if (how == LOST) return (ssize_t)(all);              \
    if (how == SHORT) return half;                       \
    FAILS(how);                                          \
    return REAL(name) arguments;                         \
  }
WRITE(write, (int fd, const void *bytes, size_t count), (fd, bytes, count), REAL(write)(fd, bytes, count / 2), count)
WRITE(pwrite, (int fd, const void *bytes, size_t count, off_t at), (fd, bytes, count, at),
      REAL(pwrite)(fd, bytes, count / 2, at), count)
WRITE(pwrite64, (int fd, const void *bytes, size_t count, off64_t at), (fd, bytes, count, at),
      REAL(pwrite64)(fd, bytes, count / 2, at), count)

#define READ(name, parameters, arguments)                                     \
  ssize_t name parameters {                                                   \
    if (control != NULL && control->reads != 0) FAILS(strike("read", fd));    \
    return REAL(name) arguments;                                              \
  }
READ(read, (int fd, void *bytes, size_t count), (fd, bytes, count))
READ(pread, (int fd, void *bytes, size_t count, off_t at), (fd, bytes, count, at))
READ(pread64, (int fd, void *bytes, size_t count, off64_t at), (fd, bytes, count, at))

#define ON_FILE(name, call, parameters, arguments) \
  int name parameters {                            \
    FAILS(strike(call, fd));                       \
    return REAL(name) arguments;                   \
  }
ON_FILE(fsync, "flush", (int fd), (fd))
ON_FILE(fdatasync, "flush", (int fd), (fd))
ON_FILE(ftruncate, "truncate", (int fd, off_t size), (fd, size))
ON_FILE(ftruncate64, "truncate", (int fd, off64_t size), (fd, size))

#define ON_PATH(name, call, parameters, arguments) \
  int name parameters {                            \
    FAILS(strike_path(call, path));                \
    return REAL(name) arguments;                   \
  }
ON_PATH(unlink, "remove", (const char *path), (path))
ON_PATH(rmdir, "remove", (const char *path), (path))
ON_PATH(mkdir, "makeDirectory", (const char *path, mode_t mode), (path, mode))
ON_PATH(rename, "rename", (const char *path, const char *to), (path, to))
