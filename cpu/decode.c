/* cpu/decode.c: the opcode table as data, its index for one model, and the decoder. */
#include "cpu/decode.h"

#include <stdio.h>

/* Each handlers column is expanded twice: to declarations, then to the table's entries. */
#define H1(x)   insn_handler op_##x;
#define HS(x)   insn_handler op_##x##16, op_##x##32;
#define HRM(x)  insn_handler op_##x##_r, op_##x##_m;
#define HRMS(x) insn_handler op_##x##_r16, op_##x##_r32, op_##x##_m16, op_##x##_m32;
#define ROW(id, map, opcode, form, prefix, mnemonic, operands, reads, writes, models, feature, \
            attrs, handlers)                                                                   \
    handlers
#include "cpu/opcodes.def"
#undef ROW
#undef H1
#undef HS
#undef HRM
#undef HRMS

#define H1(x)                          \
    {                                  \
        op_##x, op_##x, op_##x, op_##x \
    }
#define HS(x)                                          \
    {                                                  \
        op_##x##16, op_##x##32, op_##x##16, op_##x##32 \
    }
#define HRM(x)                                         \
    {                                                  \
        op_##x##_m, op_##x##_m, op_##x##_r, op_##x##_r \
    }
#define HRMS(x)                                                \
    {                                                          \
        op_##x##_m16, op_##x##_m32, op_##x##_r16, op_##x##_r32 \
    }
#define OPS0      \
    {             \
        OPND_NONE \
    }
#define OPS1(a)  \
    {            \
        OPND_##a \
    }
#define OPS2(a, b)         \
    {                      \
        OPND_##a, OPND_##b \
    }
#define OPS3(a, b, c)                \
    {                                \
        OPND_##a, OPND_##b, OPND_##c \
    }
#define SINCE(first)       CPU_##first, CPU_P4
#define RANGE(first, last) CPU_##first, CPU_##last
#define ROW(id, map, opcode, form, prefix, mnemonic, operands, reads, writes, models, feature, \
            attrs, handlers)                                                                   \
    {mnemonic, MAP_##map, opcode, prefix, attrs,   form,                                       \
     operands, models,    reads,  writes, feature, handlers},
static const struct opcode table[OPCODE_ROWS] = {
    {.mnemonic = "(bad)"},
#include "cpu/opcodes.def"
};

const struct opcode *opcode_row(unsigned row)
{
    return &table[row];
}

void insn_mnemonic(const struct insn *i, char out[20])
{
    const char *name = table[i->op].mnemonic, *bar = strchr(name, '|');
    unsigned size = i->op == OPROW_jcxz ? i->asize : i->osize;
    if (bar && size == 4)
        snprintf(out, 20, "%s", bar + 1);
    else
        snprintf(out, 20, "%.*s", bar ? (int)(bar - name) : 19, name);
}

/* --- Indexing ------------------------------------------------------------------------------ */

static void chain_append(struct decoder *d, unsigned map, unsigned opcode, unsigned row)
{
    uint16_t node = ++d->nodes;
    d->row[node] = (uint16_t)row;
    uint16_t *at = &d->first[map][opcode];
    while (*at)
        at = &d->link[*at];
    *at = node;
}

/* Which bytes follow, from the operand forms. */
static enum immediate immediate_of(const struct opcode *row)
{
    enum immediate found = IMM_NONE;
    for (unsigned i = 0; i < ARRAY_LEN(row->operands); i++) {
        switch ((enum operand)row->operands[i]) {
        case OPND_Ib:
            found = IMM_BYTE;
            break;
        case OPND_Ibs:
        case OPND_Jb:
            found = IMM_BYTE_SIGNED;
            break;
        case OPND_Iw:
            found = IMM_WORD;
            break;
        case OPND_Iv:
        case OPND_Jv:
            found = IMM_OSIZE;
            break;
        case OPND_Ib2:
            found = IMM_WORD_BYTE;
            break;
        case OPND_Ap:
            found = IMM_FAR;
            break;
        case OPND_Ob:
        case OPND_Ov:
            found = IMM_MOFFS;
            break;
        default:
            break;
        }
    }
    return found;
}

void decoder_init(struct decoder *d, enum cpu_model model, uint64_t features)
{
    memset(d, 0, sizeof *d);
    d->model = model;
    d->features = features;
    for (unsigned row = 1; row < OPCODE_ROWS; row++) {
        const struct opcode *o = &table[row];
        d->immediate[row] = (uint8_t)immediate_of(o);
        if (model < o->first_model || model > o->last_model || (o->feature & ~features))
            continue;
        unsigned count = o->form & PLUS_R ? 8 : 1;
        for (unsigned i = 0; i < count; i++)
            chain_append(d, o->map, o->opcode + i, row);
    }
}

/* --- Decoding ------------------------------------------------------------------------------ */

/* Where the decoder stands. More than avail bytes are never read: past says that it wanted to. */
struct cursor {
    const uint8_t *bytes;
    size_t pos, avail;
    bool past;
};

static uint8_t take8(struct cursor *at)
{
    if (at->pos >= at->avail) {
        at->past = true;
        return 0;
    }
    return at->bytes[at->pos++];
}

