/* Many meters, each on its own TCP connection, moved by one thread around one epoll.
 *
 *     unused → dialling → greeting → online → gone
 *
 * The files: swarm.c dials and turns the loop; link.c holds a connection's memory and its end;
 * uplink.c sends; downlink.c takes the answers. */
#ifndef SWARM_H
#define SWARM_H

#include "histogram.h"
#include "meter.h"
#include "options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { LINK_UNUSED, LINK_DIALLING, LINK_GREETING, LINK_ONLINE, LINK_GONE } Stage;

/* An upload that no answer has come to. */
typedef struct {
    double sent_s;
    uint64_t token;
} Pending;

/* Bytes that wait for the kernel; allocated only while there are some. */
typedef struct {
    uint8_t *bytes;
    size_t size, taken;
} Rest;

typedef struct Link {
    int socket;
    Stage stage;
    Meter meter;
    double dialled_s;
    Pending *pending; /* ring of --window places */
    uint32_t oldest, waiting;
    Rest unsent; /* of a send */
    Rest unread; /* the beginning of an answer */
    int cuts;    /* that --split has made in the send under way */
    double due_s;          /* when its next piece goes out */
    struct Link *next_due; /* in the queue of those that wait for that */
} Link;

typedef struct {
    uint64_t sent, acked;  /* uploads */
    uint64_t overtaking;   /* acks that came before that of an older upload */
    uint64_t unexpected;   /* acks that answer nothing */
    uint64_t missing;      /* uploads that no ack came to */
    uint64_t other;        /* sound frames that are no ack */
    uint64_t noise_bytes;  /* in answers, of no sound frame */
    uint64_t failures;     /* connections that could not be made */
    uint64_t resets;       /* connections that the server ended */
    uint64_t late;         /* sends that paced mode left out, the window being full */
} Tally;

typedef struct {
    const Options *options;
    const Wire *wire;
    uint32_t window, glue;
    Link *links;
    size_t count;
    int epoll;
    size_t dialled;    /* so many of the links, from the first */
    size_t logging_in; /* of them dialling or greeting */
    size_t registered; /* that ever came online */
    size_t failed;     /* that never did, and no longer can */
    uint64_t waiting;  /* uploads, over all links */
    uint64_t budget;   /* uploads that may still be sent */
    bool refilling;    /* each ack lets the next upload out */
    bool feeding;      /* nobody logs in, and no ack is waited for */
    bool timing;       /* ack times go into acks */
    Histogram logins;  /* from connect to registered */
    Histogram acks;    /* from send to ack */
    Tally tally;
    Link *first_due, *last_due;
    uint64_t dice; /* for where --split cuts */
} Swarm;

/* Leaves with status 2 when so many sockets are not allowed. */
void swarm_open(Swarm *swarm, const Options *options);
void swarm_close(Swarm *swarm);

/* Dials on while fewer than --burst links are logging in. */
void swarm_dial(Swarm *swarm);

/* Waits for events, wait_ms at most, and acts on them. */
void swarm_turn(Swarm *swarm, int wait_ms);

#endif
