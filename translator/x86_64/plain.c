/* translator/x86_64/plain.c: instructions that are emitted as they are: the guest's opcode with the
 * host's registers and memory operand.
 *
 * Without LOCK: nobody else writes to the guest's memory while its one vCPU runs (devices do so
 * between two instructions of it), and a locked access takes the host ten times as long, in two
 * cache lines a hundred times. So XCHG, which locks by itself, is a load and a store. */
#include "translator/x86_64/emit.h"

struct shape {
    struct form form;
    bool byte_reg, byte_rm; /* reg, rm are byte registers */
    bool has_reg;           /* reg is a register of 16 or 32 bits */
    bool writes_reg;        /* the byte register in reg is written */
};

static unsigned immediate_size(const struct opcode *row, const struct insn *i)
{
    for (unsigned n = 0; n < ARRAY_LEN(row->operands); n++) {
        switch (row->operands[n]) {
        case OPND_Ib:
        case OPND_Ibs:
            return 1;
        case OPND_Iw:
            return 2;
        case OPND_Iv:
            return i->osize;
        default:
            break;
        }
    }
    return 0;
}

bool backend_keeps_immediate(const struct insn *i)
{
    bool move = i->op == OPROW_mov_zb_ib || i->op == OPROW_mov_zv_iv;
    return move || (emitted_as_is(i) && immediate_size(opcode_row(i->op), i));
}

static struct shape shape_of(const struct insn *i)
{
    const struct opcode *row = opcode_row(i->op);
    struct shape s = {
        .form = {.map = row->map,
                 .opcode = row->opcode == 0x82 && row->map == MAP_1B ? 0x80 : row->opcode,
                 .imm = i->imm,
                 .imm_size = (uint8_t)immediate_size(row, i)},
    };
    bool sized = false;
    for (unsigned n = 0; n < ARRAY_LEN(row->operands); n++) {
        uint8_t o = row->operands[n];
        s.byte_reg |= o == OPND_Gb;
        s.byte_rm |= o == OPND_Eb;
        s.has_reg |= o == OPND_Gv || o == OPND_Gd || o == OPND_Gw;
        s.writes_reg |= o == OPND_Gb && n == 0;
        sized |= o == OPND_Ev || o == OPND_Gv || o == OPND_eAX || o == OPND_Rv;
    }
    /* CBW and CWD have no operands, but a size. */
    sized |= row->operands[0] == OPND_NONE && i->modrm == 0;
    s.form.o16 = sized && i->osize == 2;
    if (row->prefix == PFX_66)
        s.form.prefix = 0x66;
    else if (row->prefix == PFX_F2)
        s.form.prefix = 0xF2;
    else if (row->prefix == PFX_F3)
        s.form.prefix = 0xF3;
    return s;
}

bool plain_names_esp(const struct insn *i)
{
    if (!(opcode_row(i->op)->form & MODRM))
        return false;
    struct shape s = shape_of(i);
    return (s.has_reg && i->reg == ESP) || (!insn_is_mem(i) && !s.byte_rm && i->rm == ESP);
}

static void put_bytes(struct emit *e, const struct shape *s)
{
    if (s->form.o16)
        asm_8(&e->code, 0x66);
    if (s->form.map == MAP_0F)
        asm_8(&e->code, 0x0F);
    asm_8(&e->code, s->form.opcode);
    uint32_t imm = s->form.imm;
    for (unsigned n = 0; n < s->form.imm_size; n++, imm >>= 8)
        asm_8(&e->code, imm & 0xFF);
}

static void xchg_halves(struct emit *e, unsigned parent)
{
    /* XCHG r8, r8 without REX: al with ah, ... */
    asm_modrm(&e->code, &(struct form){.opcode = 0x86}, parent | 4, place_reg(parent));
}

/* AH..BH cannot stand beside an operand that needs REX. The instruction is done with r11b in its
 * place; what it wrote goes back by way of the low half. */
static void put_with_high_reg(struct emit *e, struct shape *s, struct place rm, bool written)
{
    unsigned parent = e->i->reg & 3;
    asm_rorx32(&e->code, R11, parent, 8);
    asm_modrm(&e->code, &s->form, R11, rm);
    if (!written)
        return;
    xchg_halves(e, parent);
    asm_modrm(&e->code, &(struct form){.opcode = 0x88}, R11, place_reg(parent)); /* MOV low, r11b */
    xchg_halves(e, parent);
}

static bool row_has_modrm(const struct opcode *row)
{
    return row->form & MODRM;
}

static bool is_shift(const struct opcode *row)
{
    return row->map == MAP_1B && ((row->opcode & 0xFE) == 0xC0 || (row->opcode & 0xFC) == 0xD0);
}

static bool writes_both(unsigned op)
{
    return op == OPROW_xchg_eb_gb || op == OPROW_xadd_eb_gb;
}

bool plain_loads_first(const struct insn *i)
{
    return i->op == OPROW_xchg_ev_gv;
}

bool plain_is_store(const struct insn *i)
{
    return i->op == OPROW_mov_eb_gb || i->op == OPROW_mov_ev_gv || i->op == OPROW_mov_eb_ib ||
           i->op == OPROW_mov_ev_iv;
}

static void put_exchange(struct emit *e, const struct shape *s, struct place memory)
{
    struct form load = {.opcode = 0x8B, .o16 = s->form.o16};
    struct form store = {.opcode = 0x89, .o16 = s->form.o16};
    unsigned reg = host_reg(e->i->reg);
    asm_modrm(&e->code, &load, R11, memory);
    asm_modrm(&e->code, &store, reg, memory);
    asm_modrm(&e->code, &load, reg, place_reg(R11));
}

static void put_plain(struct emit *e, enum lowering how)
{
    const struct insn *i = e->i;
    const struct opcode *row = opcode_row(i->op);
    struct shape s = shape_of(i);
    e->u->insn[e->n].imm_size = s.form.imm_size;
    if (!row_has_modrm(row)) {
        put_bytes(e, &s);
        return;
    }
    unsigned reg = s.has_reg ? host_reg(i->reg) : i->reg; /* else part of the opcode */
    if (is_shift(row) && reg == 6)
        reg = 4; /* the undocumented alias of SHL */
    struct place rm;
    if (insn_is_mem(i)) {
        rm = emit_memory(e, insn_place(i), memory_size(i), how != LOWER_READ);
        if (plain_loads_first(i)) {
            put_exchange(e, &s, rm);
            return;
        }
        if (s.byte_reg && i->reg >= 4 && asm_needs_rex(&s.form, reg & 7, &rm)) {
            bool written = (s.writes_reg && i->op != OPROW_cmp_gb_eb) || writes_both(i->op);
            put_with_high_reg(e, &s, rm, written);
            return;
        }
    } else {
        rm = place_reg(s.byte_rm ? i->rm : host_reg(i->rm));
        if (s.byte_rm && i->rm >= 4 && asm_needs_rex(&s.form, reg, &rm)) {
            /* MOVZX or MOVSX to esp from AH..BH */
            asm_rorx32(&e->code, R11, i->rm & 3, 8);
            rm = place_reg(R11);
        }
    }
    asm_modrm(&e->code, &s.form, reg, rm);
}

void emit_plain(struct emit *e, enum lowering how)
{
    e->same = NULL;
    put_plain(e, how);
    if (e->same)
        asm_patch(&e->code, e->same, asm_here(&e->code));
}
