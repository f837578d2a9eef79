/* The command line of loadgen. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "usage.h"
#include "wire.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum { MODE_CLOSED, MODE_PACED, MODE_STORM, MODE_IDLE, MODE_FEED } Mode;

typedef struct {
    const Wire *wire;
    Mode mode;
    const char *mode_name;
    struct in_addr host;
    int64_t port;
    int64_t connections;
    int64_t window;      /* unanswered uploads that a connection may have */
    int64_t glue;        /* uploads in one send */
    bool split;         /* send in pieces */
    double interval_ms; /* between two sends of a connection in paced mode */
    double seconds;     /* to measure, or to hold in idle mode */
    double warmup;      /* seconds of load before measuring */
    double drain;       /* seconds to wait for the last answers */
    int64_t count;       /* uploads in all; 0: what the time allows */
    int64_t burst;       /* connections that may be without a registration at once */
    double patience;    /* seconds until all must be registered */
    int64_t seed;
    int64_t serial_base; /* number of the first meter */
    int64_t step;        /* seconds from one reading of a meter to its next */
    int64_t start_s;    /* the clock of the meters at the beginning, since 1970 */
    Watched server;
} Options;

/* Leaves with status 2 and a sentence on stderr when the command line is wrong. */
Options options_parse(int argc, char **argv);

#endif
