/* CPU time and memory of processes, as /proc shows them. */
#ifndef USAGE_H
#define USAGE_H

#include <stdbool.h>

#define PIDS_MAX 32

typedef struct {
    int pids[PIDS_MAX];
    int count;
} Watched;

/* Reads "12,34" into watched; false when the text is no such list. */
bool watched_parse(const char *text, Watched *watched);

/* CPU time of all their threads, user and system; the dead count for nothing. */
double watched_cpu_s(const Watched *watched);

/* Resident memory; what several of them share counts for each. */
double watched_rss_kib(const Watched *watched);

/* CPU time of this process. */
double own_cpu_s(void);

/* The monotonic clock. */
double now_s(void);

#endif
