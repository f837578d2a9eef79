#include "report.h"

#include <inttypes.h>
#include <stdio.h>

static void print_whole(const char *key, uint64_t value)
{
    printf(",\"%s\":%" PRIu64, key, value);
}

static void print_real(const char *key, double value)
{
    printf(",\"%s\":%.4f", key, value);
}

static void print_null(const char *key)
{
    printf(",\"%s\":null", key);
}

/* null when there is nothing to divide by. */
static void print_per(const char *key, double value, double divisor)
{
    if (divisor > 0)
        print_real(key, value / divisor);
    else
        print_null(key);
}

static void print_times(const char *stem, const Histogram *times)
{
    static const struct {
        const char *name;
        double share;
    } columns[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"max", 1}};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        char key[32];
        snprintf(key, sizeof key, "%s_%s_ms", stem, columns[i].name);
        if (times->total > 0)
            print_real(key, histogram_quantile_s(times, columns[i].share) * 1e3);
        else
            print_null(key);
    }
}

static void print_load(const Swarm *swarm)
{
    const Options *options = swarm->options;
    printf("{\"protocol\":\"%s\",\"mode\":\"%s\"", options->wire->name, options->mode_name);
    print_whole("connections", swarm->count);
    print_whole("window", swarm->window);
    print_whole("glue", swarm->glue);
    printf(",\"split\":%s", options->split ? "true" : "false");
}

static void print_logins(const Swarm *swarm, const Course *course)
{
    print_whole("registered", swarm->registered);
    print_per("connect_per_s", (double)swarm->registered, course->login_s);
    print_times("register", &swarm->logins);
}

static void print_uploads(const Swarm *swarm, const Course *course)
{
    double span_s = course->end.at_s - course->begin.at_s;
    double own_cpu_s = course->end.own_cpu_s - course->begin.own_cpu_s;
    print_whole("frames_sent", swarm->tally.sent);
    print_whole("acked", swarm->tally.acked);
    print_real("measured_s", span_s);
    print_whole("measured_acked", course->end.acked - course->begin.acked);
    print_per("acked_per_s", (double)(course->end.acked - course->begin.acked), span_s);
    print_times("latency", &swarm->acks);
    print_per("loadgen_cpu_percent", own_cpu_s * 100, span_s);
}

static void print_server(const Swarm *swarm, const Course *course)
{
    double known = swarm->options->server.count > 0 ? 1 : 0;
    double cpu_s = course->end.server_cpu_s - course->begin.server_cpu_s;
    double span_s = course->end.at_s - course->begin.at_s;
    double acked = (double)(course->end.acked - course->begin.acked);
    double registered = (double)swarm->registered;
    double grown_kib = course->rss_after_kib - course->rss_before_kib;
    print_per("server_cpu_us_per_frame", cpu_s * 1e6, acked * known);
    print_per("server_cpu_us_per_connection", course->login_cpu_s * 1e6, registered * known);
    print_per("server_cpu_percent", cpu_s * 100, span_s * known);
    print_per("server_rss_kib", course->rss_after_kib, known);
    print_per("server_rss_kib_per_connection", grown_kib, registered * known);
}

static uint64_t unsent(const Swarm *swarm)
{
    return swarm->options->count > 0 ? swarm->budget : 0;
}

static void print_faults(const Swarm *swarm)
{
    const Tally *tally = &swarm->tally;
    print_whole("errors", tally->failures);
    print_whole("resets", tally->resets);
    print_whole("missing_acks", tally->missing);
    print_whole("duplicate_acks", tally->unexpected);
    print_whole("noise_bytes", tally->noise_bytes);
    print_whole("unsent", unsent(swarm));
    print_whole("out_of_order_acks", tally->overtaking);
    print_whole("other_frames", tally->other);
    print_whole("late", tally->late);
}

bool report_print(const Swarm *swarm, const Course *course)
{
    const Tally *tally = &swarm->tally;
    print_load(swarm);
    print_logins(swarm, course);
    print_uploads(swarm, course);
    print_server(swarm, course);
    print_faults(swarm);
    puts("}");
    return swarm->registered == swarm->count &&
           tally->failures + tally->resets + tally->missing + tally->unexpected +
                   tally->noise_bytes + unsent(swarm) == 0;
}
