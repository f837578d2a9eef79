/* The line of JSON that loadgen prints. */
#ifndef REPORT_H
#define REPORT_H

#include "swarm.h"

/* Readings of clocks and meters of work, taken at one moment. */
typedef struct {
    double at_s;
    double own_cpu_s;
    double server_cpu_s;
    uint64_t acked;
} Mark;

/* What a run was like beside the tally. A span that was not measured has equal marks. */
typedef struct {
    double login_s;          /* from the first connect until all were registered, or given up */
    double login_cpu_s;      /* of the server, in that time */
    double rss_before_kib;   /* of the server, before the first connect */
    double rss_after_kib;    /* with all registered; in idle mode at its end */
    Mark begin, end;
} Course;

/* Prints the line; true when nothing in it is amiss. */
bool report_print(const Swarm *swarm, const Course *course);

#endif
