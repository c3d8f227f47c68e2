/* translator/x86_64/string.c: MOVS, STOS, LODS, CMPS, SCAS.
 *
 * One element is a load, a store, and two LEAs: the unit's key says which way DF has them go.
 * Repeated MOVS and STOS upward in a flat window are the host's own, with RSI and RDI moved into
 * the window: it lies at a multiple of 4 GiB, so their low halves stay the guest's registers, also
 * at a fault between two elements, from where the host (or the handler) goes on. That is done for
 * counts of one round (cpu/run.h) alone, which counts as one instruction. What runs over the end of
 * 4 GiB meets the guard behind the window. All else that is repeated goes to a C function
 * (translator/narrow.h). */
#include "cpu/run.h"
#include "translator/x86_64/emit.h"

static unsigned element_of(const struct insn *i)
{
    return opcode_row(i->op)->opcode & 1 ? i->osize : 1;
}

static unsigned element(const struct emit *e)
{
    return element_of(e->i);
}

unsigned backend_string_writes(const struct insn *i)
{
    bool one = !(i->prefixes & (PREFIX_REP | PREFIX_REPNE));
    bool writes = i->op == OPROW_movsb || i->op == OPROW_movsv || i->op == OPROW_stosb ||
                  i->op == OPROW_stosv;
    return one && writes ? element_of(i) : 0;
}

/* The form of an instruction with an opcode for bytes (even) and larger operands (odd). */
static struct form sized(const struct emit *e, unsigned opcode)
{
    unsigned size = element(e);
    return (struct form){.opcode = (uint8_t)(opcode | (size > 1)), .o16 = size == 2};
}

static struct ea at_index(const struct emit *e, unsigned reg, unsigned seg)
{
    return (struct ea){
        .base = (uint8_t)reg, .index = REG_NONE, .asize = e->i->asize, .seg = (uint8_t)seg};
}

static struct place source(struct emit *e)
{
    return emit_memory(e, at_index(e, ESI, e->i->seg), element(e), false);
}

static struct place destination(struct emit *e, bool write)
{
    return emit_memory(e, at_index(e, EDI, SEG_ES), element(e), write);
}

static void step(struct emit *e, unsigned reg)
{
    int32_t by = e->u->key & KEY_DF ? -(int32_t)element(e) : (int32_t)element(e);
    if (e->i->asize == 4) {
        asm_lea32(&e->code, reg, place_mem(reg, by));
        return;
    }
    asm_lea32(&e->code, R12, place_mem(reg, by));
    asm_modrm(&e->code, &(struct form){.opcode = 0x8B, .o16 = true}, reg, place_reg(R12));
}

/* The element at the source into the vCPU: no register is free beside the second lookup. */
static void keep_source(struct emit *e)
{
    struct form load = sized(e, 0x8A);
    asm_modrm(&e->code, &load, R11, source(e));
    asm_store32(&e->code, FIELD_OF(translated.spill), R11);
}

/* Is the destination's operand the guest's own, so that its lookup leaves r11 alone? */
static bool destination_is_direct(const struct emit *e)
{
    const struct unit *u = e->u;
    return (u->key & KEY_WINDOW) && !u->insn[e->n].soft && e->i->asize == 4 &&
           key_segment(u->key, SEG_ES) == SEGMENT_FLAT;
}

static void emit_one(struct emit *e)
{
    struct form store = sized(e, 0x88), load = sized(e, 0x8A), compare = sized(e, 0x38),
                compare_reg = sized(e, 0x3A);
    switch (opcode_row(e->i->op)->opcode & 0xFE) {
    case 0xA4: { /* MOVS */
        if (destination_is_direct(e)) {
            asm_modrm(&e->code, &load, R11, source(e));
            asm_modrm(&e->code, &store, R11, destination(e, true));
        } else {
            keep_source(e);
            struct place to = destination(e, true);
            asm_load32(&e->code, R11, FIELD_OF(translated.spill));
            asm_modrm(&e->code, &store, R11, to);
        }
        step(e, RSI);
        step(e, RDI);
        break;
    }
    case 0xA6: { /* CMPS */
        if (destination_is_direct(e)) {
            asm_modrm(&e->code, &load, R11, source(e));
            asm_modrm(&e->code, &compare_reg, R11, destination(e, false));
        } else {
            keep_source(e);
            struct place with = destination(e, false);
            asm_modrm(&e->code, &load, R11, with);
            asm_modrm(&e->code, &compare, R11, FIELD_OF(translated.spill));
        }
        step(e, RSI);
        step(e, RDI);
        break;
    }
    case 0xAA: /* STOS */
        asm_modrm(&e->code, &store, RAX, destination(e, true));
        step(e, RDI);
        break;
    case 0xAC: /* LODS */
        asm_modrm(&e->code, &load, RAX, source(e));
        step(e, RSI);
        break;
    default: /* SCAS */
        asm_modrm(&e->code, &compare_reg, RAX, destination(e, false));
        step(e, RDI);
        break;
    }
}

/* --- Repeated --------------------------------------------------------------------------------- */

static bool repeats_natively(const struct emit *e, bool moves)
{
    const struct unit *u = e->u;
    return (u->key & KEY_WINDOW) && !(u->key & KEY_DF) && !u->insn[e->n].soft && e->i->asize == 4 &&
           key_segment(u->key, SEG_ES) == SEGMENT_FLAT &&
           (!moves || key_segment(u->key, e->i->seg) == SEGMENT_FLAT);
}

/* More than one round: the slow way. */
static void check_count(struct emit *e)
{
    _Static_assert(REP_ROUND == 4096, "the count is compared by its bits");
    struct code *c = &e->code;
    asm_lea64(c, R11, place_mem(RCX, 4095)); /* 2 * 4096 and above are out */
    asm_mov_imm32(c, R10, 13);
    asm_shrx64(c, R11, R11, R10);
    asm_mov32(c, R12, RCX);
    asm_mov32(c, RCX, R11);
    uint8_t *well = asm_jecxz(c);
    emit_slow(e, asm_jmp(c, NULL), true);
    asm_land8(c, well);
    asm_mov32(c, RCX, R12);
}

static void emit_repeat(struct emit *e, bool moves)
{
    struct code *c = &e->code;
    check_count(e);
    unsigned scale = element(e) == 4 ? 2 : element(e) - 1;
    asm_load64(c, R11, FIELD_OF(string_bytes));
    asm_lea64(c, R11, place_indexed(R11, RCX, scale, 0));
    asm_store64(c, FIELD_OF(string_bytes), R11);
    asm_load64(c, R10, FIELD_OF(translated.window));
    if (moves)
        asm_lea64(c, RSI, place_indexed(RSI, R10, 0, 0));
    asm_lea64(c, RDI, place_indexed(RDI, R10, 0, 0));
    if (element(e) == 2)
        asm_8(c, 0x66);
    asm_8(c, 0xF3);
    asm_8(c, opcode_row(e->i->op)->opcode);
    if (moves)
        asm_mov32(c, RSI, RSI);
    asm_mov32(c, RDI, RDI);
}

void emit_string(struct emit *e)
{
    unsigned opcode = opcode_row(e->i->op)->opcode & 0xFE;
    bool moves = opcode == 0xA4, stores = opcode == 0xAA;
    if (!(e->i->prefixes & (PREFIX_REP | PREFIX_REPNE)))
        emit_one(e);
    else if ((moves || stores) && repeats_natively(e, moves))
        emit_repeat(e, moves);
    else
        emit_help(e);
}
