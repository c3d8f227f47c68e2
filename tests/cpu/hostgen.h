/* tests/cpu/hostgen.h: encodings of an opcode row, in all its forms, and addresses for them, as
 * test_host.c and test_hostfp.c run them on the host and in the guest of hostguest.h. */
#ifndef UMBRA_TESTS_HOSTGEN_H
#define UMBRA_TESTS_HOSTGEN_H

#include "cpu/decode.h"
#include "tests/cpu/fpgen.h"
#include "tests/cpu/host32.h"

struct encoding {
    uint8_t bytes[24];
    unsigned len; /* of bytes in use: the instruction, and what may follow it */
    uint32_t at;  /* in the code page */
    enum host32_kind kind;
    struct insn insn;
    const struct opcode *row;
};

static struct decoder decoder;

static uint32_t pick(struct rng *r, uint32_t below)
{
    return (uint32_t)(rng_next(r) >> 32) % below;
}

/* An offset in the data segment where something may lie: mostly plain, often at an edge. */
static uint32_t gen_offset(struct rng *r)
{
    static const uint32_t edges[] = {0x1000, 0x1000, 0x2000, 0x2000, 0x3000, 0x10000, 0xF000, 0};
    uint32_t k = pick(r, 100);
    if (k < 70)
        return 0x40 + pick(r, 0x1F00);
    if (k < 90)
        return edges[pick(r, 8)] - 9 + pick(r, 12);
    if (k < 95)
        return 0x2000 + pick(r, 0x1000);
    if (k < 99)
        return 0xF040 + pick(r, 0xF00);
    return (uint32_t)rng_next(r);
}

static uint32_t gen_value(struct rng *r)
{
    static const uint32_t edges[] = {0,          1,          2,          0x7F,      0x80,
                                     0xFF,       0x7FFF,     0x8000,     0xFFFF,    0x10000,
                                     0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE};
    uint32_t k = pick(r, 8);
    if (k < 2)
        return edges[pick(r, ARRAY_LEN(edges))];
    if (k < 3) /* one for each width at once: edges in bytes */
        return (uint32_t)pick(r, 3) * 0x7F80FF01u ^ pick(r, 0x10000);
    return (uint32_t)(k < 6 ? gen_bits(r) : rng_next(r));
}

static bool has_operand(const struct opcode *row, unsigned first, unsigned last)
{
    for (unsigned n = 0; n < 3; n++)
        if (row->operands[n] >= first && row->operands[n] <= last)
            return true;
    return false;
}

static unsigned gen_prefixes(struct rng *r, const struct opcode *row, uint8_t *out)
{
    static const uint8_t segments[] = {0x26, 0x2E, 0x36, 0x3E, 0x65};
    unsigned n = 0;
    bool simd = row->prefix >= PFX_66 || (row->prefix == PFX_NONE && row->feature);
    if (row->prefix == PFX_66 || (!simd && pick(r, 3) == 0))
        out[n++] = 0x66;
    if (pick(r, 5) == 0)
        out[n++] = 0x67;
    if (pick(r, 10) == 0)
        out[n++] = segments[pick(r, 5)];
    if (row->prefix == PFX_F3 || row->prefix == PFX_F2)
        out[n++] = row->prefix == PFX_F3 ? 0xF3 : 0xF2;
    if (row->attrs & STRING && pick(r, 2))
        out[n++] = pick(r, 2) ? 0xF3 : 0xF2;
    if (pick(r, row->attrs & LOCKABLE ? 8 : 64) == 0)
        out[n++] = 0xF0;
    return n;
}

/* ModRM, SIB and displacement; any that the row allows. A displacement that stands alone is an
 * offset in the segment, whose data begin at data. */
static unsigned gen_modrm(struct rng *r, const struct opcode *row, bool addr16, uint32_t data,
                          uint8_t *out)
{
    unsigned form = row->form, reg = pick(r, 8), mod = pick(r, 4), rm = pick(r, 8), n = 0;
    if (form & 1 << 4)
        reg = form >> 5 & 7;
    unsigned kind = form >> 2 & 3;
    mod = kind == 2 ? 3 : kind == 1 ? pick(r, 3) : mod;
    out[n++] = (uint8_t)(mod << 6 | reg << 3 | rm);
    if (mod == 3)
        return n;
    uint32_t disp = gen_value(r);
    if (addr16) {
        if (mod == 0 && rm == 6)
            disp = gen_offset(r);
        unsigned bytes = mod == 1 ? 1 : mod == 2 || rm == 6 ? 2 : 0;
        store_le16(out + n, (uint16_t)disp);
        return n + bytes;
    }
    unsigned base = rm;
    if (rm == 4) {
        out[n] = (uint8_t)rng_next(r);
        base = out[n++] & 7;
        if (mod == 0 && base == 5)
            disp = data + (gen_offset(r) & 0x1FFF);
    } else if (mod == 0 && rm == 5) {
        disp = data + gen_offset(r);
    }
    unsigned bytes = mod == 1 ? 1 : mod == 2 || base == 5 ? 4 : 0;
    store_le32(out + n, disp);
    return n + bytes;
}

