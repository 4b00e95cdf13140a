/* pipe_handler.h 1.0: log records of a C or C++ program into its parent's logger.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * In one file of the program, before its other headers:
 *
 *     #define PIPE_HANDLER_IMPLEMENTATION
 *     #include "pipe_handler.h"
 *
 * and in all others the second line alone. Then:
 *
 *     ph_init("worker", "info");
 *     ph_info("worker.db", "%d rows read", rows);
 *
 * Needs GCC or Clang, C99 or C++11, a POSIX system and -pthread. PIPE_HANDLER_GLIB and PIPE_HANDLER_SYSLOG, defined
 * before the header, add a writer for GLib's log functions and calls in the place of syslog(3).
 *
 * Once a log call has returned, its record is in the pipe, and it arrives even if the process is killed. Calls are
 * allowed in all threads and after fork, but not in signal handlers. They keep errno, and wait if the pipe is full.
 */
#ifndef PIPE_HANDLER_H
#define PIPE_HANDLER_H

#ifdef PIPE_HANDLER_IMPLEMENTATION
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* declares all that is used, with -std=c99 too */
#endif
#endif

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifdef PIPE_HANDLER_GLIB
#include <glib.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum { PH_ERROR = 1, PH_WARN, PH_INFO, PH_DEBUG, PH_TRACE };

/* Takes the pipe that the parent left in RECORD_PIPE. `name` is the process's name, `filter` is used if the parent has
 * set none: a level and TARGET=LEVEL, separated by commas; null means info. Returns whether there is a pipe. If not,
 * records are printed to stderr, without their key-values. Call it once, before other threads and children exist. */
int ph_init(const char *name, const char *filter);

/* Returns whether records of this level and target are sent or printed. */
int ph_enabled(int level, const char *target);

/* Logs one record: a level, a target, and a format with its arguments as for printf. */
#define ph_error(target, ...) ph_log(PH_ERROR, target, __FILE__, __LINE__, __VA_ARGS__)
#define ph_warn(target, ...) ph_log(PH_WARN, target, __FILE__, __LINE__, __VA_ARGS__)
#define ph_info(target, ...) ph_log(PH_INFO, target, __FILE__, __LINE__, __VA_ARGS__)
#define ph_debug(target, ...) ph_log(PH_DEBUG, target, __FILE__, __LINE__, __VA_ARGS__)
#define ph_trace(target, ...) ph_log(PH_TRACE, target, __FILE__, __LINE__, __VA_ARGS__)

/* A record with key-values: ph_begin(&r, level, target, format, ...), any number of values, ph_send(&r). Returns
 * whether the record is enabled; if not, the other calls do nothing. Each record that was begun must be sent, by the
 * process that began it. */
#define ph_begin(record, level, target, ...) ph_begin_at(record, level, target, __FILE__, __LINE__, __VA_ARGS__)

typedef struct ph_record {
    unsigned char *data; /* length, kind and fields: `small`, or memory of its own */
    size_t length, capacity;
    size_t message;         /* where the message is */
    size_t counts[9];       /* where the count of each open map or list is, */
    uint32_t items[9];      /* that count, */
    unsigned char lists[9]; /* and whether it is a list */
    int depth, deeper;      /* open maps and lists, and those that are too deep */
    int values, level, enabled, failed, cut;
    uint64_t original; /* bytes of a message that was cut, or 0 */
    struct ph_record *error;
    const char *error_key;
    unsigned char small[1024];
} ph_record;

#define PH_FORMAT(format, arguments) __attribute__((__format__(__printf__, format, arguments)))

void ph_log(int level, const char *target, const char *file, int line, const char *format, ...) PH_FORMAT(5, 6);
int ph_begin_at(ph_record *r, int level, const char *target, const char *file, int line, const char *format, ...)
    PH_FORMAT(6, 7);
int ph_vbegin_at(ph_record *r, int level, const char *target, const char *file, int line, const char *format,
                 va_list arguments) PH_FORMAT(6, 0);

