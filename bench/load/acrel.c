/* Acrel 4G meters:  7B 7B | command | body | CRC-16/MODBUS of both, low byte first | 7D 7D
 *
 * Nothing tells the length and nothing is escaped: 7D 7D may well stand inside, and ends the frame
 * only where the two bytes before it are the checksum of all that came before them. */
#include "bytes.h"
#include "crc.h"
#include "wire.h"

#define HEAD 0x7B
#define TAIL 0x7D
#define COMMAND_AT 2
#define SHORTEST 7 /* head, command, checksum, tail */
#define SERIAL_SIZE 20
#define ICCID_SIZE 30
#define BLOCK_SIZE 0x60 /* of the DTSY1352's report */
#define BEIJING_S (8 * 3600)

enum { LOGIN = 0x84, UPLOAD = 0x91, CLOCK = 0x93 };

static const uint8_t LOGIN_REPLY[SHORTEST] = {HEAD, HEAD, LOGIN, 0xBF, 0x23, TAIL, TAIL};
static const uint8_t UPLOAD_REPLY[SHORTEST] = {HEAD, HEAD, UPLOAD, 0x7E, 0xEC, TAIL, TAIL};

static uint8_t *open_frame(uint8_t *frame, unsigned command)
{
    return put_u8(put_u8(put_u8(frame, HEAD), HEAD), command);
}

/* Puts checksum and tail behind a body that ends at end; returns the size of the frame. */
static size_t close_frame(const uint8_t *frame, uint8_t *end)
{
    const uint8_t *covered = frame + COMMAND_AT;
    end = put_le16(end, crc_modbus(CRC_START, covered, (size_t)(end - covered)));
    end = put_u8(put_u8(end, TAIL), TAIL);
    return (size_t)(end - frame);
}

static uint8_t *put_serial(uint8_t *at, const Meter *meter)
{
    uint8_t *end = at + SERIAL_SIZE;
    at = put_decimal(put_text(at, "2611"), meter->number, 10);
    return put_zeros(at, (size_t)(end - at));
}

static size_t login(Meter *meter, uint8_t *out)
{
    static const uint8_t versions[] = {0x02, 0x14, 0x01, 0x07, 0x01, 0x00}; /* BCD, of three parts */
    uint8_t *at = put_serial(open_frame(out, LOGIN), meter);
    at = put_decimal(put_text(at, "8986031700"), meter->number, 10);
    at = put_zeros(at, ICCID_SIZE - 20);
    at = put_u8(at, (unsigned)meter_roll(meter, 10, 31)); /* signal strength */
    at = put_bytes(at, versions, sizeof versions);
    at = put_u8(at, 1); /* minutes between its reports */
    return close_frame(out, at);
}

static uint8_t *put_clock(uint8_t *at, const struct tm *clock)
{
    at = put_u8(at, (unsigned)clock->tm_year % 100);
    at = put_u8(at, (unsigned)clock->tm_mon + 1);
    at = put_u8(at, (unsigned)clock->tm_mday);
    at = put_u8(at, (unsigned)clock->tm_wday);
    at = put_u8(at, (unsigned)clock->tm_hour);
    at = put_u8(at, (unsigned)clock->tm_min);
    return put_u8(at, (unsigned)clock->tm_sec);
}

static uint8_t *put_row(uint8_t *at, const unsigned *values, int count)
{
    for (int i = 0; i < count; i++)
        at = put_be16(at, values[i]);
    return at;
}

static uint8_t *put_energies(uint8_t *at, const Reading *reading)
{
    uint32_t total_cwh = 0;
    for (int tariff = 0; tariff < TARIFFS; tariff++)
        total_cwh += reading->energy_cwh[tariff];
    at = put_be32(at, total_cwh);
    for (int tariff = 0; tariff < TARIFFS; tariff++)
        at = put_be32(at, reading->energy_cwh[tariff]);
    return at;
}

