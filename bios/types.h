#ifndef UMBRA_BIOS_TYPES_H
#define UMBRA_BIOS_TYPES_H

/* The firmware is freestanding and small: short names for the exact-width types. */
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define packed       __attribute__((packed))

#endif
