/* translator/x86_64/memory.c: guest memory operands in host code.
 *
 * Three steps, each left out where it has nothing to do:
 *     offset    base + index * scale + disp, cut to the address size           (LEA, MOVZX)
 *     segment   limit and rights, by the class that the unit's key holds; base
 *     page      the window: GS and a 32-bit address; or the soft TLB's table
 *
 * No flag is touched: comparisons are subtractions by LEA, and JECXZ tells zero from the rest, with
 * ECX put aside in r12. In a window unit a flat 32-bit operand is the guest's own, with two
 * prefixes. */
#include <assert.h>

#include "translator/x86_64/emit.h"

struct ea insn_place(const struct insn *i)
{
    return (struct ea){.base = i->base,
                       .index = i->index,
                       .scale = i->scale,
                       .asize = i->asize,
                       .disp = i->disp,
                       .seg = i->seg};
}

static struct place ea_place(const struct emit *e, struct ea ea)
{
    struct place p = {.memory = true, .reg = NO_REG, .index = NO_REG, .disp = (int32_t)ea.disp};
    if (ea.base != REG_NONE)
        p.reg = (uint8_t)host_reg(ea.base);
    if (ea.base == ESP)
        p.disp += e->esp;
    if (ea.index != REG_NONE) {
        p.index = (uint8_t)host_reg(ea.index);
        p.scale = ea.scale;
    }
    return p;
}

void emit_offset(struct emit *e, unsigned to, struct ea ea)
{
    if (ea.base == REG_NONE && ea.index == REG_NONE) {
        asm_mov_imm32(&e->code, to, ea.asize == 2 ? ea.disp & 0xFFFF : ea.disp);
        return;
    }
    asm_lea32(&e->code, to, ea_place(e, ea));
    if (ea.asize == 2)
        asm_movzx16(&e->code, to, to);
}

void emit_slow(struct emit *e, uint8_t *patch, bool restore_ecx)
{
    assert(e->slow_count < ARRAY_LEN(e->slow));
    e->slow[e->slow_count++] = (struct slow_path){patch, e->n, restore_ecx};
}

/* ECX, which is put aside in r12, holds a number: when that is not 0, the slow way. */
static void expect_zero_ecx(struct emit *e)
{
    uint8_t *well = asm_jecxz(&e->code);
    emit_slow(e, asm_jmp(&e->code, NULL), true);
    asm_land8(&e->code, well);
}

/* ... and is put back then. */
void emit_check_zero(struct emit *e)
{
    expect_zero_ecx(e);
    asm_mov32(&e->code, RCX, R12);
}

/* Is [r10, r10 + size) within 64 KiB? */
static void check_64k(struct emit *e, unsigned size)
{
    asm_mov32(&e->code, R12, RCX);
    asm_lea32(&e->code, RCX, place_mem(R10, (int32_t)size - 1));
    asm_rorx32(&e->code, RCX, RCX, 16);
    asm_movzx16(&e->code, RCX, RCX);
    emit_check_zero(e);
}

/* The sign of length - size - r10 tells. */
void emit_check_length(struct emit *e, size_t field, unsigned size)
{
    asm_mov32(&e->code, R12, RCX);
    asm_mov64(&e->code, RCX, R10);
    asm_modrm(&e->code, &(struct form){.opcode = 0xF7, .w = true}, 2, place_reg(RCX)); /* NOT */
    asm_load64(&e->code, R11, vcpu_field(field));
    asm_lea64(&e->code, RCX, place_indexed(RCX, R11, 0, 1 - (int32_t)size));
    asm_rorx64(&e->code, RCX, RCX, 48); /* the sign and 15 copies of it: lengths have 33 bits */
    asm_movzx16(&e->code, RCX, RCX);
    emit_check_zero(e);
}

static void check_limit(struct emit *e, unsigned seg, unsigned size, bool write)
{
    size_t field =
        offsetof(struct vcpu, seg) + seg * sizeof(struct segment) +
        (write ? offsetof(struct segment, write_len) : offsetof(struct segment, read_len));
    emit_check_length(e, field, size);
}

static void add_base(struct emit *e, unsigned seg)
{
    size_t field =
        offsetof(struct vcpu, seg) + seg * sizeof(struct segment) + offsetof(struct segment, base);
    asm_load32(&e->code, R11, vcpu_field(field));
    asm_lea32(&e->code, R10, place_indexed(R10, R11, 0, 0));
}

/* What a store moves, inverted, into r11. The guest's ECX stands in r12. */
static void inverted_value(struct emit *e)
{
    const struct insn *i = e->i;
    struct code *c = &e->code;
    bool byte = i->op == OPROW_mov_eb_gb;
    if (!byte && i->op != OPROW_mov_ev_gv) {
        asm_mov_imm32(c, R11, ~i->imm);
        e->u->insn[e->n].imm_size = 0; /* it stands here, too: not to be patched */
        return;
    }
    unsigned reg = byte ? i->reg & 3 : host_reg(i->reg);
    if (reg == RCX)
        reg = R12;
    if (byte && i->reg >= 4) /* AH..BH */
        asm_rorx32(c, R11, reg, 8);
    else
        asm_mov32(c, R11, reg);
    asm_modrm(c, &(struct form){.opcode = 0xF7}, 2, place_reg(R11)); /* NOT */
}