static uint32_t take16(struct cursor *at)
{
    if (at->avail - at->pos < 2) {
        at->past = true;
        return 0;
    }
    at->pos += 2;
    return load_le16(at->bytes + at->pos - 2);
}

static uint32_t take32(struct cursor *at)
{
    if (at->avail - at->pos < 4) {
        at->past = true;
        return 0;
    }
    at->pos += 4;
    return load_le32(at->bytes + at->pos - 4);
}

/* Longest instruction: the 8086 and 186 have no limit; a limit of their own (a segment's length of
 * prefixes) is not worth modelling, so they take the 386's (docs/caveats.md). */
static size_t length_limit(enum cpu_model model)
{
    return model == CPU_286 ? 10 : INSN_MAX_LEN;
}

/* Takes prefixes up to the opcode's first byte, which it returns. */
static uint8_t take_prefixes(const struct decoder *d, struct cursor *at, struct insn *out)
{
    for (;;) {
        uint8_t byte = take8(at);
        if (at->past)
            return 0;
        switch (byte) {
        case 0x26:
        case 0x2E:
        case 0x36:
        case 0x3E:
            out->seg = (byte >> 3) & 3;
            out->prefixes |= PREFIX_SEG;
            continue;
        case 0x64:
        case 0x65:
            if (d->model < CPU_386)
                return byte;
            out->seg = byte & 1 ? SEG_GS : SEG_FS;
            out->prefixes |= PREFIX_SEG;
            continue;
        case 0x66:
            if (d->model < CPU_386)
                return byte;
            out->prefixes |= PREFIX_OSIZE;
            continue;
        case 0x67:
            if (d->model < CPU_386)
                return byte;
            out->prefixes |= PREFIX_ASIZE;
            continue;
        case 0xF1:
            if (d->model != CPU_8086)
                return byte;
            out->prefixes |= PREFIX_LOCK;
            continue;
        case 0xF0:
            out->prefixes |= PREFIX_LOCK;
            continue;
        case 0xF2:
            out->prefixes = (uint8_t)((out->prefixes & ~PREFIX_REP) | PREFIX_REPNE);
            continue;
        case 0xF3:
            out->prefixes = (uint8_t)((out->prefixes & ~PREFIX_REPNE) | PREFIX_REP);
            continue;
        default:
            return byte;
        }
    }
}

/* 16-bit addressing (SDM vol. 2, table 2-1): base and index by rm. */
static const uint8_t base16[8] = {EBX, EBX, EBP, EBP, ESI, EDI, EBP, EBX};
static const uint8_t index16[8] = {ESI, EDI, ESI, EDI, REG_NONE, REG_NONE, REG_NONE, REG_NONE};

static void take_address16(struct cursor *at, struct insn *out)
{
    unsigned mod = out->modrm >> 6, rm = out->modrm & 7;
    out->base = base16[rm];
    out->index = index16[rm];
    if (mod == 0 && rm == 6) {
        out->base = REG_NONE;
        out->disp = (uint32_t)(int32_t)(int16_t)take16(at);
    } else if (mod == 1) {
        out->disp = (uint32_t)(int32_t)(int8_t)take8(at);
    } else if (mod == 2) {
        out->disp = (uint32_t)(int32_t)(int16_t)take16(at);
    }
    if (out->base == EBP && !(out->prefixes & PREFIX_SEG))
        out->seg = SEG_SS;
}

static void take_address32(struct cursor *at, struct insn *out)
{
    unsigned mod = out->modrm >> 6, rm = out->modrm & 7;
    bool disp32 = mod == 2;
    out->base = (uint8_t)rm;
    if (rm == 4) {
        uint8_t sib = take8(at);
        out->base = sib & 7;
        out->index = (sib >> 3) & 7;
        out->scale = sib >> 6;
        if (out->index == ESP) {
            out->index = REG_NONE;
            out->scale = 0;
        }
    }
    if (mod == 0 && out->base == EBP) {
        out->base = REG_NONE;
        disp32 = true;
    }
    if (disp32)
        out->disp = take32(at);
    else if (mod == 1)
        out->disp = (uint32_t)(int32_t)(int8_t)take8(at);
    if ((out->base == EBP || out->base == ESP) && !(out->prefixes & PREFIX_SEG))
        out->seg = SEG_SS;
}

