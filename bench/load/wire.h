/* A meter protocol as the two programs need it: functions on bytes, no socket, no state.
 *
 *     loadgen, in the place of meters:        login, upload, scan, read_reply
 *     refserver, in the place of a platform:  scan, reply
 */
#ifndef WIRE_H
#define WIRE_H

#include "meter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LONGEST_FRAME 4096  /* eight times the longest Acrel report seen in the field (512) */
#define LONGEST_UPLOAD 1040 /* HJ 212: a segment of 1,024, and 12 around it */
#define LONGEST_REPLY 192   /* HJ 212: a 9014 with the longest QN, PW and MN that are copied */

typedef enum {
    SCAN_SHORT,   /* a frame has begun and goes on behind these bytes; the size is 0 */
    SCAN_FRAME,   /* a frame whose checksum fits */
    SCAN_FILLER,  /* bytes allowed between frames */
    SCAN_GARBAGE, /* bytes of no sound frame */
} ScanKind;

/* What a stream begins with, and how many bytes of it that takes. */
typedef struct {
    ScanKind kind;
    size_t size;
} Scan;

typedef enum { REPLY_TO_LOGIN, REPLY_TO_UPLOAD, REPLY_TO_OTHER } ReplyKind;

typedef struct {
    ReplyKind kind;
    uint64_t token; /* names the upload it answers; 0 where the protocol has no such name */
} Reply;

typedef struct {
    const char *name;

    /* Writes a login to out (LONGEST_UPLOAD bytes), returns its size. NULL: the protocol has none,
     * and a meter counts as registered when its first upload is answered. */
    size_t (*login)(Meter *meter, uint8_t *out);

    /* The same for the meter's next upload; its token goes to token. */
    size_t (*upload)(Meter *meter, uint8_t *out, uint64_t *token);

    /* Looks at the front of a stream of at least one byte, in either direction. */
    Scan (*scan)(const uint8_t *bytes, size_t size);

    /* Reads a frame that a platform sent. */
    Reply (*read_reply)(const uint8_t *frame, size_t size);

    /* Writes to out (LONGEST_REPLY bytes) what a platform answers to a frame, returns its size;
     * 0 when the frame wants no answer. */
    size_t (*reply)(const uint8_t *frame, size_t size, uint8_t *out);
} Wire;

extern const Wire ACREL;
extern const Wire HJ212;    /* 4 factors in an upload */
extern const Wire HJ212_12; /* 12 of them */

/* NULL when no protocol has that name. */
const Wire *wire_named(const char *name);

#endif