/* Values. Within a list the key is ignored. Texts need not be UTF-8: other bytes are replaced. */
void ph_null(ph_record *r, const char *key);
void ph_bool(ph_record *r, const char *key, int value);
void ph_int(ph_record *r, const char *key, int64_t value);
void ph_uint(ph_record *r, const char *key, uint64_t value);
void ph_float(ph_record *r, const char *key, double value);
void ph_str(ph_record *r, const char *key, const char *value); /* null is sent as nil */
void ph_text(ph_record *r, const char *key, const char *value, size_t length);
void ph_bytes(ph_record *r, const char *key, const void *value, size_t length);
/* The values that follow are in the list or map, until ph_end. Beyond a depth of 8 it becomes a text. */
void ph_list(ph_record *r, const char *key);
void ph_map(ph_record *r, const char *key);
void ph_end(ph_record *r);
/* The error of the record, once, and then its causes, nearest first. The key has to exist until the record is sent. */
void ph_err(ph_record *r, const char *key, const char *message);
void ph_cause(ph_record *r, const char *message);
void ph_send(ph_record *r);

#ifdef PIPE_HANDLER_GLIB
/* For g_log_set_writer_func(ph_glib_writer, NULL, NULL). Fields become key-values. */
GLogWriterOutput ph_glib_writer(GLogLevelFlags level, const GLogField *fields, gsize count, gpointer unused);
#endif

#ifdef PIPE_HANDLER_SYSLOG
#include <syslog.h>
/* Like syslog(3), which is called if there is no pipe. The target is `ident`, or the process's name. */
void ph_openlog(const char *ident, int option, int facility);
void ph_syslog(int priority, const char *format, ...) PH_FORMAT(2, 3);
void ph_vsyslog(int priority, const char *format, va_list arguments) PH_FORMAT(2, 0);
#endif

#ifdef __cplusplus
}
#endif

/* ---------------------------------------------------------------------------------------------------------------- */
#ifdef PIPE_HANDLER_IMPLEMENTATION

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    PHI_MESSAGE = 256 * 1024 - 64, /* bytes of a message without its mark, */
    PHI_PAYLOAD = 320 * 1024, /* of a record without its error, */
    PHI_ERROR = 56 * 1024,    /* and of an error: a reader takes 384 KiB in all */
    PHI_NAME = 1024,
    PHI_VALUES = 8127,
    PHI_MARK = 64, /* room for the mark on a cut text */
    PHI_FRAGMENT = 39,
    PHI_DIRECTIVES = 32
};
enum { PHI_NONE, PHI_OPEN, PHI_GONE };

/* The session. Several threads change `state`, `hello`, `noflag` and the counters, always atomically. */
static struct {
    int ready, fd, state, hello, noflag, generation;
    size_t pipe_buf;
    uint64_t pid, stream, seq, sent, dropped, unreported[5];
    uint32_t instance;
    int level, directives;
    struct { char *target; int level; } filter[PHI_DIRECTIVES];
    char name[256];
} phi;

#define PHI_LOAD(place) __atomic_load_n(&(place), __ATOMIC_RELAXED)
#define PHI_STORE(place, value) __atomic_store_n(&(place), value, __ATOMIC_RELAXED)
#define PHI_ADD(place, value) __atomic_add_fetch(&(place), value, __ATOMIC_RELAXED)

/* MessagePack, with numbers and lengths of fixed width, so that they can be filled in later. */

static void phi_put(ph_record *r, const void *bytes, size_t length)
{
    size_t capacity = r->capacity;
    unsigned char *data = r->data;
    while (capacity - r->length < length) capacity *= 2;
    if (capacity != r->capacity && !r->failed) {
        data = (unsigned char *)realloc(data == r->small ? NULL : data, capacity);
        if (data == NULL) r->failed = 1;
        else if (r->data == r->small) memcpy(data, r->small, r->length);
    }
    if (r->failed || length == 0) return;
    r->data = data;
    r->capacity = capacity;
    memcpy(data + r->length, bytes, length);
    r->length += length;
}

static void phi_marker(ph_record *r, int marker)
{
    unsigned char byte = (unsigned char)marker;
    phi_put(r, &byte, 1);
}

static void phi_fill(unsigned char *to, uint64_t number, int bytes)
{
    while (bytes-- > 0) *to++ = (unsigned char)(number >> 8 * bytes);
}

static void phi_number(ph_record *r, int marker, uint64_t number, int bytes)
{
    unsigned char object[9];
    object[0] = (unsigned char)marker;
    phi_fill(object + 1, number, bytes);
    phi_put(r, object, 1 + (size_t)bytes);
}

static void phi_nil(ph_record *r) { phi_marker(r, 0xc0); }
static void phi_uint(ph_record *r, uint64_t number) { phi_number(r, 0xcf, number, 8); }

