/* translator/narrow_device.c: instructions whose memory operand is a device's.
 *
 * The device's memory that has functions of its own (mmu/physmap.h, mmio_quick: a VGA's planes)
 * costs a call: nothing that the unit relies on can change by it, and nobody looks at the vCPU, so
 * host code goes on behind the instruction at once. MOV, the ALU's operations in all forms, XCHG,
 * INC and their kin, MOVS, STOS and LODS are done so; a program that draws lives on them. Other
 * devices are asked with all that they may look at in order, for MOV. All else is for the handler.
 */
#include "cpu/access.h"
#include "cpu/decode.h"
#include "translator/narrow.h"

enum device_form {
    FORM_NONE,
    FORM_LOAD, /* to the register of ModRM; of other sizes: */
    FORM_LOAD_ZERO,
    FORM_LOAD_SIGN,
    FORM_LOAD_EAX,
    FORM_STORE,
    FORM_STORE_EAX,
    FORM_STORE_IMM,
    FORM_STORE_SEGMENT,
    FORM_XCHG,
    FORM_NOT,
    FORM_ALU_TO_MEMORY, /* from here on flags are written; the operation stands above */
    FORM_ALU_IMM,
    FORM_ALU_TO_REGISTER,
    FORM_ONE, /* INC, DEC, NEG: enum one */
};
#define FORM_MASK     15u
#define FORM_ALU(row) ((row) << 4)

enum { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP, ALU_TEST };
enum { ONE_INC, ONE_DEC, ONE_NEG };

/* Of the one-byte opcodes 80h and up; ext is ModRM.reg, which is the row's. */
static unsigned form_of_opcode(unsigned opcode, unsigned ext)
{
    switch (opcode) {
    case 0x80:
    case 0x81:
    case 0x82:
    case 0x83:
        return FORM_ALU_IMM | FORM_ALU(ext);
    case 0x84:
    case 0x85:
        return FORM_ALU_TO_REGISTER | FORM_ALU(ALU_TEST);
    case 0x86:
    case 0x87:
        return FORM_XCHG;
    case 0x88:
    case 0x89:
        return FORM_STORE;
    case 0x8A:
    case 0x8B:
        return FORM_LOAD;
    case 0x8C:
        return FORM_STORE_SEGMENT;
    case 0xA0:
    case 0xA1:
        return FORM_LOAD_EAX;
    case 0xA2:
    case 0xA3:
        return FORM_STORE_EAX;
    case 0xC6:
    case 0xC7:
        return FORM_STORE_IMM;
    case 0xF6:
    case 0xF7:
        return ext < 2    ? FORM_ALU_IMM | FORM_ALU(ALU_TEST)
               : ext == 2 ? FORM_NOT
               : ext == 3 ? FORM_ONE | FORM_ALU(ONE_NEG)
                          : FORM_NONE;
    case 0xFE:
    case 0xFF:
        return ext < 2 ? FORM_ONE | FORM_ALU(ext) : FORM_NONE;
    default:
        return FORM_NONE;
    }
}

unsigned narrow_device_form(const struct insn *i)
{
    unsigned access = narrow_access(i);
    if (!access || (access & (ACCESS_STACK | ACCESS_SSE)) || (access & ACCESS_SIZE) > 4)
        return FORM_NONE;
    const struct opcode *row = opcode_row(i->op);
    switch (i->op) {
    case OPROW_movzx_gv_eb:
    case OPROW_movzx_gv_ew:
        return FORM_LOAD_ZERO;
    case OPROW_movsx_gv_eb:
    case OPROW_movsx_gv_ew:
        return FORM_LOAD_SIGN;
    default:
        break;
    }
    if (row->map != opcode_row(OPROW_mov_gv_ev)->map)
        return FORM_NONE;
    if (row->opcode >= 0x40)
        return form_of_opcode(row->opcode, row->form >> 5 & 7);
    if ((row->opcode & 7) >= 4)
        return FORM_NONE;
    return (row->opcode & 2 ? FORM_ALU_TO_REGISTER : FORM_ALU_TO_MEMORY) |
           FORM_ALU(row->opcode >> 3);
}

