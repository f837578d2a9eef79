/* HJ 212-2017 loggers:  ## | bytes of the segment, 4 digits | segment | checksum, 4 hex | CR LF
 *
 * The segment is QN=…;ST=…;CN=…;PW=…;MN=…;Flag=…;CP=&&…&&. Uploads here are real-time data
 * (CN=2011) whose Flag=5 asks for an answer: a 9014 under the same QN. */
#include "bytes.h"
#include "crc.h"
#include "wire.h"

#include <ctype.h>

#define PREFIX_SIZE 6 /* ## and the length */
#define CRC_DIGITS 4
#define LONGEST_SEGMENT 1024
#define QN_DIGITS 17
#define MN_DIGITS 24
#define LONGEST_COPIED 32 /* of an item that a 9014 repeats: MN= and PW= have up to 27 behind them */

typedef struct {
    char code[7];
    int low, high; /* in units of the last decimal */
    int decimals;
} Factor;

static const Factor FACTORS[] = {
    {"a34013", 120, 2900, 2},   /* dust, mg/m3 */
    {"a21026", 500, 9500, 2},   /* sulphur dioxide, mg/m3 */
    {"a21002", 1000, 9900, 2},  /* nitrogen oxides, mg/m3 */
    {"g20801", 6000, 21000, 2}, /* current of the induced draught fan, A */
    {"a19001", 50, 160, 1},     /* oxygen, % */
    {"a01012", 700, 1500, 1},   /* temperature of the flue gas, deg C */
    {"a01013", -480, 310, 1},   /* its pressure, Pa */
    {"a01014", 400, 1400, 2},   /* its moisture, % */
    {"a01011", 300, 1900, 2},   /* its speed, m/s */
    {"g10201", 4000, 18000, 2}, /* current of the booster fan, A */
    {"g10401", 2500, 9000, 2},  /* of the slurry pump, A */
    {"g21101", 300, 1500, 2},   /* of the limestone feeder, A */
};

/* Puts prefix and checksum around a segment in place that ends at end; returns the frame's size. */
static size_t close_frame(uint8_t *frame, uint8_t *end)
{
    static const char hex[] = "0123456789ABCDEF";
    const uint8_t *segment = frame + PREFIX_SIZE;
    size_t size = (size_t)(end - segment);
    unsigned crc = crc_hj212(segment, size);

    put_decimal(put_text(frame, "##"), size, 4);
    for (int shift = 12; shift >= 0; shift -= 4)
        end = put_u8(end, (unsigned)hex[crc >> shift & 0xF]);
    return (size_t)(put_text(end, "\r\n") - frame);
}

/* 14 digits, YYYYMMDDhhmmss. */
static uint64_t stamp(const struct tm *at)
{
    unsigned date = (unsigned)((at->tm_year + 1900) * 10000 + (at->tm_mon + 1) * 100 + at->tm_mday);
    unsigned clock = (unsigned)(at->tm_hour * 10000 + at->tm_min * 100 + at->tm_sec);
    return (uint64_t)date * 1000000 + clock;
}

static uint8_t *put_number(uint8_t *at, int value, int decimals)
{
    unsigned magnitude = (unsigned)(value < 0 ? -value : value), unit = 1;
    size_t digits = 1;
    for (int i = 0; i < decimals; i++)
        unit *= 10;
    for (unsigned rest = magnitude / unit; rest > 9; rest /= 10)
        digits++;
    if (value < 0)
        at = put_u8(at, '-');
    at = put_u8(put_decimal(at, magnitude / unit, digits), '.');
    return put_decimal(at, magnitude % unit, (size_t)decimals);
}

static uint8_t *put_factor(uint8_t *at, const Factor *factor, Meter *meter)
{
    at = put_text(put_text(put_u8(at, ';'), factor->code), "-Rtd=");
    at = put_number(at, meter_roll(meter, factor->low, factor->high), factor->decimals);
    return put_text(put_text(put_u8(at, ','), factor->code), "-Flag=N");
}

static size_t upload(Meter *meter, uint8_t *out, uint64_t *token, size_t factors)
{
    struct tm clock = meter_step(meter);
    uint64_t at = stamp(&clock);
    *token = at * 1000 + (uint64_t)meter_roll(meter, 0, 999); /* the QN ends in milliseconds */

    uint8_t *end = put_text(out + PREFIX_SIZE, "QN=");
    end = put_text(put_decimal(end, *token, QN_DIGITS), ";ST=51;CN=2011;PW=123456;MN=26110000");
    end = put_decimal(end, meter->number, MN_DIGITS - 8);
    end = put_decimal(put_text(end, ";Flag=5;CP=&&DataTime="), at, 14);
    for (size_t i = 0; i < factors; i++)
        end = put_factor(end, &FACTORS[i], meter);
    return close_frame(out, put_text(end, "&&"));
}

static size_t upload_4(Meter *meter, uint8_t *out, uint64_t *token)
{
    return upload(meter, out, token, 4);
}

static size_t upload_12(Meter *meter, uint8_t *out, uint64_t *token)
{
    return upload(meter, out, token, 12);
}

/* Garbage up to the next # that may begin a frame. */
static Scan garbage(const uint8_t *bytes, size_t size)
{
    const uint8_t *next = memchr(bytes + 1, '#', size - 1);
    return (Scan){SCAN_GARBAGE, next == NULL ? size : (size_t)(next - bytes)};
}

