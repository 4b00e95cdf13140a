/* The reference record as a tracepoint. */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER bench
#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "./record_tracepoint.h"

#if !defined(RECORD_TRACEPOINT_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define RECORD_TRACEPOINT_H

#include <stdint.h>
#include <lttng/tracepoint.h>

LTTNG_UST_TRACEPOINT_EVENT(
    bench, record,
    LTTNG_UST_TP_ARGS(const char *, target, const char *, message, const char *, module_path,
                      const char *, file, uint32_t, line, uint64_t, job, const char *, name),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_string(target, target)
        lttng_ust_field_string(message, message)
        lttng_ust_field_string(module_path, module_path)
        lttng_ust_field_string(file, file)
        lttng_ust_field_integer(uint32_t, line, line)
        lttng_ust_field_integer(uint64_t, job, job)
        lttng_ust_field_string(name, name)))
#endif

#include <lttng/tracepoint-event.h>