static void phi_begin(ph_record *r, int kind, int fields)
{
    memset(r, 0, offsetof(ph_record, small));
    r->data = r->small;
    r->capacity = sizeof r->small;
    r->length = 4; /* the length of the frame */
    phi_marker(r, kind);
    phi_number(r, 0xdc, (uint64_t)fields, 2);
}

static void phi_free(ph_record *r)
{
    if (r->data != r->small) free(r->data);
    free(r->error);
}

/* Returns the bytes of the character at `text`, or 0 if it is not UTF-8. */
static size_t phi_character(const unsigned char *text, size_t left)
{
    unsigned char first = text[0], least = 0x80, most = 0xbf;
    size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0, at;
    if (first == 0xe0) least = 0xa0;
    if (first == 0xed) most = 0x9f;
    if (first == 0xf0) least = 0x90;
    if (first == 0xf4) most = 0x8f;
    if (length > left || (length > 1 && (text[1] < least || text[1] > most))) return 0;
    for (at = 2; at < length; at++)
        if (text[at] < 0x80 || text[at] > 0xbf) return 0;
    return length;
}

/* Appends a text of at most `limit` bytes and a mark. Returns whether it was cut. */
static int phi_text(ph_record *r, const char *text, size_t length, size_t limit)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t head, from = 0, at = 0, out = 0, step;
    char mark[PHI_MARK];
    phi_number(r, 0xdb, 0, 4);
    head = r->length;
    while (at < length) {
        step = phi_character(bytes + at, length - at);
        if (out + (step ? step : 3) > limit) break;
        out += step ? step : 3;
        if (step == 0) {
            phi_put(r, text + from, at - from);
            phi_put(r, "\xef\xbf\xbd", 3); /* the replacement character */
            from = at + 1;
        }
        at += step ? step : 1;
    }
    phi_put(r, text + from, at - from);
    if (at < length) phi_put(r, mark, (size_t)snprintf(mark, sizeof mark, "\xe2\x80\xa6 (cut, %lu bytes)", (unsigned long)length));
    if (!r->failed) phi_fill(r->data + head - 4, r->length - head, 4);
    return at < length;
}

static void phi_name(ph_record *r, const char *text)
{
    if (text == NULL) phi_nil(r);
    else phi_text(r, text, strlen(text), PHI_NAME);
}

/* The pipe. */

/* Writes one whole frame without a SIGPIPE for the program. */
static ssize_t phi_write(const void *frame, size_t length)
{
    sigset_t sigpipe, before, pending, raised;
    ssize_t written;
    int error, taken;
#if defined(SYS_pwritev2) && !defined(PH_NO_PWRITEV2)
    if (!PHI_LOAD(phi.noflag)) {
        struct iovec part;
        part.iov_base = (void *)frame;
        part.iov_len = length;
        written = syscall(SYS_pwritev2, phi.fd, &part, 1UL, -1L, -1L, 0x100 /* RWF_NOSIGNAL, since Linux 6.18 */);
        if (written >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EPERM && errno != EINVAL)) return written;
        PHI_STORE(phi.noflag, 1);
    }
#endif
    sigemptyset(&sigpipe);
    sigaddset(&sigpipe, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
    written = write(phi.fd, frame, length);
    error = errno;
    /* The signal of this write is taken away; one that was pending before it is the program's. */
    if (written < 0 && error == EPIPE && !sigismember(&pending, SIGPIPE) && sigpending(&raised) == 0 &&
        sigismember(&raised, SIGPIPE))
        sigwait(&sigpipe, &taken);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return written;
}

/* Fills in the length and writes the frame. Returns whether it is in the pipe. */
static int phi_send(ph_record *r)
{
    struct pollfd writable;
    ssize_t written;
    phi_fill(r->data, r->length - 4, 4);
    while ((written = phi_write(r->data, r->length)) < 0) {
        if (errno == EINTR) continue;
        if (errno != EAGAIN) break;
        /* Another process has set O_NONBLOCK on the pipe that all share. */
        writable.fd = phi.fd;
        writable.events = POLLOUT;
        poll(&writable, 1, -1);
    }
    if (written == (ssize_t)r->length) return 1;
    PHI_STORE(phi.state, PHI_GONE);
    return 0;
}

