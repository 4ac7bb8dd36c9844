/*
 * Lets one call of a process to its disk fail. Loaded before libc (LD_PRELOAD), so that the process itself is the one that ships: whatever makes the call, Node's thread pool, its main thread or
 * SQLite, is told what the system would tell it.
 *
 * Only calls on files below IO_FAULTS_DIRECTORY count. IO_FAULTS_CONTROL is a file of 512 bytes, mapped by the process and written by the test:
 *
 *     0  i64  calls counted so far
 *     8  i64  the call that is struck, counted from 1; 0 for none
 *    16  i64  how: an errno; -1: a write takes half of its bytes and says so; -2: a write or a read does nothing and says it is done; -3: the process
 *             is killed instead; -4: it is done, 200 ms later
 *    24  i64  which calls count: 0 all but reads; 1 reads alone; 2 opens alone; 3 flushes alone
 *    32  i64  strikes so far
 *    40  i64  how many calls in a row are struck
 *    48       name of the last struck call, ended by 0
 *    72       path it was about, ended by 0
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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
#define KILL (-3)
#define SLOW (-4)
#define SLOW_US 200000

/* What a call is, for the choice of those that count. */
enum kind { CHANGE, READ, OPEN, FLUSH };

struct control {
  int64_t calls;
  int64_t at;
  int64_t how;
  int64_t which;
  int64_t strikes;
  int64_t span;
  char call[24];
  char path[CONTROL_BYTES - 72];
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

static int counts(enum kind kind) {
  int64_t which = __atomic_load_n(&control->which, __ATOMIC_SEQ_CST);
  return which == 0 ? kind != READ : kind == (enum kind)which;
}

/* How this call is struck, 0 when it is not. */
static int64_t strike_path(enum kind kind, const char *call, const char *path) {
  if (control == NULL || path == NULL || strncmp(path, directory, directory_length) != 0) return 0;
  if (!counts(kind)) return 0;
  int64_t number = __atomic_add_fetch(&control->calls, 1, __ATOMIC_SEQ_CST);
  int64_t at = __atomic_load_n(&control->at, __ATOMIC_SEQ_CST);
  if (at == 0 || number < at || number >= at + control->span) return 0;
  snprintf(control->call, sizeof control->call, "%s", call);
  snprintf(control->path, sizeof control->path, "%s", path);
  __atomic_add_fetch(&control->strikes, 1, __ATOMIC_SEQ_CST);
  if (control->how == KILL) kill(getpid(), SIGKILL);
  if (control->how != SLOW) return control->how;
  usleep(SLOW_US);
  return 0;
}

static int64_t strike(enum kind kind, const char *call, int fd) {
  if (control == NULL || !counts(kind)) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strike_path(kind, call, path);
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

#define OPENS(name)                                      \
  int name(const char *path, int flags, ...) {           \
    va_list list;                                        \
    va_start(list, flags);                               \
    mode_t mode = (mode_t)va_arg(list, int);             \
    va_end(list);                                        \
    FAILS(strike_path(OPEN, "open", path));              \
    return REAL(name)(path, flags, mode);                \
  }
OPENS(open)
OPENS(open64)

#define WRITE(name, parameters, arguments, half, all)    \
  ssize_t name parameters {                              \
    int64_t how = strike(CHANGE, "write", fd);           \
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

#define READS(name, parameters, arguments)               \
  ssize_t name parameters {                              \
    int64_t how = strike(READ, "read", fd);              \
    if (how == LOST) return (ssize_t)count;              \
    FAILS(how);                                          \
    return REAL(name) arguments;                         \
  }
READS(read, (int fd, void *bytes, size_t count), (fd, bytes, count))
READS(pread, (int fd, void *bytes, size_t count, off_t at), (fd, bytes, count, at))
READS(pread64, (int fd, void *bytes, size_t count, off64_t at), (fd, bytes, count, at))

#define ON_FILE(name, kind, call, parameters, arguments) \
  int name parameters {                                  \
    FAILS(strike(kind, call, fd));                       \
    return REAL(name) arguments;                         \
  }
ON_FILE(fsync, FLUSH, "flush", (int fd), (fd))
ON_FILE(fdatasync, FLUSH, "flush", (int fd), (fd))
ON_FILE(ftruncate, CHANGE, "truncate", (int fd, off_t size), (fd, size))
ON_FILE(ftruncate64, CHANGE, "truncate", (int fd, off64_t size), (fd, size))

#define ON_PATH(name, call, parameters, arguments) \
  int name parameters {                            \
    FAILS(strike_path(CHANGE, call, path));        \
    return REAL(name) arguments;                   \
  }
ON_PATH(unlink, "remove", (const char *path), (path))
ON_PATH(rmdir, "remove", (const char *path), (path))
ON_PATH(mkdir, "makeDirectory", (const char *path, mode_t mode), (path, mode))
ON_PATH(rename, "rename", (const char *path, const char *to), (path, to))