/* The report in the order of its registers. */
static uint8_t *put_block(uint8_t *at, const Reading *reading)
{
    uint8_t *end = at + BLOCK_SIZE;
    at = put_be16(at, 0);
    at = put_row(at, reading->voltage_dv, PHASES);
    at = put_row(at, reading->current_ca, PHASES);
    at = put_row(at, reading->power_w, PHASES + 1);
    at = put_row(at, reading->reactive_var, PHASES + 1);
    at = put_row(at, reading->factor_permille, PHASES + 1);
    at = put_be16(at, 1); /* PT */
    at = put_be16(at, reading->transformer_ratio);
    at = put_energies(at, reading);
    at = put_be32(at, 50000); /* money left, 0.01 yuan */
    at = put_be16(at, 3);     /* times it was bought */
    at = put_zeros(at, 12);
    at = put_clock(at, &reading->at);
    return put_zeros(at, (size_t)(end - at));
}

/* One section: "[[" its address "((" a Modbus reply with a checksum of its own "))]]". */
static size_t upload(Meter *meter, uint8_t *out, uint64_t *token)
{
    Reading reading = meter_read(meter);
    uint8_t *modbus = put_text(put_serial(open_frame(out, UPLOAD), meter), "[[1-1((");
    uint8_t *at = put_u8(put_u8(put_u8(modbus, 0x01), 0x03), BLOCK_SIZE);
    at = put_block(at, &reading);
    at = put_le16(at, crc_modbus(CRC_START, modbus, (size_t)(at - modbus)));
    *token = 0;
    return close_frame(out, put_text(at, "))]]"));
}

/* Garbage up to the next byte that may begin a frame, the last one included if it is a head. */
static Scan garbage(const uint8_t *bytes, size_t size)
{
    size_t at = 1;
    while (at < size && !(bytes[at] == HEAD && (at + 1 == size || bytes[at + 1] == HEAD)))
        at++;
    return (Scan){SCAN_GARBAGE, at};
}

static Scan scan(const uint8_t *bytes, size_t size)
{
    if (bytes[0] != HEAD || (size > 1 && bytes[1] != HEAD))
        return garbage(bytes, size);

    size_t reach = size < LONGEST_FRAME ? size : LONGEST_FRAME;
    size_t summed = COMMAND_AT; /* so far; the sum goes on from candidate to candidate */
    uint16_t sum = CRC_START;
    for (size_t at = SHORTEST - 2; at + 1 < reach; at++) {
        const uint8_t *tail = memchr(bytes + at, TAIL, reach - 1 - at);
        if (tail == NULL)
            break;
        at = (size_t)(tail - bytes);
        if (tail[1] != TAIL)
            continue;
        sum = crc_modbus(sum, bytes + summed, at - 2 - summed);
        summed = at - 2;
        if (get_le16(tail - 2) == sum)
            return (Scan){SCAN_FRAME, at + 2};
    }
    return size < LONGEST_FRAME ? (Scan){SCAN_SHORT, 0} : garbage(bytes, size);
}

static Reply read_reply(const uint8_t *frame, size_t size)
{
    if (size == SHORTEST && frame[COMMAND_AT] == UPLOAD)
        return (Reply){REPLY_TO_UPLOAD, 0};
    if (size == SHORTEST && frame[COMMAND_AT] == LOGIN)
        return (Reply){REPLY_TO_LOGIN, 0};
    return (Reply){REPLY_TO_OTHER, 0};
}

static size_t tell_clock(uint8_t *out)
{
    struct tm clock;
    time_t beijing_s = time(NULL) + BEIJING_S;
    gmtime_r(&beijing_s, &clock);
    return close_frame(out, put_clock(open_frame(out, CLOCK), &clock));
}

static size_t reply(const uint8_t *frame, size_t size, uint8_t *out)
{
    (void)size;
    switch (frame[COMMAND_AT]) {
    case UPLOAD:
        return (size_t)(put_bytes(out, UPLOAD_REPLY, SHORTEST) - out);
    case LOGIN:
        return (size_t)(put_bytes(out, LOGIN_REPLY, SHORTEST) - out);
    case CLOCK:
        return tell_clock(out);
    default: /* 94 is a heartbeat, and meters wait for no answer to it */
        return 0;
    }
}

const Wire ACREL = {
    .name = "acrel",
    .login = login,
    .upload = upload,
    .scan = scan,
    .read_reply = read_reply,
    .reply = reply,
};
