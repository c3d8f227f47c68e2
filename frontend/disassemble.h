/* frontend/disassemble.h: one instruction as text: Capstone, Intel syntax; a build without Capstone
 * shows the mnemonic of Umbra's own opcode table. */
#ifndef UMBRA_FRONTEND_DISASSEMBLE_H
#define UMBRA_FRONTEND_DISASSEMBLE_H

#include "cpu/state.h"

#define DISASSEMBLY_BYTES 192

struct disassembler;

/* NULL when out of memory. */
struct disassembler *disassembler_create(const struct vcpu *c);
void disassembler_destroy(struct disassembler *d);

/* The instruction at the start of bytes; eip: its offset in CS, to which jumps are relative.
 * Returns its length, 1 when there is none (text then says so). */
unsigned disassemble(struct disassembler *d, const uint8_t *bytes, size_t len, uint32_t eip,
                     bool code32, char text[DISASSEMBLY_BYTES]);

#endif