static uint64_t phi_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Writes a payload that is longer than a frame in pieces. `number` tells it from all others of the process. */
static int phi_send_fragments(const ph_record *r, uint64_t number)
{
    ph_record fragment;
    size_t at, length, most = phi.pipe_buf - PHI_FRAGMENT;
    uint64_t index = 0;
    int sent = 1;
    for (at = 4; at < r->length && sent; at += length) {
        length = r->length - at < most ? r->length - at : most;
        phi_begin(&fragment, 2, 5);
        fragment.length = 5; /* a header of one byte, to keep to PHI_FRAGMENT */
        phi_marker(&fragment, 0x95);
        phi_uint(&fragment, phi.pid);
        phi_uint(&fragment, phi.stream + number);
        phi_uint(&fragment, index++);
        phi_marker(&fragment, at + length == r->length ? 0xc3 : 0xc2);
        phi_number(&fragment, 0xc6, length, 4);
        phi_put(&fragment, r->data + at, length);
        sent = !fragment.failed && phi_send(&fragment);
        phi_free(&fragment);
    }
    return sent;
}

static void phi_send_hello(void)
{
    ph_record hello;
    if (__atomic_exchange_n(&phi.hello, 1, __ATOMIC_RELAXED)) return;
    phi_begin(&hello, 0, 6);
    phi_uint(&hello, 1);
    phi_uint(&hello, phi.pid);
    phi_name(&hello, phi.name);
    phi_uint(&hello, phi_now());
    phi_nil(&hello);
    phi_uint(&hello, phi.instance);
    phi_send(&hello);
}

/* Reports the records that were dropped since the last report. */
static void phi_send_dropped(void)
{
    ph_record dropped;
    uint64_t count, sum = 0;
    int level;
    phi_begin(&dropped, 3, 4);
    phi_uint(&dropped, phi.pid);
    phi_uint(&dropped, phi_now());
    phi_marker(&dropped, 0x95);
    for (level = 0; level < 5; level++) {
        count = PHI_LOAD(phi.unreported[level]);
        if (count > 0) count = __atomic_exchange_n(&phi.unreported[level], 0, __ATOMIC_RELAXED);
        sum += count;
        phi_uint(&dropped, count);
    }
    phi_uint(&dropped, phi.instance);
    if (sum > 0) phi_send(&dropped);
}

static void phi_close(void)
{
    ph_record last;
    int error = errno;
    if (PHI_LOAD(phi.state) != PHI_OPEN || !PHI_LOAD(phi.hello)) return;
    phi_send_dropped();
    phi_begin(&last, 4, 5);
    phi_uint(&last, phi.pid);
    phi_uint(&last, phi_now());
    phi_uint(&last, PHI_LOAD(phi.sent));
    phi_uint(&last, PHI_LOAD(phi.dropped));
    phi_uint(&last, phi.instance);
    phi_send(&last);
    errno = error;
}

/* Begins a session: in the process that takes the pipe, and in each that is forked from it. */
static void phi_new_session(void)
{
    struct { uint64_t stream; uint32_t instance; } random = {0, 0};
    phi.pid = (uint64_t)getpid();
    if (getentropy(&random, sizeof random) != 0) {
        random.stream = phi_now() * 0x9e3779b97f4a7c15u ^ phi.pid << 40;
        random.instance = (uint32_t)(random.stream >> 16);
    }
    phi.stream = random.stream;
    phi.instance = random.instance;
    phi.seq = phi.sent = phi.dropped = 0;
    memset(phi.unreported, 0, sizeof phi.unreported);
    phi.hello = 0;
    phi.generation++;
}

/* Closes the shared buffer that `value`, the rest of RECORD_PIPE, names, if there is one: it is not used here, and no
 * program shall inherit it. */
static void phi_close_buffer(const char *value)
{
    uint64_t numbers[4];
    struct stat file;
    char *after;
    int part, seals;
    for (part = 0; part < 4; part++, value = after + 1) {
        if (*value < '0' || *value > '9') return;
        errno = 0;
        numbers[part] = strtoull(value, &after, 10);
        if (errno != 0 || (part < 3 && *after != ':')) return;
    }
    if (numbers[0] > INT_MAX || fstat((int)numbers[0], &file) != 0) return;
    seals = fcntl((int)numbers[0], 1034); /* F_GET_SEALS, which only memory has */
    if (seals < 0 || (seals & 7) != 7 || file.st_dev != (dev_t)numbers[1]) return;
    if (file.st_ino == (ino_t)numbers[2] && file.st_size == (off_t)numbers[3]) close((int)numbers[0]);
}

