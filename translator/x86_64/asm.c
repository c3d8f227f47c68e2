/* translator/x86_64/asm.c: the encoder (AMD64 Architecture Programmer's Manual vol. 3, chapter 1:
 * legacy prefixes, REX, opcode, ModRM, SIB, displacement, immediate). */
#include "translator/x86_64/asm.h"

void asm_bytes(struct code *c, const void *bytes, size_t n)
{
    memcpy(c->at, bytes, n);
    c->at += n;
}

static unsigned rex_of(const struct form *f, unsigned reg, const struct place *rm)
{
    unsigned rex = (f->w ? 8u : 0) | (reg & 8 ? 4u : 0);
    if (rm->memory && rm->index != NO_REG && (rm->index & 8))
        rex |= 2;
    if (rm->reg != NO_REG && (rm->reg & 8))
        rex |= 1;
    return rex;
}

bool asm_needs_rex(const struct form *f, unsigned reg, const struct place *rm)
{
    return rex_of(f, reg, rm) != 0 || f->low_reg;
}

/* ModRM, SIB and displacement of a memory operand. RSP and R12 as a base need SIB, RBP and R13 a
 * displacement; no base at all is SIB with base 5, since ModRM.rm 5 is RIP-relative. */
static void put_memory(struct code *c, unsigned reg, const struct place *rm)
{
    unsigned r = (reg & 7) << 3;
    if (rm->reg == NO_REG) {
        unsigned index = rm->index == NO_REG ? 4u : rm->index & 7u;
        asm_8(c, r | 4);
        asm_8(c, (unsigned)rm->scale << 6 | index << 3 | 5);
        asm_32(c, (uint32_t)rm->disp);
        return;
    }
    unsigned base = rm->reg & 7;
    unsigned mod = rm->disp == 0 && base != 5 ? 0u : rm->disp >= -128 && rm->disp <= 127 ? 1u : 2u;
    if (rm->index != NO_REG || base == 4) {
        unsigned index = rm->index == NO_REG ? 4u : rm->index & 7u;
        asm_8(c, mod << 6 | r | 4);
        asm_8(c, (unsigned)rm->scale << 6 | index << 3 | base);
    } else {
        asm_8(c, mod << 6 | r | base);
    }
    if (mod == 1)
        asm_8(c, (uint8_t)rm->disp);
    else if (mod == 2)
        asm_32(c, (uint32_t)rm->disp);
}

void asm_modrm(struct code *c, const struct form *f, unsigned reg, struct place rm)
{
    if (rm.memory && rm.window) {
        asm_8(c, 0x65);
        asm_8(c, 0x67);
    }
    if (f->o16)
        asm_8(c, 0x66);
    if (f->prefix)
        asm_8(c, f->prefix);
    unsigned rex = rex_of(f, reg, &rm);
    if (rex || f->low_reg)
        asm_8(c, 0x40 | rex);
    if (f->map != ASM_1B)
        asm_8(c, 0x0F);
    if (f->map >= ASM_0F38)
        asm_8(c, f->map == ASM_0F38 ? 0x38 : 0x3A);
    asm_8(c, f->opcode);
    if (rm.memory)
        put_memory(c, reg, &rm);
    else
        asm_8(c, 0xC0 | (reg & 7) << 3 | (rm.reg & 7));
    uint32_t imm = f->imm;
    for (unsigned n = 0; n < f->imm_size; n++, imm >>= 8)
        asm_8(c, imm & 0xFF);
}

static void op(struct code *c, unsigned opcode, bool w, unsigned reg, struct place rm)
{
    asm_modrm(c, &(struct form){.opcode = (uint8_t)opcode, .w = w}, reg, rm);
}

void asm_mov32(struct code *c, unsigned to, unsigned from)
{
    op(c, 0x8B, false, to, place_reg(from));
}

void asm_mov64(struct code *c, unsigned to, unsigned from)
{
    op(c, 0x8B, true, to, place_reg(from));
}

void asm_load32(struct code *c, unsigned to, struct place from)
{
    op(c, 0x8B, false, to, from);
}

void asm_load64(struct code *c, unsigned to, struct place from)
{
    op(c, 0x8B, true, to, from);
}

void asm_store32(struct code *c, struct place to, unsigned from)
{
    op(c, 0x89, false, from, to);
}

void asm_store64(struct code *c, struct place to, unsigned from)
{
    op(c, 0x89, true, from, to);
}

void asm_mov_imm32(struct code *c, unsigned to, uint32_t imm)
{
    if (to & 8)
        asm_8(c, 0x41);
    asm_8(c, 0xB8 | (to & 7));
    asm_32(c, imm);
}

void asm_mov_imm64(struct code *c, unsigned to, uint64_t imm)
{
    asm_8(c, 0x48 | to >> 3);
    asm_8(c, 0xB8 | (to & 7));
    asm_64(c, imm);
}

void asm_lea32(struct code *c, unsigned to, struct place from)
{
    op(c, 0x8D, false, to, from);
}

