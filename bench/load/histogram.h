/* Durations counted in a fixed number of buckets, none wider than 1/64 of what it holds. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

#define PER_OCTAVE 64
#define SHORTEST_OCTAVE (-20) /* 2^-20 s: a microsecond, and all below */
#define LONGEST_OCTAVE 10     /* 2^10 s: longer than any run */
#define BUCKETS ((LONGEST_OCTAVE - SHORTEST_OCTAVE + 1) * PER_OCTAVE)

typedef struct {
    uint64_t counts[BUCKETS];
    uint64_t total;
    double longest_s;
} Histogram;

void histogram_add(Histogram *histogram, double seconds);

/* The duration that a share (0 to 1) of all did not exceed; 0 when there are none. */
double histogram_quantile_s(const Histogram *histogram, double share);

#endif