/* --- What an instruction does with a byte, word or dword -------------------------------------- */

static void load(struct vcpu *c, const struct insn *i, unsigned form, unsigned size, uint32_t value)
{
    uint32_t extended = size == 1 ? (uint32_t)(int8_t)value : (uint32_t)(int16_t)value;
    switch (form & FORM_MASK) {
    case FORM_LOAD_ZERO:
        narrow_set_register(c, i->reg, i->osize, value);
        break;
    case FORM_LOAD_SIGN:
        narrow_set_register(c, i->reg, i->osize, extended);
        break;
    case FORM_LOAD_EAX:
        narrow_set_register(c, EAX, size, value);
        break;
    default:
        narrow_set_register(c, i->reg, size, value);
        break;
    }
}

static uint32_t stored(const struct vcpu *c, const struct insn *i, unsigned form, unsigned size)
{
    switch (form & FORM_MASK) {
    case FORM_STORE_EAX:
        return c->reg[EAX].d;
    case FORM_STORE_IMM:
        return i->imm;
    case FORM_STORE_SEGMENT:
        return c->seg[i->reg].selector;
    default:
        return narrow_register(c, i->reg, size);
    }
}

/* a op b; the vCPU's flags are current before and after. */
static uint32_t compute(struct vcpu *c, unsigned op, unsigned width, uint32_t a, uint32_t b)
{
    uint32_t carry = op == ALU_ADC || op == ALU_SBB ? flag_cf(c) : 0, r;
    switch (op) {
    case ALU_ADD:
    case ALU_ADC:
        r = a + b + carry;
        flags_add(c, width, a, b, r);
        return r;
    case ALU_SUB:
    case ALU_SBB:
    case ALU_CMP:
        r = a - b - carry;
        flags_sub(c, width, a, b, r);
        return r;
    case ALU_OR:
        r = a | b;
        break;
    case ALU_XOR:
        r = a ^ b;
        break;
    default:
        r = a & b;
        break;
    }
    flags_logic(c, width, r);
    return r;
}

/* INC and DEC leave CF. */
static uint32_t compute_one(struct vcpu *c, unsigned op, unsigned width, uint32_t a)
{
    uint32_t cf = flag_cf(c);
    if (op == ONE_NEG)
        return compute(c, ALU_SUB, width, 0, a);
    uint32_t r = compute(c, op == ONE_INC ? ALU_ADD : ALU_SUB, width, a, 1);
    c->flag_aux = cf << 31 | (cf ^ flag_of(c)) << 30 | (c->flag_aux & AUX_AF);
    return r;
}

/* Reads, and perhaps writes: flags are taken, where they count, and given. */
static void update(struct vcpu *c, const struct insn *i, unsigned form, unsigned size, uint64_t gpa)
{
    const struct mmio_quick *q = c->translated.translator->quick;
    unsigned op = form >> 4, width = size * 8;
    uint32_t value = quick_read(q, gpa, size), reg = narrow_register(c, i->reg, size);
    form &= FORM_MASK;
    if (form == FORM_ONE || op == ALU_ADC || op == ALU_SBB)
        take_flags(c);
    if (form == FORM_ONE)
        value = compute_one(c, op, width, value);
    else if (form == FORM_ALU_TO_REGISTER)
        value = compute(c, op, width, reg, value);
    else
        value = compute(c, op, width, value, form == FORM_ALU_IMM ? i->imm : reg);
    give_flags(c);
    if (form != FORM_ONE && (op == ALU_CMP || op == ALU_TEST))
        return;
    if (form == FORM_ALU_TO_REGISTER)
        narrow_set_register(c, i->reg, size, value);
    else
        quick_write(q, gpa, value, size);
}