/* Takes the pipe of RECORD_PIPE. Returns its descriptor, or -1 if the variable names none. */
static int phi_adopt(void)
{
    const char *value = getenv("RECORD_PIPE");
    uint64_t numbers[3];
    struct stat end;
    char *after;
    int part, fd, moved, flags, least;
    if (value == NULL || strncmp(value, "v1:", 3) != 0) return -1;
    for (part = 0, value += 3; part < 3; part++, value = after + 1) {
        if (*value < '0' || *value > '9') return -1;
        errno = 0;
        numbers[part] = strtoull(value, &after, 10);
        if (errno != 0 || (*after != ':' && (*after != '\0' || part < 2))) return -1;
    }
    if (numbers[0] > INT_MAX) return -1;
    fd = (int)numbers[0];
    if (fstat(fd, &end) != 0 || !S_ISFIFO(end.st_mode)) return -1;
    if (end.st_dev != (dev_t)numbers[1] || end.st_ino != (ino_t)numbers[2]) return -1;
    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) return -1;
    /* Low numbers are for the program, which may put something else there. */
    least = (int)(sysconf(_SC_OPEN_MAX) / 2);
    moved = fcntl(fd, F_DUPFD_CLOEXEC, least > 0 && least < 100 ? least : 100);
    if (after[0] == ':') phi_close_buffer(after + 1);
    if (moved < 0) return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? fd : -1;
    if (fd > 2) {
        close(fd);
    } else { /* a standard descriptor is never closed: the next file that is opened would be it */
        int none[2];
        none[0] = open("/dev/null", O_RDWR);
        if (none[0] < 0 && pipe(none) == 0) close(none[1]);
        if (none[0] >= 0) {
            dup2(none[0], fd);
            close(none[0]);
        }
    }
    return moved;
}

/* Reads a level. Returns -1 if it is none. */
static int phi_level(const char *text, size_t length)
{
    static const char *const names[] = {"off", "error", "warn", "info", "debug", "trace"};
    int level;
    for (level = 0; level < 6; level++)
        if (strlen(names[level]) == length && strncasecmp(names[level], text, length) == 0) return level;
    return -1;
}

/* Reads a filter. Returns 0 if it is malformed. A word by itself that is no level is taken for a mistyped level. */
static int phi_read_filter(const char *text)
{
    int level, some = 0;
    phi.level = 0; /* directives for targets alone leave all others off */
    for (; *text != '\0'; text += strspn(text, ", ")) {
        size_t length = strcspn(text, ", "), name = strcspn(text, "=, ");
        if (length == 0) continue;
        level = name < length ? phi_level(text + name + 1, length - name - 1) : phi_level(text, length);
        if (level < 0 || phi.directives == PHI_DIRECTIVES) return 0;
        if (name == length) {
            phi.level = level;
        } else if ((phi.filter[phi.directives].target = strndup(text, name)) != NULL) {
            phi.filter[phi.directives++].level = level;
        }
        text += length;
        some = 1;
    }
    return some;
}

int ph_init(const char *name, const char *filter)
{
    const char *given = getenv("RECORD_PIPE_FILTER");
    int error = errno;
    if (phi.ready) return PHI_LOAD(phi.state) == PHI_OPEN;
    snprintf(phi.name, sizeof phi.name, "%s", name != NULL ? name : "");
    phi.fd = phi_adopt();
    if (phi.fd < 0 || given == NULL || *given == '\0') given = filter != NULL ? filter : "info";
    if (phi.fd >= 0) {
        long bytes = fpathconf(phi.fd, _PC_PIPE_BUF);
        phi.pipe_buf = bytes < _POSIX_PIPE_BUF ? _POSIX_PIPE_BUF : (size_t)bytes;
        phi_new_session();
        phi.state = PHI_OPEN;
        phi_send_hello();
        pthread_atfork(NULL, NULL, phi_new_session);
        atexit(phi_close);
    }
    phi.ready = 1;
    if (!phi_read_filter(given)) {
        phi.directives = 0;
        phi.level = PH_INFO;
        ph_warn("pipe_handler", "the filter \"%s\" of RECORD_PIPE_FILTER or ph_init is malformed: info is used", given);
    }
    errno = error;
    return phi.fd >= 0;
}

int ph_enabled(int level, const char *target)
{
    int at, most = phi.ready ? phi.level : PH_INFO;
    size_t length, longest = 0;
    if (PHI_LOAD(phi.state) == PHI_GONE) return 0;
    if (target == NULL) target = phi.name;
    for (at = 0; at < phi.directives; at++) {
        length = strlen(phi.filter[at].target);
        if (length < longest || strncmp(target, phi.filter[at].target, length) != 0) continue;
        longest = length;
        most = phi.filter[at].level;
    }
    return level <= most;
}

