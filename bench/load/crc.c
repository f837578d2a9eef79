#include "crc.h"

#define POLYNOMIAL 0xA001u
#define STRIDE 8 /* bytes taken at once; eight tables of 512 bytes still fit the first cache */

/* What a byte leaves in the register when so many zero bytes follow it. Both checksums are linear,
 * so that the register after STRIDE bytes is the sum of what each of them leaves. */
static uint16_t modbus_after[STRIDE][256];
static uint8_t hj212_high_after[STRIDE][256];

static uint16_t shift_byte(uint16_t reg)
{
    for (int bit = 0; bit < 8; bit++)
        reg = (uint16_t)(reg >> 1 ^ (reg & 1 ? POLYNOMIAL : 0));
    return reg;
}

void crc_prepare(void)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        uint16_t modbus = (uint16_t)byte, hj212 = (uint16_t)byte;
        for (int zeros = 0; zeros < STRIDE; zeros++) {
            modbus = shift_byte(modbus);
            modbus_after[zeros][byte] = modbus;
            hj212 = shift_byte(hj212) >> 8;
            hj212_high_after[zeros][byte] = (uint8_t)hj212;
        }
    }
}

uint16_t crc_modbus(uint16_t reg, const uint8_t *bytes, size_t size)
{
    const uint8_t *end = bytes + size;
    for (; end - bytes >= STRIDE; bytes += STRIDE) {
        unsigned sum = modbus_after[7][bytes[0] ^ (reg & 0xFF)];
        sum ^= modbus_after[6][bytes[1] ^ reg >> 8];
        sum ^= modbus_after[5][bytes[2]] ^ modbus_after[4][bytes[3]];
        sum ^= modbus_after[3][bytes[4]] ^ modbus_after[2][bytes[5]];
        sum ^= modbus_after[1][bytes[6]] ^ modbus_after[0][bytes[7]];
        reg = (uint16_t)sum;
    }
    for (; bytes < end; bytes++)
        reg = reg >> 8 ^ modbus_after[0][(reg & 0xFF) ^ *bytes];
    return reg;
}

uint16_t crc_hj212(const uint8_t *bytes, size_t size)
{
    const uint8_t *end = bytes + size;
    unsigned high = CRC_START >> 8;
    if (size == 0)
        return CRC_START;
    /* The last byte is left over on purpose: after it the low byte counts as well. */
    for (; end - bytes > STRIDE; bytes += STRIDE) {
        unsigned sum = hj212_high_after[7][bytes[0] ^ high];
        sum ^= hj212_high_after[6][bytes[1]] ^ hj212_high_after[5][bytes[2]];
        sum ^= hj212_high_after[4][bytes[3]] ^ hj212_high_after[3][bytes[4]];
        sum ^= hj212_high_after[2][bytes[5]] ^ hj212_high_after[1][bytes[6]];
        high = sum ^ hj212_high_after[0][bytes[7]];
    }
    for (; end - bytes > 1; bytes++)
        high = hj212_high_after[0][high ^ *bytes];
    return modbus_after[0][high ^ *bytes];
}
