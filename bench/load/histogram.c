#include "histogram.h"

#include <math.h>

/* A duration is mantissa * 2^octave with a mantissa from 0.5 up to 1, cut into equal buckets. */
static int bucket_of(double seconds)
{
    int octave;
    double mantissa = frexp(seconds, &octave);
    if (seconds <= 0 || octave < SHORTEST_OCTAVE)
        return 0;
    if (octave > LONGEST_OCTAVE)
        return BUCKETS - 1;
    return (octave - SHORTEST_OCTAVE) * PER_OCTAVE + (int)((mantissa - 0.5) * 2 * PER_OCTAVE);
}

static double bucket_end_s(int bucket)
{
    double mantissa = 0.5 + (bucket % PER_OCTAVE + 1) / (2.0 * PER_OCTAVE);
    return ldexp(mantissa, bucket / PER_OCTAVE + SHORTEST_OCTAVE);
}

void histogram_add(Histogram *histogram, double seconds)
{
    histogram->counts[bucket_of(seconds)]++;
    histogram->total++;
    histogram->longest_s = fmax(histogram->longest_s, seconds);
}

double histogram_quantile_s(const Histogram *histogram, double share)
{
    uint64_t below = 0;
    for (int bucket = 0; bucket < BUCKETS; bucket++) {
        below += histogram->counts[bucket];
        if (below > 0 && (double)below >= share * (double)histogram->total)
            return fmin(bucket_end_s(bucket), histogram->longest_s);
    }
    return 0;
}
