#include "meter.h"

#define RATED_CURRENT_CA 500 /* 5 A, as current transformers deliver */
#define WS_PER_CWH 36000     /* watt-seconds in 0.01 kWh */

/* The tariff of each hour of the day, as an index into Meter.used_ws. */
static const char TARIFF_OF_HOUR[24] = {3, 3, 3, 3, 3, 3, 3, 2, 1, 1, 1, 2,
                                        2, 2, 2, 2, 2, 2, 1, 0, 0, 1, 2, 3};

/* Cosine and sine of the same angle, in thousandths. */
static const struct {
    unsigned cosine, sine;
} ANGLES[] = {{800, 600}, {850, 527}, {880, 475}, {900, 436},
              {920, 392}, {940, 341}, {960, 280}, {980, 199}};

/* xorshift64*; the high half is the better one. */
static uint32_t next_random(uint64_t *dice)
{
    *dice ^= *dice >> 12;
    *dice ^= *dice << 25;
    *dice ^= *dice >> 27;
    return (uint32_t)(*dice * 0x2545F4914F6CDD1Du >> 32);
}

int meter_roll(Meter *meter, int low, int high)
{
    uint64_t sides = (uint64_t)(high - low) + 1;
    return low + (int)(next_random(&meter->dice) * sides >> 32);
}

Meter meter_new(uint32_t number, uint64_t seed, int64_t start_s, uint32_t step_s)
{
    Meter meter = {.number = number, .step_s = step_s, .at_s = start_s};
    meter.dice = (seed << 32 | number) * 0x9E3779B97F4A7C15u | 1;
    for (int warm_up = 0; warm_up < 4; warm_up++) /* neighbours begin alike */
        next_random(&meter.dice);

    meter.load_permille = meter_roll(&meter, 200, 900);
    for (int tariff = 0; tariff < TARIFFS; tariff++)
        meter.used_ws[tariff] = (uint64_t)meter_roll(&meter, 0, 4000000) * WS_PER_CWH;
    return meter;
}

struct tm meter_step(Meter *meter)
{
    struct tm at;
    meter->at_s += meter->step_s;
    time_t clock_s = (time_t)meter->at_s;
    gmtime_r(&clock_s, &at);
    return at;
}

static int between(int low, int value, int high)
{
    return value < low ? low : value > high ? high : value;
}

static void read_phase(Meter *meter, Reading *reading, int phase)
{
    size_t angle = (size_t)meter_roll(meter, 0, sizeof ANGLES / sizeof *ANGLES - 1);
    int load_permille = meter->load_permille + meter_roll(meter, -12, 12);
    unsigned voltage_dv = (unsigned)meter_roll(meter, 2150, 2250);
    unsigned current_ca = RATED_CURRENT_CA * (unsigned)load_permille / 1000;
    unsigned apparent_mva = voltage_dv * current_ca; /* 0.1 V times 0.01 A */

    reading->voltage_dv[phase] = voltage_dv;
    reading->current_ca[phase] = current_ca;
    reading->power_w[phase] = apparent_mva / 1000 * ANGLES[angle].cosine / 1000;
    reading->reactive_var[phase] = apparent_mva / 1000 * ANGLES[angle].sine / 1000;
    reading->factor_permille[phase] = ANGLES[angle].cosine;
    reading->power_w[SUM] += reading->power_w[phase];
    reading->reactive_var[SUM] += reading->reactive_var[phase];
    reading->factor_permille[SUM] += ANGLES[angle].cosine;
}

Reading meter_read(Meter *meter)
{
    Reading reading = {.at = meter_step(meter), .transformer_ratio = 20 + meter->number % 5 * 20};
    meter->load_permille = between(100, meter->load_permille + meter_roll(meter, -20, 20), 1000);
    for (int phase = 0; phase < PHASES; phase++)
        read_phase(meter, &reading, phase);
    reading.factor_permille[SUM] /= PHASES;

    int tariff = TARIFF_OF_HOUR[reading.at.tm_hour];
    meter->used_ws[tariff] += (uint64_t)reading.power_w[SUM] * meter->step_s;
    for (tariff = 0; tariff < TARIFFS; tariff++)
        reading.energy_cwh[tariff] = (uint32_t)(meter->used_ws[tariff] / WS_PER_CWH);
    return reading;
}