/* The first row of the chain that fits, 0 for none; takes the ModRM byte when one is called for. */
static unsigned choose_row(const struct decoder *d, unsigned map, uint8_t opcode, struct cursor *at,
                           struct insn *out)
{
    unsigned prefix = out->prefixes & PREFIX_REP     ? PFX_F3
                      : out->prefixes & PREFIX_REPNE ? PFX_F2
                      : out->prefixes & PREFIX_OSIZE ? PFX_66
                                                     : PFX_NONE;
    bool have_modrm = false;
    for (unsigned node = d->first[map][opcode]; node; node = d->link[node]) {
        const struct opcode *o = &table[d->row[node]];
        unsigned form = o->form;
        if ((form & MODRM) && !have_modrm) {
            out->modrm = take8(at);
            if (at->past)
                return 0;
            have_modrm = true;
            if (map == MAP_0F && (opcode & 0xFC) == 0x20) /* MOV CR, DR: mod is ignored */
                out->modrm |= 0xC0;
        }
        if (o->prefix != PFX_ANY && o->prefix != prefix)
            continue;
        if (form & (MODRM_MEM | MODRM_REG) & ~MODRM) {
            bool is_register = out->modrm >= 0xC0;
            if (is_register != ((form & MODRM_REG & ~MODRM) != 0))
                continue;
        }
        if ((form & EXT(0) & ~MODRM) && ((out->modrm >> 3) & 7) != (form >> 5 & 7))
            continue;
        if ((form & (1 << 8)) && (out->modrm & 7) != (form >> 9 & 7))
            continue;
        return d->row[node];
    }
    return 0;
}

static void take_immediate(struct cursor *at, enum immediate kind, struct insn *out)
{
    switch (kind) {
    case IMM_NONE:
        break;
    case IMM_BYTE:
        out->imm = take8(at);
        break;
    case IMM_BYTE_SIGNED:
        out->imm = (uint32_t)(int32_t)(int8_t)take8(at);
        break;
    case IMM_WORD:
        out->imm = take16(at);
        break;
    case IMM_OSIZE:
        out->imm = out->osize == 2 ? (uint32_t)(int32_t)(int16_t)take16(at) : take32(at);
        break;
    case IMM_WORD_BYTE:
        out->imm = take16(at);
        out->disp = take8(at);
        break;
    case IMM_FAR:
        out->imm = out->osize == 2 ? take16(at) : take32(at);
        out->disp = take16(at);
        break;
    case IMM_MOFFS:
        out->disp = out->asize == 2 ? take16(at) : take32(at);
        break;
    }
}

bool decode_immediate(const struct decoder *d, const uint8_t *bytes, unsigned from, struct insn *i)
{
    enum immediate kind = d->immediate[i->op];
    unsigned size = kind == IMM_BYTE || kind == IMM_BYTE_SIGNED ? 1
                    : kind == IMM_WORD                          ? 2
                    : kind == IMM_OSIZE                         ? i->osize
                                                                : 0;
    if (from + size < i->len)
        return false;
    struct cursor at = {.bytes = bytes, .avail = i->len, .pos = i->len - size};
    take_immediate(&at, kind, i);
    return true;
}

/* LOCK: the 386 and later allow it only with listed instructions whose destination is memory. */
static bool lock_allowed(const struct decoder *d, const struct opcode *o, const struct insn *out)
{
    return d->model < CPU_386 || ((o->attrs & LOCKABLE) && out->modrm < 0xC0);
}

static enum decode_status bad(const struct cursor *at, const struct decoder *d, struct insn *out)
{
    if (at->past && at->avail < length_limit(d->model))
        return DECODE_MORE;
    out->op = OPROW_INVALID;
    out->len = (uint8_t)at->pos;
    out->run = at->past ? op_too_long : op_undefined;
    return at->past ? DECODE_TOO_LONG : DECODE_INVALID;
}

enum decode_status decode_insn(const struct decoder *d, const uint8_t *bytes, size_t avail,
                               bool code32, struct insn *out)
{
    size_t limit = length_limit(d->model);
    struct cursor at = {.bytes = bytes, .avail = avail < limit ? avail : limit};
    *out = (struct insn){.base = REG_NONE, .index = REG_NONE, .seg = SEG_DS};
    uint8_t opcode = take_prefixes(d, &at, out);
    unsigned map = MAP_1B;
    if (opcode == 0x0F && d->model >= CPU_286) {
        map = MAP_0F;
        opcode = take8(&at);
        if (opcode == 0x38 || opcode == 0x3A) {
            map = opcode == 0x38 ? MAP_0F38 : MAP_0F3A;
            opcode = take8(&at);
        }
    }
    if (at.past)
        return bad(&at, d, out);
    out->osize = code32 == !(out->prefixes & PREFIX_OSIZE) ? 4 : 2;
    out->asize = code32 == !(out->prefixes & PREFIX_ASIZE) ? 4 : 2;
    unsigned row = choose_row(d, map, opcode, &at, out);
    if (!row)
        return bad(&at, d, out);
    const struct opcode *o = &table[row];
    bool is_register = false;
    if (o->form & MODRM) {
        out->reg = (out->modrm >> 3) & 7;
        out->rm = out->modrm & 7;
        is_register = out->modrm >= 0xC0;
        if (is_register)
            ;
        else if (out->asize == 2)
            take_address16(&at, out);
        else
            take_address32(&at, out);
    } else {
        out->modrm = 0;
        if (o->form & PLUS_R)
            out->reg = out->rm = opcode & 7;
    }
    take_immediate(&at, d->immediate[row], out);
    if (at.past || ((out->prefixes & PREFIX_LOCK) && !lock_allowed(d, o, out)))
        return bad(&at, d, out);
    out->op = (uint16_t)row;
    out->len = (uint8_t)at.pos;
    out->run = o->handler[is_register * 2 + (out->osize == 4)];
    return DECODE_OK;
}
