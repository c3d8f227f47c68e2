/* cpu/segment.h: segment registers, descriptors and privilege (SDM vol. 3, chapters 3 and 5).
 *
 *   descriptor   63     56 55 54 53 52 51  48 47 46 45 44 43  40 39     32
 *               |base31..24|G |D |L |A |lim  |P |DPL  |S |type  |base23..16|
 *               |          base 15..0        |         limit 15..0         |
 *                31                        16 15                          0
 *
 * Functions that load check everything first and change the register last, so that a fault on the
 * way leaves it as it was. */
#ifndef UMBRA_CPU_SEGMENT_H
#define UMBRA_CPU_SEGMENT_H

#include "cpu/state.h"

/* Recomputes read_len and write_len, and code32 or stack32, of one segment register. */
void segment_update(struct vcpu *c, unsigned seg);

/* Sets CPL and what follows from it: the TLB view and alignment checking. */
void vcpu_set_cpl(struct vcpu *c, unsigned cpl);

/* Recomputes align_check after EFLAGS.AC, CR0.AM or CPL changed. */
void vcpu_update_alignment(struct vcpu *c);

/* Checks limit and rights of a data access (any size up to 4096) and returns the linear address.
 * Raises #GP(0), #SS(0) or #AC(0). */
uint32_t segment_linear(struct vcpu *c, unsigned seg, uint32_t offset, unsigned size, bool write);

/* Loads a segment register as real mode (also V86 mode: v86 true) does: base is selector << 4. */
void segment_load_real(struct vcpu *c, unsigned seg, uint16_t selector, bool v86);

#endif
