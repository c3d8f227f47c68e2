/* translator/x86_64/asm.h: writing x86-64 machine code.
 *
 * One function puts any instruction that has ModRM; its operands are a register and a register or
 * memory place. Nothing here knows of guests. The caller sees to it that there is room: a unit is
 * emitted into space for the largest one. */
#ifndef UMBRA_TRANSLATOR_X86_64_ASM_H
#define UMBRA_TRANSLATOR_X86_64_ASM_H

#include "base/bits.h"

enum host_reg {
    RAX,
    RCX,
    RDX,
    RBX,
    RSP,
    RBP,
    RSI,
    RDI,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    NO_REG = 0xFF
};

/* Where code is written, and where the same bytes run (two mappings of one memory). */
struct code {
    uint8_t *at;
    intptr_t run_delta; /* address where a byte runs - address where it is written */
};

/* The operand that ModRM.rm names. */
struct place {
    bool memory;
    uint8_t reg;   /* a register, or the base; NO_REG: none */
    uint8_t index; /* NO_REG: none */
    uint8_t scale; /* shift count */
    int32_t disp;  /* bytes */
    bool window;   /* relative to GS, with a 32-bit address */
};

static inline struct place place_reg(unsigned reg)
{
    return (struct place){.reg = (uint8_t)reg, .index = NO_REG};
}

static inline struct place place_mem(unsigned base, int32_t disp)
{
    return (struct place){.memory = true, .reg = (uint8_t)base, .index = NO_REG, .disp = disp};
}

static inline struct place place_indexed(unsigned base, unsigned index, unsigned scale,
                                         int32_t disp)
{
    return (struct place){.memory = true,
                          .reg = (uint8_t)base,
                          .index = (uint8_t)index,
                          .scale = (uint8_t)scale,
                          .disp = disp};
}

enum asm_map { ASM_1B, ASM_0F, ASM_0F38, ASM_0F3A };

/* How an instruction is encoded beside its operands. */
struct form {
    uint8_t map;    /* enum asm_map */
    uint8_t opcode; /* the byte in that map */
    uint8_t prefix; /* 0, 66h, F2h or F3h: part of the opcode */
    bool o16;       /* operand size prefix */
    bool w;         /* REX.W */
    bool byte_reg;  /* reg is an 8-bit register: 4..7 are AH..BH and need an encoding without REX */
    bool byte_rm;   /* the same for a register rm */
    bool low_reg;   /* 8-bit register 4..7 means SPL..DIL: force REX */
    uint8_t imm_size;
    uint32_t imm;
};

/* Would this encoding need REX? (Then neither operand may be AH..BH.) */
bool asm_needs_rex(const struct form *f, unsigned reg, const struct place *rm);

/* Puts the instruction; reg is ModRM.reg: a register or an opcode extension. */
void asm_modrm(struct code *c, const struct form *f, unsigned reg, struct place rm);

void asm_bytes(struct code *c, const void *bytes, size_t n);

static inline void asm_8(struct code *c, unsigned v)
{
    *c->at++ = (uint8_t)v;
}

static inline void asm_32(struct code *c, uint32_t v)
{
    memcpy(c->at, &v, 4);
    c->at += 4;
}

static inline void asm_64(struct code *c, uint64_t v)
{
    memcpy(c->at, &v, 8);
    c->at += 8;
}

/* Common ones. 32 or 64 bits by suffix. */
void asm_mov32(struct code *c, unsigned to, unsigned from);
void asm_mov64(struct code *c, unsigned to, unsigned from);
void asm_load32(struct code *c, unsigned to, struct place from);
void asm_load64(struct code *c, unsigned to, struct place from);
void asm_store32(struct code *c, struct place to, unsigned from);
void asm_store64(struct code *c, struct place to, unsigned from);
void asm_mov_imm32(struct code *c, unsigned to, uint32_t imm); /* zero-extends */
void asm_mov_imm64(struct code *c, unsigned to, uint64_t imm);
void asm_lea32(struct code *c, unsigned to, struct place from); /* no window */
void asm_lea64(struct code *c, unsigned to, struct place from);
void asm_movzx16(struct code *c, unsigned to, unsigned from);
void asm_rorx32(struct code *c, unsigned to, unsigned from, unsigned count);
void asm_rorx64(struct code *c, unsigned to, unsigned from, unsigned count);
void asm_shrx64(struct code *c, unsigned to, unsigned from, unsigned count); /* count: a register */
void asm_shrx32(struct code *c, unsigned to, unsigned from, unsigned count);
void asm_pext64(struct code *c, unsigned to, unsigned from, struct place mask);
void asm_pext32(struct code *c, unsigned to, unsigned from, struct place mask);

/* Jumps and calls with a 32-bit displacement; return where the displacement stands, for
 * asm_patch. target is where the code runs, or NULL: patched later. */
uint8_t *asm_jmp(struct code *c, const uint8_t *target);
uint8_t *asm_jcc(struct code *c, unsigned cc, const uint8_t *target);
void asm_patch(const struct code *c, uint8_t *displacement, const uint8_t *target);
void asm_jmp_place(struct code *c, struct place to);
uint8_t *asm_call(struct code *c, const uint8_t *target);
void asm_call_place(struct code *c, struct place to);
void asm_ret(struct code *c);
void asm_call_abs(struct code *c, const void *function); /* through RAX */

/* JECXZ over what follows; returns the displacement byte for asm_land8. */
uint8_t *asm_jecxz(struct code *c);
uint8_t *asm_jrcxz(struct code *c);
uint8_t *asm_loop(struct code *c); /* counts RCX */
void asm_land8(struct code *c, uint8_t *displacement);
void asm_land8_at(uint8_t *displacement, const uint8_t *at); /* where it is written */

static inline const uint8_t *asm_here(const struct code *c)
{
    return c->at + c->run_delta;
}

#endif
