// SPDX-License-Identifier: MIT OR Apache-2.0
// The test child in C and C++; tests/clients lists the scenarios.

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define PIPE_HANDLER_IMPLEMENTATION
#define PIPE_HANDLER_GLIB
#define PIPE_HANDLER_SYSLOG
#define G_LOG_DOMAIN "clients"
#define G_LOG_USE_STRUCTURED
#include <stdlib.h>
/* For the scenario no-memory. */
static int no_memory;
#define realloc(old, size) (no_memory ? NULL : realloc(old, size))
#include "pipe_handler.h"
#define syslog ph_syslog
#define openlog ph_openlog

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *const TARGET = "clients.c";

static char *repeat(const char *text, size_t times)
{
    size_t length = strlen(text), at;
    char *all = (char *)malloc(length * times + 1);
    if (all == NULL) abort();
    for (at = 0; at < times; at++) memcpy(all + length * at, text, length);
    all[length * times] = '\0';
    return all;
}

static void hello(void)
{
    ph_record r;
    ph_begin(&r, PH_INFO, "clients.hello", "hello from %s", "C");
    ph_str(&r, "user", "ada");
    ph_int(&r, "n", 7);
    ph_send(&r);
}

/* Logs one value of a type: `put` is a statement with the record `r`. */
#define VALUE(name, put)                            \
    do {                                            \
        ph_record r;                                \
        ph_begin(&r, PH_INFO, TARGET, "%s", name);  \
        put;                                        \
        ph_send(&r);                                \
    } while (0)

static void put_list(ph_record *r, const char *key)
{
    ph_list(r, key);
    ph_int(r, NULL, 1);
    ph_str(r, NULL, "a");
    ph_null(r, NULL);
    ph_end(r);
}

static void put_map(ph_record *r, const char *key)
{
    ph_map(r, key);
    ph_int(r, "a", 1);
    ph_list(r, "b");
    ph_bool(r, NULL, 1);
    ph_end(r);
    ph_end(r);
}

static void types(void)
{
    VALUE("null", ph_null(&r, "value"));
    VALUE("bool", ph_bool(&r, "value", 1));
    VALUE("int", ph_int(&r, "value", -7));
    VALUE("big", ph_int(&r, "value", 9007199254740993));
    VALUE("unsigned", ph_uint(&r, "value", UINT64_MAX));
    VALUE("float", ph_float(&r, "value", 1.5));
    VALUE("whole", ph_float(&r, "value", 1.0));
    VALUE("text", ph_str(&r, "value", "x"));
    VALUE("list", put_list(&r, "value"));
    VALUE("map", put_map(&r, "value"));
    ph_error(TARGET, "level");
    ph_warn(TARGET, "level");
    ph_info(TARGET, "level");
    ph_debug(TARGET, "level");
    ph_trace(TARGET, "level");
}

static void error(void)
{
    ph_record r;
    ph_begin(&r, PH_ERROR, TARGET, "failed");
    ph_err(&r, "err", "cannot open");
    ph_cause(&r, "no such file");
    ph_send(&r);
}

static void put_depth(ph_record *r, int depth)
{
    int at;
    for (at = 0; at < depth; at++) ph_list(r, "value");
    ph_int(r, NULL, 1);
    for (at = 0; at < depth; at++) ph_end(r);
}

static void nasty(void)
{
    char *huge = repeat("x", 1 << 20), *wide = repeat("🦀", 100000), *key = repeat("k", 100 << 10), name[32];
    int at;
    VALUE("i64-min", ph_int(&r, "value", INT64_MIN));
    VALUE("u64-max", ph_uint(&r, "value", UINT64_MAX));
    VALUE("nan", ph_float(&r, "value", NAN));
    VALUE("infinity", ph_float(&r, "value", INFINITY));
    VALUE("minus-infinity", ph_float(&r, "value", -INFINITY));
    VALUE("minus-zero", ph_float(&r, "value", -0.0));
    VALUE("least-float", ph_float(&r, "value", 5e-324));
    VALUE("greatest-float", ph_float(&r, "value", DBL_MAX));
    VALUE("surrogate", ph_str(&r, "value", "a\xff" "b"));
    VALUE("nul", ph_text(&r, "value", "a\0b", 3));
    VALUE("empty-text", ph_str(&r, "value", ""));
    VALUE("huge-text", ph_str(&r, "value", huge));
    VALUE("huge-wide-text", ph_str(&r, "value", wide));
    VALUE("huge-together", ph_text(&r, "value", huge, 200 << 10); ph_text(&r, "b", huge, 200 << 10);
          ph_text(&r, "c", huge, 200 << 10));
    ph_info(TARGET, "huge-message %s", huge);
    ph_info(TARGET, "surrogate-message %s", "a\xff" "b");
    VALUE("null-text", ph_str(&r, "value", NULL));
    VALUE("bytes", ph_bytes(&r, "value", "\0\xff", 2));
    VALUE("huge-bytes", ph_bytes(&r, "value", huge, 1 << 20));
    VALUE("empty-key", ph_int(&r, "", 1));
    VALUE("surrogate-key", ph_int(&r, "a\xff" "b", 1));
    VALUE("duplicate-key", ph_int(&r, "value", 1); ph_int(&r, "value", 2));
    VALUE("long-key", ph_int(&r, key, 1));
    VALUE("huge-key", ph_int(&r, huge, 1));
    VALUE("null-key", ph_int(&r, NULL, 1));
    VALUE("many-keys", for (at = 0; at < 10000; at++) {
        snprintf(name, sizeof name, "key-%d", at);
        ph_int(&r, name, at);
    });
    VALUE("depth-8", put_depth(&r, 8));
    VALUE("depth-9", put_depth(&r, 9));
    VALUE("huge-list", ph_list(&r, "value"); for (at = 0; at < 100000; at++) ph_int(&r, NULL, at); ph_end(&r));
    VALUE("end", (void)0);
    free(huge);
    free(wide);
    free(key);
}