/* The number that so many digits of base 10 or 16 are; -1 when they are none. */
static int parse_digits(const uint8_t *at, int digits, int base)
{
    int number = 0;
    for (; digits > 0; at++, digits--) {
        int digit = isdigit(*at) ? *at - '0' : isxdigit(*at) ? (*at | 0x20) - 'a' + 10 : base;
        if (digit >= base)
            return -1;
        number = number * base + digit;
    }
    return number;
}

/* The length decides. CR LF is filler of its own, for some loggers leave it out. */
static Scan scan(const uint8_t *bytes, size_t size)
{
    if (bytes[0] == '\r' || bytes[0] == '\n')
        return (Scan){SCAN_FILLER, 1};
    if (bytes[0] != '#' || (size > 1 && bytes[1] != '#'))
        return garbage(bytes, size);
    if (size < PREFIX_SIZE)
        return (Scan){SCAN_SHORT, 0};

    int segment_size = parse_digits(bytes + 2, 4, 10);
    if (segment_size < 0 || segment_size > LONGEST_SEGMENT)
        return garbage(bytes, size);
    size_t crc_at = PREFIX_SIZE + (size_t)segment_size, end = crc_at + CRC_DIGITS;
    if (size < end)
        return (Scan){SCAN_SHORT, 0};
    int found = parse_digits(bytes + crc_at, CRC_DIGITS, 16);
    if (found != crc_hj212(bytes + PREFIX_SIZE, (size_t)segment_size))
        return garbage(bytes, size);
    if (size >= end + 2 && memcmp(bytes + end, "\r\n", 2) == 0)
        end += 2;
    return (Scan){SCAN_FRAME, end};
}

/* The keys of a segment's head, each known by its first two letters. */
#define KEY(first, second) ((first) << 8 | (second))

enum {
    QN = KEY('Q', 'N'),
    ST = KEY('S', 'T'),
    CN = KEY('C', 'N'),
    PW = KEY('P', 'W'),
    MN = KEY('M', 'N'),
    FLAG = KEY('F', 'l'),
    CP = KEY('C', 'P'),
};

/* One key=value of it, with the ; behind. */
typedef struct {
    int key;
    const uint8_t *bytes, *value;
    size_t size, value_size;
} Item;

/* Takes the item at *at and moves *at behind it; false at CP and at what is no item. */
static bool next_item(const uint8_t **at, const uint8_t *end, Item *item)
{
    const uint8_t *bytes = *at, *equals = bytes;
    const uint8_t *stop = memchr(bytes, ';', (size_t)(end - bytes));
    if (stop == NULL)
        return false;
    int key = KEY(bytes[0], bytes[1]); /* at the least the checksum lies behind bytes[0] */
    while (equals < stop && *equals != '=')
        equals++;
    if (equals == stop || key == CP)
        return false;
    *item = (Item){key, bytes, equals + 1, (size_t)(stop + 1 - bytes), (size_t)(stop - equals - 1)};
    *at = stop + 1;
    return true;
}

static uint64_t number_in(const Item *item)
{
    uint64_t number = 0;
    for (size_t i = 0; i < item->value_size && isdigit(item->value[i]); i++)
        number = number * 10 + (uint64_t)(item->value[i] - '0');
    return number;
}

static Reply read_reply(const uint8_t *frame, size_t size)
{
    const uint8_t *at = frame + PREFIX_SIZE;
    uint64_t qn = 0, cn = 0;
    Item item;
    while (next_item(&at, frame + size, &item)) {
        if (item.key == QN)
            qn = number_in(&item);
        else if (item.key == CN)
            cn = number_in(&item);
    }
    return cn == 9014 ? (Reply){REPLY_TO_UPLOAD, qn} : (Reply){REPLY_TO_OTHER, 0};
}

/* A 9014 is the head of its upload with three items replaced. Only data (CN 2xxx and 3xxx) with a
 * QN and with the lowest bit of Flag set is answered. */
static size_t reply(const uint8_t *frame, size_t size, uint8_t *out)
{
    const uint8_t *at = frame + PREFIX_SIZE;
    uint8_t *end = out + PREFIX_SIZE;
    bool data = false, asked = false, named = false;
    Item item;
    while (next_item(&at, frame + size, &item)) {
        if (item.size > LONGEST_COPIED || end - out > LONGEST_REPLY - 2 * LONGEST_COPIED)
            return 0;
        switch (item.key) {
        case ST:
            end = put_text(end, "ST=91;");
            break;
        case CN:
            data = item.value_size == 4 && (*item.value == '2' || *item.value == '3');
            end = put_text(end, "CN=9014;");
            break;
        case FLAG:
            asked = number_in(&item) & 1;
            end = put_text(end, "Flag=4;");
            break;
        case QN:
            named = true;
            end = put_bytes(end, item.bytes, item.size);
            break;
        case PW:
        case MN:
            end = put_bytes(end, item.bytes, item.size);
            break;
        }
    }
    return data && asked && named ? close_frame(out, put_text(end, "CP=&&&&")) : 0;
}

const Wire HJ212 = {
    .name = "hj212",
    .upload = upload_4,
    .scan = scan,
    .read_reply = read_reply,
    .reply = reply,
};

const Wire HJ212_12 = {
    .name = "hj212-12",
    .upload = upload_12,
    .scan = scan,
    .read_reply = read_reply,
    .reply = reply,
};
