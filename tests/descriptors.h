/* tests/descriptors.h: segment and gate descriptors (SDM vol. 3, figures 3-8 and 6-2), written once
 * for all tests that put tables into a guest.
 *
 *     SEGMENT(base, limit, access, flags)   access: P, DPL, S, type; flags: G and D/B as bits 3, 2
 *     A_GATE(selector, offset, access)      interrupt, trap, task and call gates
 *
 * Both are constants of 64 bits, as they stand in memory. */
#ifndef UMBRA_TESTS_DESCRIPTORS_H
#define UMBRA_TESTS_DESCRIPTORS_H

#include <stdint.h>

#define SEGMENT(base, limit, access, flags)                           \
    ((uint64_t)((base)&0xFF000000u) << 32 | (uint64_t)(flags) << 52 | \
     (uint64_t)((limit)&0xF0000u) << 32 | (uint64_t)(access) << 40 |  \
     (uint64_t)((base)&0xFF0000u) << 16 | (uint64_t)((base)&0xFFFFu) << 16 | ((limit)&0xFFFFu))
#define A_GATE(selector, offset, access)                                 \
    ((uint64_t)((offset)&0xFFFF0000u) << 32 | (uint64_t)(access) << 40 | \
     (uint64_t)(selector) << 16 | ((offset)&0xFFFFu))
#define CALL_GATE(selector, offset, access, params) \
    (A_GATE(selector, offset, access) | (uint64_t)(params) << 32)

/* 4 GiB from 0, 32-bit, for ring dpl. */
#define FLAT_CODE(dpl) SEGMENT(0u, 0xFFFFFu, 0x9A | (dpl) << 5, 0xC)
#define FLAT_DATA(dpl) SEGMENT(0u, 0xFFFFFu, 0x92 | (dpl) << 5, 0xC)

#endif
