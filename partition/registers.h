/* partition/registers.h: the vCPU's registers by number, name and size, for all debuggers. The
 * order is fixed: the first 41 are gdb's own for i386 and SSE, so its target description is this
 * table.
 *
 * eip here is the *linear* address of the next instruction, CS base included, in every mode: what
 * breakpoints and disassembly are about. ip is the offset in CS. The partition's thread only, the
 * vCPU between two instructions. */
#ifndef UMBRA_PARTITION_REGISTERS_H
#define UMBRA_PARTITION_REGISTERS_H

#include "cpu/state.h"

enum register_group { REGISTERS_CORE, REGISTERS_SSE, REGISTERS_SYSTEM };

struct debug_register {
    const char *name;
    uint8_t bits;     /* 16, 32, 80, 128 */
    uint8_t gdb_bits; /* as gdb wants it: 16-bit registers have 32 there */
    const char *type; /* gdb's: int32, code_ptr, data_ptr, i387_ext, vec128, i386_eflags ... */
    enum register_group group;
    uint8_t kind, index; /* private to registers.c */
};

#define REGISTER_COUNT 65
#define REGISTER_BYTES 16 /* of the widest */

/* NULL beyond the last. */
const struct debug_register *debug_register(unsigned n);

/* -1 when there is none of that name. */
int debug_register_find(const char *name);

/* The value in debug_register(n)->bits / 8 bytes, little-endian, the rest of out zero. */
void debug_register_read(struct vcpu *c, unsigned n, uint8_t out[REGISTER_BYTES]);

/* Sets it as the guest's kernel would, with the same checks: a selector loads its descriptor (TR's
 * becomes busy), CR0 changes the mode, DR6 and DR7 keep their fixed bits. False, nothing changed:
 * the CPU would fault, or it cannot be set from here (CS in protected mode, EFLAGS.VM, CPL). */
must_use bool debug_register_write(struct vcpu *c, unsigned n, const uint8_t value[REGISTER_BYTES]);

/* Linear address of the next instruction. */
static inline uint32_t debug_pc(const struct vcpu *c)
{
    return (uint32_t)(c->seg[SEG_CS].base + c->eip);
}

#endif