void asm_lea64(struct code *c, unsigned to, struct place from)
{
    op(c, 0x8D, true, to, from);
}

void asm_movzx16(struct code *c, unsigned to, unsigned from)
{
    asm_modrm(c, &(struct form){.map = ASM_0F, .opcode = 0xB7}, to, place_reg(from));
}

/* VEX, three bytes: C4, R̅X̅B̅ and map, W vvvv̅ L pp (Intel SDM vol. 2, 2.3.5). */
static void put_vex(struct code *c, unsigned map, bool w, unsigned vvvv, unsigned pp, unsigned reg,
                    struct place rm)
{
    struct form none = {0};
    unsigned rex = rex_of(&none, reg, &rm);
    asm_8(c, 0xC4);
    asm_8(c, ((~rex & 7) << 5) | map);
    asm_8(c, (w ? 0x80u : 0) | (~vvvv & 15) << 3 | pp);
}

static void rorx(struct code *c, bool w, unsigned to, unsigned from, unsigned count)
{
    put_vex(c, 3, w, 0, 3, to, place_reg(from));
    asm_8(c, 0xF0);
    asm_8(c, 0xC0 | (to & 7) << 3 | (from & 7));
    asm_8(c, count);
}

void asm_rorx32(struct code *c, unsigned to, unsigned from, unsigned count)
{
    rorx(c, false, to, from, count);
}

void asm_rorx64(struct code *c, unsigned to, unsigned from, unsigned count)
{
    rorx(c, true, to, from, count);
}

void asm_shrx64(struct code *c, unsigned to, unsigned from, unsigned count)
{
    put_vex(c, 2, true, count, 3, to, place_reg(from));
    asm_8(c, 0xF7);
    asm_8(c, 0xC0 | (to & 7) << 3 | (from & 7));
}

void asm_shrx32(struct code *c, unsigned to, unsigned from, unsigned count)
{
    put_vex(c, 2, false, count, 3, to, place_reg(from));
    asm_8(c, 0xF7);
    asm_8(c, 0xC0 | (to & 7) << 3 | (from & 7));
}

static void put_pext(struct code *c, bool wide, unsigned to, unsigned from, struct place mask)
{
    put_vex(c, 2, wide, from, 2, to, mask);
    asm_8(c, 0xF5);
    if (mask.memory)
        put_memory(c, to, &mask);
    else
        asm_8(c, 0xC0 | (to & 7) << 3 | (mask.reg & 7));
}

void asm_pext32(struct code *c, unsigned to, unsigned from, struct place mask)
{
    put_pext(c, false, to, from, mask);
}

void asm_pext64(struct code *c, unsigned to, unsigned from, struct place mask)
{
    put_pext(c, true, to, from, mask);
}

void asm_patch(const struct code *c, uint8_t *displacement, const uint8_t *target)
{
    intptr_t d = (intptr_t)target - (intptr_t)(displacement + 4 + c->run_delta);
    int32_t d32 = (int32_t)d;
    memcpy(displacement, &d32, 4);
}

static uint8_t *displacement32(struct code *c, const uint8_t *target)
{
    uint8_t *at = c->at;
    asm_32(c, 0);
    if (target)
        asm_patch(c, at, target);
    return at;
}

uint8_t *asm_jmp(struct code *c, const uint8_t *target)
{
    asm_8(c, 0xE9);
    return displacement32(c, target);
}

uint8_t *asm_jcc(struct code *c, unsigned cc, const uint8_t *target)
{
    asm_8(c, 0x0F);
    asm_8(c, 0x80 | cc);
    return displacement32(c, target);
}

void asm_jmp_place(struct code *c, struct place to)
{
    op(c, 0xFF, false, 4, to);
}

uint8_t *asm_call(struct code *c, const uint8_t *target)
{
    asm_8(c, 0xE8);
    return displacement32(c, target);
}

void asm_call_place(struct code *c, struct place to)
{
    op(c, 0xFF, false, 2, to);
}

void asm_ret(struct code *c)
{
    asm_8(c, 0xC3);
}

void asm_call_abs(struct code *c, const void *function)
{
    asm_mov_imm64(c, RAX, (uint64_t)(uintptr_t)function);
    op(c, 0xFF, false, 2, place_reg(RAX));
}

uint8_t *asm_jrcxz(struct code *c)
{
    asm_8(c, 0xE3);
    asm_8(c, 0);
    return c->at - 1;
}

uint8_t *asm_jecxz(struct code *c)
{
    asm_8(c, 0x67);
    return asm_jrcxz(c);
}

uint8_t *asm_loop(struct code *c)
{
    asm_8(c, 0xE2);
    asm_8(c, 0);
    return c->at - 1;
}

void asm_land8_at(uint8_t *displacement, const uint8_t *at)
{
    *displacement = (uint8_t)(at - (displacement + 1));
}

void asm_land8(struct code *c, uint8_t *displacement)
{
    asm_land8_at(displacement, c->at);
}
