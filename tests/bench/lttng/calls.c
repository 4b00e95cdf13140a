/* Times tracepoints in bursts, as the benchmark does with log calls: 500 calls, then 3 ms in which the reader catches up. */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "record_tracepoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

enum { BURSTS = 200, CALLS = 500 };

static uint64_t ticks[BURSTS * CALLS];

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t nanos(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void record(uint64_t job, const char *name)
{
    char message[128];
    snprintf(message, sizeof message, "finished job %" PRIu64 " for tenant %s with status done", job, name);
    lttng_ust_tracepoint(bench, record, "worker::job", message, "bench::reference", "src/reference.rs", 42, job, name);
}

int main(void)
{
    uint64_t own = UINT64_MAX, began = nanos(), first = __rdtsc();
    unsigned aux;
    struct timespec pause = { 0, 3000000 };
    for (int burst = 0; burst < BURSTS; burst++) {
        for (int call = 0; call < CALLS; call++) {
            uint64_t job = burst * CALLS + call, start = __rdtsc();
            record(1000000 + job, "alpha-7");
            ticks[job] = __rdtscp(&aux) - start;
        }
        nanosleep(&pause, NULL);
    }
    for (int i = 0; i < 1000; i++) {
        uint64_t start = __rdtsc(), time = __rdtscp(&aux) - start;
        if (time < own)
            own = time;
    }
    double per_tick = (double)(nanos() - began) / (double)(__rdtsc() - first);
    qsort(ticks, BURSTS * CALLS, sizeof *ticks, by_size);
    printf("p50 %.0f ns, p99 %.0f ns\n", (ticks[BURSTS * CALLS / 2] - own) * per_tick,
           (ticks[BURSTS * CALLS / 100 * 99] - own) * per_tick);
    return 0;
}
