/* Both checksums of the wire shift the reflected polynomial A001; they differ in what of the
 * register meets the next byte. */
#ifndef CRC_H
#define CRC_H

#include <stddef.h>
#include <stdint.h>

#define CRC_START 0xFFFFu

/* Computes the tables; to be called once, before anything else here. */
void crc_prepare(void);

/* CRC-16/MODBUS of the bytes before and these; before them all the register is CRC_START. */
uint16_t crc_modbus(uint16_t reg, const uint8_t *bytes, size_t size);

/* The checksum of HJ 212-2017, annex A: only the register's high byte lives on to the next byte. */
uint16_t crc_hj212(const uint8_t *bytes, size_t size);

#endif
