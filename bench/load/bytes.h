/* Fields written one behind the other: every put returns the place behind what it wrote. */
#ifndef BYTES_H
#define BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint8_t *put_u8(uint8_t *at, unsigned value)
{
    *at = (uint8_t)value;
    return at + 1;
}

static inline uint8_t *put_be16(uint8_t *at, unsigned value)
{
    return put_u8(put_u8(at, value >> 8), value);
}

static inline uint8_t *put_le16(uint8_t *at, unsigned value)
{
    return put_u8(put_u8(at, value), value >> 8);
}

static inline uint8_t *put_be32(uint8_t *at, uint32_t value)
{
    return put_be16(put_be16(at, value >> 16), value & 0xFFFF);
}

static inline uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t size)
{
    memcpy(at, bytes, size);
    return at + size;
}

static inline uint8_t *put_text(uint8_t *at, const char *text)
{
    return put_bytes(at, text, strlen(text));
}

static inline uint8_t *put_zeros(uint8_t *at, size_t size)
{
    memset(at, 0, size);
    return at + size;
}

/* The last digits of value in decimal, zeros in front. */
static inline uint8_t *put_decimal(uint8_t *at, uint64_t value, size_t digits)
{
    for (size_t left = digits; left > 0; value /= 10)
        at[--left] = (uint8_t)('0' + value % 10);
    return at + digits;
}

static inline unsigned get_le16(const uint8_t *at)
{
    return at[0] | (unsigned)at[1] << 8;
}

#endif