/* Relative branches go to INT3s beside the instruction; absolute addresses into the segment. */
static void patch_immediate(struct rng *r, struct encoding *e)
{
    uint8_t *end = e->bytes + e->insn.len;
    if (has_operand(e->row, OPND_Jb, OPND_Jb)) {
        end[-1] = (uint8_t)(pick(r, 2) ? 40 + pick(r, 80) : -40u - pick(r, 80));
    } else if (has_operand(e->row, OPND_Jv, OPND_Jv)) {
        uint32_t to = pick(r, 4) ? 0x80 + pick(r, 0x400) : gen_value(r);
        uint32_t rel = to - (e->at + e->insn.len);
        if (e->insn.osize == 2)
            store_le16(end - 2, (uint16_t)rel);
        else
            store_le32(end - 4, rel);
    } else if (has_operand(e->row, OPND_Ob, OPND_Ov)) {
        if (e->insn.asize == 2)
            store_le16(end - 2, (uint16_t)gen_offset(r));
        else
            store_le32(end - 4, gen_offset(r));
    } else if (has_operand(e->row, OPND_Ib2, OPND_Ib2) && pick(r, 4)) { /* ENTER */
        store_le16(end - 3, (uint16_t)pick(r, 0x100));
        end[-1] = (uint8_t)pick(r, 6);
    }
}

/* False when the bytes turn out to be another row. */
static bool gen_encoding(struct rng *r, unsigned op, enum host32_kind kind, struct encoding *e)
{
    bool wide = kind != HOST_16;
    e->row = opcode_row(op);
    e->kind = kind;
    unsigned n = gen_prefixes(r, e->row, e->bytes);
    bool addr16 = (memchr(e->bytes, 0x67, n) != NULL) == wide;
    if (e->row->map == MAP_0F)
        e->bytes[n++] = 0x0F;
    bool plus_r = (e->row->form & 3) == PLUS_R;
    e->bytes[n++] = (uint8_t)(e->row->opcode + (plus_r ? pick(r, 8) : 0));
    if (e->row->form & 1)
        n += gen_modrm(r, e->row, addr16, HOST_DATA_AT(kind), e->bytes + n);
    for (unsigned k = 0; n + k < sizeof e->bytes; k++)
        e->bytes[n + k] = (uint8_t)gen_value(r);
    bool at_page_end = pick(r, 30) == 0 && strcmp(e->row->mnemonic, "ud1"); /* on AMD: no ModRM */
    e->at = !at_page_end ? 0x813 + pick(r, 64) : 0xFF4 + pick(r, 12);
    enum decode_status status = decode_insn(&decoder, e->bytes, sizeof e->bytes, wide, &e->insn);
    if (status == DECODE_OK && e->insn.op == op) {
        patch_immediate(r, e);
        status = decode_insn(&decoder, e->bytes, sizeof e->bytes, wide, &e->insn);
    }
    e->len = e->insn.len;
    return status != DECODE_MORE && e->insn.op == op;
}

/* Sets the address registers so that the memory operand lies at target. */
static void aim(const struct encoding *e, struct host32_state *s, uint32_t target)
{
    const struct insn *i = &e->insn;
    uint32_t mask = i->asize == 2 ? 0xFFFF : UINT32_MAX;
    unsigned reg = i->base != REG_NONE ? i->base : i->index;
    if (reg == REG_NONE)
        return;
    uint32_t rest = i->disp;
    unsigned scale = 0;
    if (i->base == REG_NONE)
        scale = i->scale;
    else if (i->index != REG_NONE)
        rest += s->reg[i->index] << i->scale;
    uint32_t value = (target - rest) >> scale;
    s->reg[reg] = (s->reg[reg] & ~mask) | (value & mask);
}

/* Where the memory operand lies, as an offset in its segment. */
static uint32_t operand_offset(const struct encoding *e, const struct host32_state *s)
{
    const struct insn *i = &e->insn;
    uint32_t at = (i->base == REG_NONE ? 0 : s->reg[i->base]) + i->disp +
                  (i->index == REG_NONE ? 0 : s->reg[i->index] << i->scale);
    return i->asize == 2 ? at & 0xFFFF : at;
}

#endif