/* Records. */

static uint64_t phi_thread(void)
{
#ifdef SYS_gettid
    static __thread int generation = -1;
    static __thread uint64_t thread;
    if (generation != phi.generation) {
        thread = (uint64_t)syscall(SYS_gettid);
        generation = phi.generation;
    }
    return thread;
#else
    return 0;
#endif
}

/* Appends the formatted message. */
static void phi_message(ph_record *r, const char *format, va_list arguments)
{
    char small[512], *text = small;
    va_list again;
    int length;
    va_copy(again, arguments);
    length = vsnprintf(small, sizeof small, format, arguments);
    if (length >= (int)sizeof small) {
        text = (char *)malloc((size_t)length + 1);
        if (text == NULL) r->failed = 1;
        else vsnprintf(text, (size_t)length + 1, format, again);
    }
    va_end(again);
    r->message = r->length;
    if (length < 0) phi_text(r, format, strlen(format), PHI_MESSAGE); /* the C library could not format it */
    else if (text != NULL && phi_text(r, text, (size_t)length, PHI_MESSAGE)) r->original = (uint64_t)length;
    if (text != small) free(text);
}

int ph_vbegin_at(ph_record *r, int level, const char *target, const char *file, int line, const char *format,
                 va_list arguments)
{
    int error = errno;
    if (target == NULL) target = phi.name;
    if (level < PH_ERROR) level = PH_ERROR;
    if (level > PH_TRACE) level = PH_TRACE;
    phi_begin(r, 1, 18);
    if (!ph_enabled(level, target)) return 0;
    r->enabled = 1;
    r->level = level;
    phi_uint(r, 0); /* seq, when it is sent */
    phi_uint(r, phi_now());
    phi_marker(r, level);
    phi_name(r, target);
    errno = error; /* for %m */
    phi_message(r, format, arguments);
    phi_uint(r, phi.pid);
    phi_name(r, phi.name);
    phi_uint(r, phi_thread());
    phi_nil(r);
    phi_nil(r);
    phi_name(r, file);
    if (line > 0) phi_uint(r, (uint64_t)line);
    else phi_nil(r);
    phi_number(r, 0xdf, 0, 4);
    r->counts[0] = r->length - 4;
    errno = error;
    return 1;
}

int ph_begin_at(ph_record *r, int level, const char *target, const char *file, int line, const char *format, ...)
{
    va_list arguments;
    int enabled;
    va_start(arguments, format);
    enabled = ph_vbegin_at(r, level, target, file, line, format, arguments);
    va_end(arguments);
    return enabled;
}

void ph_log(int level, const char *target, const char *file, int line, const char *format, ...)
{
    ph_record record;
    va_list arguments;
    va_start(arguments, format);
    ph_vbegin_at(&record, level, target, file, line, format, arguments);
    va_end(arguments);
    ph_send(&record);
}

/* Begins a value of up to `length` bytes. Returns whether there is room for it; for none after the first without. */
static int phi_value(ph_record *r, const char *key, size_t length)
{
    size_t left = PHI_PAYLOAD - 3 * PHI_MARK - r->length, name;
    if (!r->enabled || r->failed || r->cut || r->deeper > 0) return 0;
    if (key == NULL) key = "(null)";
    name = r->lists[r->depth] ? 0 : 5 + strlen(key);
    if (r->values == PHI_VALUES || r->length + 3 * PHI_MARK > PHI_PAYLOAD || name + length > left) {
        r->cut = 1;
        return 0;
    }
    r->values++;
    r->items[r->depth]++;
    if (name > 0) phi_text(r, key, name - 5, left - length - 5);
    return 1;
}

static void phi_fixed(ph_record *r, const char *key, int marker, uint64_t number, int bytes)
{
    if (phi_value(r, key, 9)) phi_number(r, marker, number, bytes);
}

void ph_null(ph_record *r, const char *key) { phi_fixed(r, key, 0xc0, 0, 0); }
void ph_bool(ph_record *r, const char *key, int value) { phi_fixed(r, key, value ? 0xc3 : 0xc2, 0, 0); }
void ph_int(ph_record *r, const char *key, int64_t value) { phi_fixed(r, key, 0xd3, (uint64_t)value, 8); }
void ph_uint(ph_record *r, const char *key, uint64_t value) { phi_fixed(r, key, 0xcf, value, 8); }

