#include "usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bool watched_parse(const char *text, Watched *watched)
{
    for (watched->count = 0; watched->count < PIDS_MAX; text++) {
        char *end;
        long pid = strtol(text, &end, 10);
        if (end == text || pid < 1 || (*end != ',' && *end != '\0'))
            return false;
        watched->pids[watched->count++] = (int)pid;
        if (*end == '\0')
            return true;
        text = end;
    }
    return false;
}

static FILE *open_proc(int pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return fopen(path, "r");
}

/* utime and stime of /proc/PID/stat; 11 fields lie between the closing bracket of the name and
 * them, and the name may hold spaces and brackets of its own. */
static double cpu_s(int pid)
{
    char line[1024] = "";
    unsigned long user = 0, kernel = 0;
    FILE *file = open_proc(pid, "stat");
    if (file == NULL)
        return 0;
    char *name_end = fgets(line, sizeof line, file) == NULL ? NULL : strrchr(line, ')');
    fclose(file);
    if (name_end != NULL)
        sscanf(name_end, ") %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &user, &kernel);
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

/* The number behind a key; -1 when there is none. */
static double kib_of(int pid, const char *name, const char *key)
{
    char line[256];
    double kib = -1;
    FILE *file = open_proc(pid, name);
    if (file == NULL)
        return -1;
    while (kib < 0 && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0)
            kib = atof(line + strlen(key));
    }
    fclose(file);
    return kib;
}

/* The counter behind VmRSS is kept per thread and lags; smaps_rollup counts the pages. */
static double rss_kib(int pid)
{
    double kib = kib_of(pid, "smaps_rollup", "Rss:");
    if (kib < 0)
        kib = kib_of(pid, "status", "VmRSS:");
    return kib < 0 ? 0 : kib;
}

double watched_cpu_s(const Watched *watched)
{
    double sum_s = 0;
    for (int i = 0; i < watched->count; i++)
        sum_s += cpu_s(watched->pids[i]);
    return sum_s;
}

double watched_rss_kib(const Watched *watched)
{
    double sum_kib = 0;
    for (int i = 0; i < watched->count; i++)
        sum_kib += rss_kib(watched->pids[i]);
    return sum_kib;
}

static double clock_s(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double own_cpu_s(void)
{
    return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

double now_s(void)
{
    return clock_s(CLOCK_MONOTONIC);
}
