/* A wall clock that is wrong by what a file says: preloaded, for chaos.

       WALL_SHIFT=FILE LD_PRELOAD=shift.so program     FILE: seconds, 8 bytes of this machine

   The file may be written while programs run.  Monotonic clocks are left alone. */

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef int (*reader)(clockid_t, struct timespec *);

static const volatile int64_t *shift_s;
static reader true_clock;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("WALL_SHIFT");
    true_clock = (reader)dlsym(RTLD_NEXT, "clock_gettime");
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    void *found = mmap(NULL, sizeof *shift_s, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (found != MAP_FAILED)
        shift_s = found;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (true_clock == NULL)
        begin();
    int failed = true_clock(clock, now);
    if (!failed && shift_s != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += *shift_s;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec exact;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &exact))
        return -1;
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *into)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now))
        return -1;
    if (into != NULL)
        *into = now.tv_sec;
    return now.tv_sec;
}