void ph_float(ph_record *r, const char *key, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    phi_fixed(r, key, 0xcb, bits, 8);
}

void ph_text(ph_record *r, const char *key, const char *value, size_t length)
{
    if (phi_value(r, key, PHI_MARK)) phi_text(r, value, length, PHI_PAYLOAD - PHI_MARK - r->length);
}

void ph_str(ph_record *r, const char *key, const char *value)
{
    if (value == NULL) ph_null(r, key);
    else ph_text(r, key, value, strlen(value));
}

void ph_bytes(ph_record *r, const char *key, const void *value, size_t length)
{
    char mark[PHI_MARK];
    if (length > PHI_PAYLOAD / 2) { /* bytes with a mark among them would be other bytes */
        snprintf(mark, sizeof mark, "\xe2\x80\xa6 (%lu bytes)", (unsigned long)length);
        ph_str(r, key, mark);
    } else if (phi_value(r, key, 5 + length)) {
        phi_number(r, 0xc6, length, 4);
        phi_put(r, value, length);
    }
}

static void phi_nested(ph_record *r, const char *key, int marker)
{
    if (r->depth == 8 && r->deeper == 0) ph_str(r, key, marker == 0xdd ? "[\xe2\x80\xa6]" : "{\xe2\x80\xa6}");
    if (r->depth == 8 || !phi_value(r, key, 5)) {
        r->deeper++;
        return;
    }
    phi_number(r, marker, 0, 4);
    r->depth++;
    r->counts[r->depth] = r->length - 4;
    r->items[r->depth] = 0;
    r->lists[r->depth] = marker == 0xdd;
}

void ph_list(ph_record *r, const char *key) { phi_nested(r, key, 0xdd); }
void ph_map(ph_record *r, const char *key) { phi_nested(r, key, 0xdf); }

void ph_end(ph_record *r)
{
    if (r->deeper > 0) {
        r->deeper--;
    } else if (r->depth > 0) {
        if (!r->failed) phi_fill(r->data + r->counts[r->depth], r->items[r->depth], 4);
        r->depth--;
    }
}

void ph_err(ph_record *r, const char *key, const char *message)
{
    ph_record *error = r->error;
    if (message == NULL) message = "(null)";
    ph_str(r, key, message);
    if (!r->enabled || error != NULL || (error = (ph_record *)malloc(sizeof *error)) == NULL) return;
    phi_begin(error, 0, 0);
    error->length = 0;
    phi_marker(error, 0x94);
    phi_text(error, message, strlen(message), PHI_ERROR / 4);
    phi_number(error, 0xdd, 0, 4);
    error->counts[0] = error->length - 4;
    r->error = error;
    r->error_key = key;
}

void ph_cause(ph_record *r, const char *message)
{
    ph_record *error = r->error;
    if (error == NULL || message == NULL || error->length > PHI_ERROR / 2) return;
    error->items[0]++;
    phi_text(error, message, strlen(message), PHI_ERROR / 4);
    if (!error->failed) phi_fill(error->data + error->counts[0], error->items[0], 4);
}

/* Appends the fields after the key-values. */
static void phi_finish(ph_record *r)
{
    char mark[PHI_MARK];
    for (r->deeper = 0; r->depth > 0;) ph_end(r);
    if (r->cut) {
        int length = snprintf(mark, sizeof mark, "\xe2\x80\xa6 (cut after %lu pairs)", (unsigned long)r->items[0]++);
        phi_text(r, "cut", 3, 3);
        phi_text(r, mark, (size_t)length, PHI_MARK);
    }
    if (!r->failed) phi_fill(r->data + r->counts[0], r->items[0], 4);
    phi_nil(r);
    if (r->error != NULL && !r->error->failed) {
        phi_put(r, r->error->data, r->error->length);
        phi_nil(r);
        phi_name(r, r->error_key);
    } else {
        phi_nil(r);
    }
    if (r->original > 0) phi_uint(r, r->original);
    else phi_nil(r);
    phi_nil(r);
    phi_uint(r, phi.instance);
}

static void phi_send_record(ph_record *r)
{
    uint64_t seq;
    int sent;
    phi_finish(r);
    phi_send_hello();
    if (PHI_LOAD(phi.dropped) > 0) phi_send_dropped();
    seq = PHI_ADD(phi.seq, 1);
    if (!r->failed) phi_fill(r->data + 9, seq, 8);
    sent = !r->failed && (r->length <= phi.pipe_buf ? phi_send(r) : phi_send_fragments(r, seq));
    if (sent) {
        PHI_ADD(phi.sent, 1);
    } else if (PHI_LOAD(phi.state) == PHI_OPEN) { /* there was no memory */
        PHI_ADD(phi.unreported[r->level - 1], 1);
        PHI_ADD(phi.dropped, 1);
    }
}