/* The store of size bytes to r10 + r9 hits code: does it leave that as it is? Then on behind the
 * instruction; else the slow way. Programs write code anew as it was. ECX is put aside. */
static void check_same(struct emit *e, unsigned size)
{
    struct code *c = &e->code;
    inverted_value(e);
    struct form movzx = {.map = ASM_0F, .opcode = size == 2 ? 0xB7 : 0xB6};
    struct form load = size == 4 ? (struct form){.opcode = 0x8B} : movzx;
    asm_modrm(c, &load, RCX, place_indexed(R10, R9, 0, 0));
    asm_lea32(c, RCX, place_indexed(RCX, R11, 0, 1)); /* old - new */
    if (size < 4)
        asm_modrm(c, &movzx, RCX, place_reg(RCX));
    expect_zero_ecx(e);
    asm_mov32(c, RCX, R12);
    e->same = asm_jmp(c, NULL);
}

/* No bit of code at r10 + r9 and the size bytes there? ECX is put aside. */
static void check_beside(struct emit *e, unsigned size)
{
    struct code *c = &e->code;
    asm_lea64(c, R11, place_indexed(R10, R9, 0, 0));
    asm_pext64(c, RCX, R11, FIELD_OF(translated.byte_mask));
    asm_load64(c, R11, FIELD_OF(translated.code_bits));
    asm_load32(c, RCX, place_indexed(R11, RCX, 0, 0));
    asm_pext32(c, R11, R10, FIELD_OF(translated.bit_mask));
    asm_shrx32(c, RCX, RCX, R11);
    size_t low = size == 10 ? 4 : (size_t)__builtin_ctz(size); /* of translated.low_bits */
    if (size < 16)
        asm_pext32(c, RCX, RCX,
                   vcpu_field(offsetof(struct vcpu, translated.low_bits) + low * sizeof(uint32_t)));
    else
        asm_movzx16(c, RCX, RCX);
    if (!plain_is_store(e->i)) {
        emit_check_zero(e);
        return;
    }
    uint8_t *clear = asm_jecxz(c);
    check_same(e, size);
    asm_land8(c, clear);
    asm_mov32(c, RCX, R12);
}

/* The soft TLB's entry for the page of r10: its index, times two, into r9; the page of the last
 * byte must be the entry's. Host address: r10 + r9. */
static struct place soft_lookup(struct emit *e, unsigned size, bool write)
{
    bool user = e->u->key & KEY_USER, beside = write && e->u->insn[e->n].beside;
    enum tlb_kind kind = beside ? TLB_BESIDE : write ? TLB_WRITE : TLB_READ;
    size_t table = offsetof(struct vcpu, tlb.entry) +
                   ((user ? TLB_USER : TLB_SUPERVISOR) * TLB_KINDS + kind) * TLB_TABLE_BYTES;
    size_t negative = table + offsetof(struct tlb_entry, negative);
    size_t addend = table + offsetof(struct tlb_entry, addend);
    struct code *c = &e->code;
    asm_pext32(c, R9, R10, FIELD_OF(tlb.mask));
    asm_lea32(c, R9, place_indexed(R9, R9, 0, 0));
    unsigned last = R10;
    if (size > 1) {
        asm_lea32(c, R11, place_mem(R10, (int32_t)size - 1));
        last = R11;
    }
    asm_pext32(c, R11, last, FIELD_OF(translated.page_mask));
    asm_mov32(c, R12, RCX);
    asm_load32(c, RCX, place_indexed(VCPU, R9, 3, (int32_t)negative));
    asm_lea32(c, RCX, place_indexed(RCX, R11, 0, 0));
    if (beside)
        expect_zero_ecx(e);
    else
        emit_check_zero(e);
    asm_load64(c, R9, place_indexed(VCPU, R9, 3, (int32_t)addend));
    if (beside)
        check_beside(e, size);
    return place_indexed(R10, R9, 0, 0);
}

struct place emit_memory_r10(struct emit *e, unsigned seg, unsigned asize, unsigned size,
                             bool write)
{
    enum segment_class class = key_segment(e->u->key, seg);
    if (class == SEGMENT_CHECK || (class == SEGMENT_64K && asize == 4))
        check_limit(e, seg, size, write);
    else if (class == SEGMENT_64K && size > 1)
        check_64k(e, size);
    if (class != SEGMENT_FLAT)
        add_base(e, seg);
    if (!(e->u->key & KEY_WINDOW) || e->u->insn[e->n].soft)
        return soft_lookup(e, size, write);
    struct place p = place_mem(R10, 0);
    p.window = true;
    return p;
}

struct place emit_memory(struct emit *e, struct ea ea, unsigned size, bool write)
{
    enum segment_class class = key_segment(e->u->key, ea.seg);
    bool window = (e->u->key & KEY_WINDOW) && !e->u->insn[e->n].soft;
    if (window && ea.asize == 4 && class == SEGMENT_FLAT) {
        struct place p = ea_place(e, ea);
        p.window = true;
        return p;
    }
    emit_offset(e, R10, ea);
    return emit_memory_r10(e, ea.seg, ea.asize, size, write);
}