static inline void quick(struct vcpu *c, const struct insn *i, unsigned form, unsigned size,
                         uint64_t gpa)
{
    const struct mmio_quick *q = c->translated.translator->quick;
    uint32_t value;
    switch (form & FORM_MASK) {
    case FORM_LOAD:
        narrow_set_register(c, i->reg, size, quick_read(q, gpa, size));
        break;
    case FORM_LOAD_ZERO:
    case FORM_LOAD_SIGN:
    case FORM_LOAD_EAX:
        load(c, i, form, size, quick_read(q, gpa, size));
        break;
    case FORM_STORE:
        quick_write(q, gpa, narrow_register(c, i->reg, size), size);
        break;
    case FORM_STORE_EAX:
    case FORM_STORE_IMM:
    case FORM_STORE_SEGMENT:
        quick_write(q, gpa, stored(c, i, form, size), size);
        break;
    case FORM_XCHG:
        value = quick_read(q, gpa, size);
        quick_write(q, gpa, narrow_register(c, i->reg, size), size);
        narrow_set_register(c, i->reg, size, value);
        break;
    case FORM_NOT:
        quick_write(q, gpa, ~quick_read(q, gpa, size), size);
        break;
    default:
        update(c, i, form, size, gpa);
        break;
    }
}

/* --- Which way -------------------------------------------------------------------------------- */

static inline bool is_quick(const struct vcpu *c, uint64_t gpa)
{
    const struct mmio_quick *q = c->translated.translator->quick;
    return gpa - q->base < q->size && !c->watching;
}

/* A device that may look at the vCPU, and change what it finds behind the instruction. */
static const uint8_t *ask(struct vcpu *c, uint32_t site, uint64_t gpa)
{
    const struct unit *u = site_unit(c->translated.translator, site);
    unsigned n = site_index(site), form = u->insn[n].device, size = u->insn[n].access & ACCESS_SIZE;
    const struct insn *i = narrow_begin(c, site);
    if ((form & FORM_MASK) >= FORM_STORE) {
        uint32_t value = stored(c, i, form, size);
        if (size < 4)
            value &= (uint32_t)(BIT(8 * size) - 1);
        physmap_write(c->physmap, gpa, value, size);
    } else {
        load(c, i, form, size, (uint32_t)physmap_read(c->physmap, gpa, size));
    }
    c->insns++;
    return translator_behind_device(c->translated.translator, u, n);
}

const uint8_t *narrow_ask(struct vcpu *c, uint32_t site, uint64_t gpa)
{
    const struct unit *u = site_unit(c->translated.translator, site);
    unsigned form = u->insn[site_index(site)].device & FORM_MASK;
    if (form >= FORM_LOAD && form <= FORM_STORE_SEGMENT && !c->watching)
        return ask(c, site, gpa);
    return translator_help(c, site);
}

const uint8_t *narrow_device(struct vcpu *c, uint32_t site)
{
    struct unit *u = site_unit(c->translated.translator, site);
    unsigned n = site_index(site);
    const struct unit_insn *ui = &u->insn[n];
    const struct insn *i = ui->insn;
    bool write = ui->access & ACCESS_WRITE;
    unsigned size = ui->access & ACCESS_SIZE;
    uint32_t offset = insn_ea(c, i);
    const struct segment *s = &c->seg[i->seg];
    uint64_t gpa =
        (uintptr_t)tlb_lookup(&c->tlb, c->tlb_view, write ? TLB_DEVICE_WRITE : TLB_DEVICE_READ,
                              (uint32_t)s->base + offset, size);
    if (!gpa) {
        enum device_form form = ui->device & FORM_MASK;
        if (form >= FORM_STORE && form <= FORM_STORE_SEGMENT &&
            narrow_store_noted(c, u, n, i->seg, offset, stored(c, i, form, size), size))
            return narrow_stored(c, u, n);
        return narrow_no_device(c, site);
    }
    if (offset + (uint64_t)size > (write ? s->write_len : s->read_len) || !is_quick(c, gpa))
        return narrow_missed(c, site);
    quick(c, i, ui->device, size, gpa);
    return narrow_resume(c, u, ui);
}