/* Prints a record of a program that has no pipe. */
static void phi_print(const ph_record *r)
{
    static const char *const names[] = {"ERROR", "WARN", "INFO", "DEBUG", "TRACE"};
    const unsigned char *target = r->data + 27, *message = r->data + r->message;
    int lengths[2], at;
    for (lengths[0] = lengths[1] = 0, at = 1; at < 5; at++) {
        lengths[0] = lengths[0] << 8 | target[at];
        lengths[1] = lengths[1] << 8 | message[at];
    }
    fprintf(stderr, "%s %.*s: %.*s\n", names[r->level - 1], lengths[0], (const char *)target + 5, lengths[1],
            (const char *)message + 5);
}

void ph_send(ph_record *r)
{
    int error = errno, cancel;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    if (r->enabled && PHI_LOAD(phi.state) == PHI_OPEN) phi_send_record(r);
    else if (r->enabled && !r->failed && PHI_LOAD(phi.state) == PHI_NONE) phi_print(r);
    if (r->error != NULL && r->error->data != r->error->small) free(r->error->data);
    phi_free(r);
    pthread_setcancelstate(cancel, &cancel);
    errno = error;
}

/* Other libraries. */

#ifdef PIPE_HANDLER_GLIB
#define PHI_LENGTH(field) ((field)->length < 0 ? strlen((const char *)(field)->value) : (size_t)(field)->length)

GLogWriterOutput ph_glib_writer(GLogLevelFlags flags, const GLogField *fields, gsize count, gpointer unused)
{
    /* Fields that are not key-values. */
    static const char *const known[] = {"MESSAGE", "GLIB_DOMAIN", "CODE_FILE", "CODE_LINE", "PRIORITY", "GLIB_OLD_LOG_API"};
    ph_record r;
    const GLogField *message = NULL;
    const char *target = NULL, *file = NULL;
    int line = 0, level = PH_DEBUG, name;
    gsize at;
    if (PHI_LOAD(phi.state) == PHI_NONE) return g_log_writer_default(flags, fields, count, unused);
    if (flags & (G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO)) level = PH_INFO;
    if (flags & G_LOG_LEVEL_WARNING) level = PH_WARN;
    if (flags & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL)) level = PH_ERROR;
    for (at = 0; at < count; at++) {
        const char *value = (const char *)fields[at].value;
        for (name = 0; name < 6 && strcmp(fields[at].key, known[name]) != 0; name++) {}
        if (name == 0) message = &fields[at];
        if (name == 1) target = value;
        if (name == 2) file = value;
        if (name == 3) line = atoi(value);
    }
    ph_begin_at(&r, level, target, file, line, "%.*s", message ? (int)PHI_LENGTH(message) : 0,
                message ? (const char *)message->value : "");
    for (at = 0; at < count; at++) {
        for (name = 0; name < 6 && strcmp(fields[at].key, known[name]) != 0; name++) {}
        if (name == 6) ph_text(&r, fields[at].key, (const char *)fields[at].value, PHI_LENGTH(&fields[at]));
    }
    ph_send(&r);
    return G_LOG_WRITER_HANDLED;
}
#endif

#ifdef PIPE_HANDLER_SYSLOG
static const char *phi_ident;

void ph_openlog(const char *ident, int option, int facility)
{
    phi_ident = ident;
    openlog(ident, option, facility);
}

void ph_vsyslog(int priority, const char *format, va_list arguments)
{
    static const int levels[] = {PH_ERROR, PH_ERROR, PH_ERROR, PH_ERROR, PH_WARN, PH_INFO, PH_INFO, PH_DEBUG};
    ph_record r;
    if (PHI_LOAD(phi.state) == PHI_NONE) {
        vsyslog(priority, format, arguments);
        return;
    }
    ph_vbegin_at(&r, levels[priority & 7], phi_ident, NULL, 0, format, arguments);
    ph_send(&r);
}

void ph_syslog(int priority, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    ph_vsyslog(priority, format, arguments);
    va_end(arguments);
}
#endif

#ifdef __cplusplus
}
#endif
#endif /* PIPE_HANDLER_IMPLEMENTATION */
#endif /* PIPE_HANDLER_H */