static pthread_t started[64];
static int64_t each;
static char *padding;
static int as_json;

/* Logs as a program does that has only stdio. */
static void print_json(const char *message, int64_t n)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    fprintf(stderr, "{\"time\":%ld.%09ld,\"level\":\"info\",\"target\":\"%s\",\"message\":\"%s\",\"n\":%ld}\n",
            (long)now.tv_sec, now.tv_nsec, TARGET, message, (long)n);
}

static void *flood_thread(void *unused)
{
    int64_t n;
    if (as_json) {
        for (n = 0; n < each; n++) print_json("flood", n);
        return unused;
    }
    for (n = 0; n < each; n++) {
        ph_record r;
        ph_begin(&r, PH_INFO, TARGET, "flood");
        ph_int(&r, "n", n);
        if (padding != NULL) ph_str(&r, "padding", padding);
        ph_send(&r);
    }
    return unused;
}

static void start(int threads, int64_t records)
{
    int at;
    each = records / threads;
    for (at = 0; at < threads; at++) pthread_create(&started[at], NULL, flood_thread, NULL);
}

static void join(int threads)
{
    int at;
    for (at = 0; at < threads; at++) pthread_join(started[at], NULL);
}

static void flood(int threads, int64_t records)
{
    start(threads, records);
    join(threads);
}

/* Forks while four threads log long records. */
static void families(int forks)
{
    pid_t child;
    padding = repeat("p", 10000);
    start(4, 2000);
    while (forks-- > 0) {
        child = fork();
        if (child == 0) {
            ph_info(TARGET, "child");
            ph_info(TARGET, "child %s", padding);
            exit(0);
        }
        waitpid(child, NULL, 0);
    }
    join(4);
    free(padding);
}

/* Drops one record, because there is no memory for it. */
static void drop(void)
{
    ph_record r;
    ph_info(TARGET, "before");
    no_memory = 1;
    ph_begin(&r, PH_WARN, TARGET, "dropped %s", "for want of memory");
    ph_str(&r, "long", TARGET);
    put_depth(&r, 100);
    ph_bytes(&r, "bytes", r.small, sizeof r.small);
    ph_send(&r);
    no_memory = 0;
    ph_info(TARGET, "after");
}

static void big(size_t bytes)
{
    char *text = repeat("x", bytes);
    ph_info(TARGET, "%s", text);
    ph_info(TARGET, "after");
    free(text);
}

static void unicode(void)
{
    const char *text = "grüße 漢字 🦀 \a \x1b[31m \n \xe2\x80\xa8";
    ph_record r;
    ph_begin(&r, PH_INFO, TARGET, "%s", text);
    ph_str(&r, text, text);
    ph_send(&r);
}

static void ack(void)
{
    int64_t n;
    for (n = 0;; n++) {
        ph_record r;
        ph_begin(&r, PH_INFO, TARGET, "ack");
        ph_int(&r, "n", n);
        ph_send(&r);
        printf("%ld\n", (long)n);
        fflush(stdout);
    }
}

static void survive(int records)
{
    int n;
    puts("ready");
    fflush(stdout);
    getchar();
    for (n = 0; n < records; n++) ph_info(TARGET, "still here");
    puts("done");
    fflush(stdout);
}

static void do_fork(void)
{
    pid_t child;
    ph_info(TARGET, "parent");
    child = fork();
    if (child == 0) {
        ph_info(TARGET, "child");
        exit(0);
    }
    waitpid(child, NULL, 0);
    ph_info(TARGET, "parent again");
}

static void recipes(void)
{
    g_log_set_writer_func(ph_glib_writer, NULL, NULL);
    /* As g_warning does it, and with a field. */
    g_log_structured("clients.glib", G_LOG_LEVEL_WARNING, "CODE_FILE", __FILE__, "CODE_LINE", G_STRINGIFY(__LINE__),
                     "CODE_FUNC", G_STRFUNC, "USER", "ada", "MESSAGE", "%s", "glib");
    openlog("clients.syslog", 0, LOG_USER);
    syslog(LOG_NOTICE, "%s", "syslog");
}

int main(int count, char **arguments)
{
    const char *scenario = count > 1 ? arguments[1] : "";
    ph_init("child-c", NULL);
#define IS(name) (strcmp(scenario, name) == 0)
    if (IS("hello")) hello();
    else if (IS("types")) types();
    else if (IS("error")) error();
    else if (IS("nasty")) nasty();
    else if (IS("flood")) flood(atoi(arguments[2]), atol(arguments[3]));
    else if (IS("json")) as_json = 1, flood(atoi(arguments[2]), atol(arguments[3]));
    else if (IS("families")) families(atoi(arguments[2]));
    else if (IS("no-memory")) drop();
    else if (IS("big")) big((size_t)atol(arguments[2]));
    else if (IS("unicode")) unicode();
    else if (IS("ack")) ack();
    else if (IS("survive")) survive(atoi(arguments[2]));
    else if (IS("fork")) do_fork();
    else if (IS("recipes")) recipes();
    else return 2;
    return 0;
}
