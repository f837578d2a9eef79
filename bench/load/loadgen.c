/* Plays many meters against one server: log all in, load or hold, wait for the last answers,
 * report. Leaves with 0 when all went well, 1 when the report counts a fault, 2 when it could not
 * begin. */
#include "crc.h"
#include "link.h"
#include "report.h"
#include "uplink.h"

#include <unistd.h>

#define TURN_MS 20
#define PACED_TURN_MS 1
#define GRACE_S 30 /* behind all bounds of the run, before an alarm ends one that hangs */

static Mark mark(const Swarm *swarm)
{
    return (Mark){
        .at_s = now_s(),
        .own_cpu_s = own_cpu_s(),
        .server_cpu_s = watched_cpu_s(&swarm->options->server),
        .acked = swarm->tally.acked,
    };
}

static void log_in(Swarm *swarm, Course *course)
{
    const Watched *server = &swarm->options->server;
    course->rss_before_kib = watched_rss_kib(server);
    double cpu_s = watched_cpu_s(server), start_s = now_s();
    double stop_s = start_s + swarm->options->patience;
    while (swarm->registered + swarm->failed < swarm->count && now_s() < stop_s) {
        swarm_dial(swarm);
        swarm_turn(swarm, TURN_MS);
    }
    course->login_s = now_s() - start_s;
    course->login_cpu_s = watched_cpu_s(server) - cpu_s;
    course->rss_after_kib = watched_rss_kib(server);
}

/* Makes the offers that have come due since paced mode began; *made counts them. */
static void pace(Swarm *swarm, double begin_s, uint64_t *made)
{
    double per_s = (double)swarm->count / (swarm->options->interval_ms * 1e-3);
    uint64_t due = (uint64_t)((now_s() - begin_s) * per_s);
    for (; *made < due && swarm->budget > 0; ++*made) {
        if (!uplink_offer(swarm, &swarm->links[*made % swarm->count]))
            swarm->tally.late++;
    }
}

static void load_until(Swarm *swarm, double stop_s, double begin_s, uint64_t *made)
{
    bool paced = swarm->options->mode == MODE_PACED;
    while (now_s() < stop_s && (swarm->budget > 0 || swarm->waiting > 0)) {
        if (paced)
            pace(swarm, begin_s, made);
        swarm_turn(swarm, paced ? PACED_TURN_MS : TURN_MS);
    }
}

/* Closed and paced mode. A run of counted uploads is measured from its first. */
static void load(Swarm *swarm, Course *course)
{
    const Options *options = swarm->options;
    uint64_t made = 0;
    double begin_s = now_s();
    Mark first = mark(swarm);
    swarm->timing = options->count > 0;
    swarm->refilling = options->mode == MODE_CLOSED;
    for (size_t i = 0; swarm->refilling && i < swarm->count; i++)
        uplink_fill(swarm, &swarm->links[i]);
    if (options->count == 0) {
        load_until(swarm, begin_s + options->warmup, begin_s, &made);
        first = mark(swarm);
        swarm->timing = true;
    }
    course->begin = first;
    load_until(swarm, first.at_s + options->seconds, begin_s, &made);
    course->end = mark(swarm);
    swarm->refilling = swarm->timing = false;
}

static bool still_sending(const Swarm *swarm)
{
    for (size_t i = 0; i < swarm->count; i++) {
        if (swarm->links[i].unsent.size > 0)
            return true;
    }
    return false;
}

/* Feed mode: round by round one send of each link, as fast as the server takes them. */
static void feed(Swarm *swarm, Course *course)
{
    course->begin = mark(swarm);
    double stop_s = course->begin.at_s + swarm->options->seconds;
    bool busy = false;
    while (now_s() < stop_s && (swarm->budget > 0 || busy)) {
        for (size_t i = 0; !busy && i < swarm->count; i++)
            uplink_offer(swarm, &swarm->links[i]);
        busy = still_sending(swarm);
        swarm_turn(swarm, busy ? TURN_MS : 0);
        busy = still_sending(swarm);
    }
    swarm->tally.missing += busy;
    course->end = mark(swarm);
}

static void hold(Swarm *swarm, Course *course)
{
    course->begin = mark(swarm);
    while (now_s() < course->begin.at_s + swarm->options->seconds)
        swarm_turn(swarm, TURN_MS);
    course->end = mark(swarm);
    course->rss_after_kib = watched_rss_kib(&swarm->options->server);
}

static void drain(Swarm *swarm)
{
    double stop_s = now_s() + swarm->options->drain;
    while (swarm->waiting > 0 && now_s() < stop_s)
        swarm_turn(swarm, TURN_MS);
    swarm->tally.missing += swarm->waiting;
}

int main(int argc, char **argv)
{
    static Swarm swarm;
    Course course = {0};
    Options options = options_parse(argc, argv);

    alarm((unsigned)(options.patience + options.warmup + options.seconds + options.drain + GRACE_S));
    crc_prepare();
    swarm_open(&swarm, &options);
    log_in(&swarm, &course);
    if (options.mode == MODE_IDLE)
        hold(&swarm, &course);
    else if (options.mode == MODE_FEED)
        feed(&swarm, &course);
    else if (options.mode != MODE_STORM)
        load(&swarm, &course);
    drain(&swarm);
    bool well = report_print(&swarm, &course);
    swarm_close(&swarm);
    return well ? 0 : 1;
}