/* --- MOVS, STOS, LODS, one element ------------------------------------------------------------ */

/* Where an element lies: in memory, or in a quick device. */
struct element {
    uint8_t *host;
    uint64_t gpa;
};

static bool find(struct vcpu *c, unsigned seg, uint32_t offset, unsigned size, bool write,
                 struct element *out)
{
    out->gpa = 0;
    out->host = narrow_reach(c, seg, offset, size, write ? TLB_WRITE : TLB_READ);
    if (out->host)
        return true;
    const struct segment *s = &c->seg[seg];
    if (offset + (uint64_t)size > (write ? s->write_len : s->read_len))
        return false;
    out->gpa =
        (uintptr_t)tlb_lookup(&c->tlb, c->tlb_view, write ? TLB_DEVICE_WRITE : TLB_DEVICE_READ,
                              (uint32_t)s->base + offset, size);
    return out->gpa && is_quick(c, out->gpa);
}

static uint32_t take(const struct vcpu *c, const struct element *at, unsigned size)
{
    if (!at->host)
        return quick_read(c->translated.translator->quick, at->gpa, size);
    return size == 1 ? *at->host : size == 2 ? load_le16(at->host) : load_le32(at->host);
}

static void put(const struct vcpu *c, const struct element *at, unsigned size, uint32_t value)
{
    if (!at->host)
        quick_write(c->translated.translator->quick, at->gpa, value, size);
    else if (size == 1)
        *at->host = (uint8_t)value;
    else if (size == 2)
        store_le16(at->host, (uint16_t)value);
    else
        store_le32(at->host, value);
}

static uint32_t index_of(const struct vcpu *c, const struct insn *i, unsigned reg)
{
    return i->asize == 4 ? c->reg[reg].d : c->reg[reg].w;
}

static void step(struct vcpu *c, const struct insn *i, unsigned reg, unsigned size)
{
    uint32_t by = c->eflags & FLAG_DF ? -size : size;
    narrow_set_register(c, reg, i->asize, c->reg[reg].d + by);
}

static const uint8_t *string_missed(struct vcpu *c, uint32_t site)
{
    const struct unit *u = site_unit(c->translated.translator, site);
    const struct unit_insn *ui = &u->insn[site_index(site)];
    const struct insn *i = ui->insn;
    bool byte = i->op == OPROW_movsb || i->op == OPROW_stosb || i->op == OPROW_lodsb;
    bool loads = i->op != OPROW_stosb && i->op != OPROW_stosv;
    bool stores = i->op != OPROW_lodsb && i->op != OPROW_lodsv;
    unsigned size = byte ? 1 : i->osize;
    struct element from, to;
    if (loads && !find(c, i->seg, index_of(c, i, ESI), size, false, &from))
        return translator_help(c, site);
    if (stores && !find(c, SEG_ES, index_of(c, i, EDI), size, true, &to))
        return translator_help(c, site);
    uint32_t value = loads ? take(c, &from, size) : c->reg[EAX].d;
    if (stores)
        put(c, &to, size, value);
    else
        narrow_set_register(c, EAX, size, value);
    if (loads)
        step(c, i, ESI, size);
    if (stores)
        step(c, i, EDI, size);
    return narrow_resume(c, u, ui);
}

narrow_function *narrow_string_for(const struct insn *i)
{
    switch (i->op) {
    case OPROW_movsb:
    case OPROW_movsv:
    case OPROW_stosb:
    case OPROW_stosv:
    case OPROW_lodsb:
    case OPROW_lodsv:
        return i->prefixes & (PREFIX_REP | PREFIX_REPNE) ? NULL : string_missed;
    default:
        return NULL;
    }
}
