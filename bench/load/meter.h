/* A simulated three-phase meter. Seed and number decide all its readings, on every machine. */
#ifndef METER_H
#define METER_H

#include <stdint.h>
#include <time.h>

enum { PHASES = 3, SUM = PHASES, TARIFFS = 4 };

typedef struct {
    uint32_t number;             /* tells it from all other meters */
    uint32_t step_s;             /* from one reading to the next */
    int64_t at_s;                /* of the latest reading, on the meter's own clock, since 1970 */
    uint64_t dice;               /* state of its random numbers, never 0 */
    int load_permille;           /* of its rated current */
    uint64_t used_ws[TARIFFS];   /* watt-seconds: sharp, peak, flat, valley */
} Meter;

/* One reading as the wire counts; [SUM] is that of the three phases together. */
typedef struct {
    struct tm at;
    unsigned voltage_dv[PHASES];     /* 0.1 V */
    unsigned current_ca[PHASES];     /* 0.01 A behind the current transformers */
    unsigned power_w[PHASES + 1];    /* behind the transformers too, like all that follows */
    unsigned reactive_var[PHASES + 1];
    unsigned factor_permille[PHASES + 1];
    uint32_t energy_cwh[TARIFFS];    /* 0.01 kWh */
    unsigned transformer_ratio;
} Reading;

Meter meter_new(uint32_t number, uint64_t seed, int64_t start_s, uint32_t step_s);

/* Lets the clock of the meter go one step on; returns what it then shows. */
struct tm meter_step(Meter *meter);

/* meter_step, and what the meter then measures. */
Reading meter_read(Meter *meter);

/* A random number from low to high, both included. */
int meter_roll(Meter *meter, int low, int high);

#endif
