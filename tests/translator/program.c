/* tests/translator/program.c: writes the items of a random program. Most instructions are drawn
 * from the opcode table, so that no row is forgotten; what needs a sensible target, or would end
 * the fun at once, is written by the functions below. */
#include <stdlib.h>

#include "cpu/model.h"
#include "cpu/undefined.h"
#include "tests/translator/writer.h"

#ifdef UMBRA_HAVE_CAPSTONE
#include <capstone/capstone.h>
#endif

uint32_t below(struct writer *w, uint32_t n)
{
    return (uint32_t)(rng_next(&w->r) >> 32) % n;
}

bool one_in(struct writer *w, uint32_t n)
{
    return below(w, n) == 0;
}

const char *program_mode_name(enum program_mode mode)
{
    static const char *const names[] = {
#define X(name, text) #name ": " text,
        PROGRAM_MODES(X)
#undef X
    };
    return mode < PROGRAM_MODE_COUNT ? names[mode] : "?";
}

/* --- Items ------------------------------------------------------------------------------------ */

static struct item *add(struct writer *w, const uint8_t *bytes, unsigned len)
{
    struct program *p = w->p;
    struct item *i = p->count < PROGRAM_ITEMS ? &p->item[p->count++] : &w->spare;
    *i = (struct item){.len = (uint8_t)len};
    memcpy(i->bytes, bytes, len);
    return i;
}

void e8(struct code *c, unsigned v)
{
    if (c->n < sizeof c->b)
        c->b[c->n++] = (uint8_t)v;
}

void e16(struct code *c, unsigned v)
{
    e8(c, v);
    e8(c, v >> 8);
}

void e32(struct code *c, uint32_t v)
{
    e16(c, v);
    e16(c, v >> 16);
}

void e_word(struct writer *w, struct code *c, uint32_t v)
{
    if (w->p->code32)
        e32(c, v);
    else
        e16(c, v);
}

struct item *emit(struct writer *w, const struct code *c)
{
    return add(w, c->b, c->n);
}

void operand32(struct writer *w, struct code *c)
{
    if (!w->p->code32)
        e8(c, 0x66);
}

void set_reg(struct writer *w, unsigned reg, uint32_t v)
{
    struct code c = {0};
    operand32(w, &c);
    e8(&c, 0xB8 + reg);
    e32(&c, v);
    emit(w, &c);
}

/* An item at most far behind the next one, or before it. */
uint16_t some_target(struct writer *w, int from, int to)
{
    int at = (int)w->p->count + from + (int)below(w, (uint32_t)(to - from));
    return (uint16_t)(at < 0 ? 0 : at);
}

/* --- What to aim at --------------------------------------------------------------------------- */

uint32_t random_value(struct writer *w)
{
    static const uint32_t edges[] = {0,      1,      0x7F,    0x80,       0xFF,       0x7FFF,
                                     0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
    switch (below(w, 4)) {
    case 0:
        return edges[below(w, ARRAY_LEN(edges))];
    case 1:
        return below(w, 256);
    default:
        return (uint32_t)gen_bits(&w->r);
    }
}

/* An offset in the data: plain, or near the edge of a page or of the segment. */
static uint32_t data_offset(struct writer *w)
{
    switch (below(w, 8)) {
    case 0:
        return (below(w, 17) << 12) - 9 + below(w, 12);
    case 1:
        return 0xC000 + below(w, 0x4000); /* the special pages */
    case 2:
        return 0x10000 - 9 + below(w, 12);
    default:
        return below(w, 0xC000);
    }
}

/* An offset for the default data segment of the mode. */
uint32_t random_place(struct writer *w)
{
    if (!layout_is_flat(w->p->mode))
        return one_in(w, 40) || (w->p->unreal && one_in(w, 2)) ? random_value(w) & 0x1FFFFF
                                                               : data_offset(w);
    if (w->p->video && one_in(w, 5))
        return (one_in(w, 2) ? 0xA0000 : 0xB8000) + below(w, 0x3000);
    if (w->p->mode != PROGRAM_FLAT && one_in(w, 20))
        return LARGE + AT_DATA + data_offset(w);
    switch (below(w, 40)) {
    case 0:
        return random_value(w);
    case 1:
        return AT_CODE + below(w, CODE_SIZE);
    case 2:
        return ALIAS_CODE + below(w, CODE_SIZE);
    case 3:
        return 0xA0000 + below(w, 0x20000);
    case 4:
        return AT_STACK + below(w, STACK_SIZE);
    case 5:
    case 6:
    case 7:
        return ALIAS_DATA + data_offset(w);
    default:
        return AT_DATA + data_offset(w);
    }
}

/* --- Instructions of the table ---------------------------------------------------------------- */

static bool has_operand(const struct opcode *row, unsigned first, unsigned last)
{
    for (unsigned n = 0; n < 3; n++) {
        if (row->operands[n] >= first && row->operands[n] <= last)
            return true;
    }
    return false;
}

static bool is_one_of(const char *m, const char *const *names)
{
    for (; *names; names++) {
        if (strcmp(m, *names) == 0)
            return true;
    }
    return false;
}

/* Not drawn: what changes the machine under the program's feet, what stops it, control
 * transfer. */
static bool is_drawable(const struct opcode *row)
{
    static const char *const no[] = {
        "hlt",   "lgdt",        "lidt",    "lmsw",    "lldt", "ltr",  "wrmsr",
        "rdmsr", "sysenter",    "sysexit", "in",      "out",  "insb", "insw|insd",
        "outsb", "outsw|outsd", "rdpmc",   "loadall", "int",  "int1", NULL};
    if (row->last_model < CPU_P4 || is_one_of(row->mnemonic, no))
        return false;
    if (has_operand(row, OPND_Cd, OPND_Td) || has_operand(row, OPND_Jb, OPND_Ap))
        return false;
    return !(row->attrs & ENDS) || strncmp(row->mnemonic, "mov", 3) == 0 ||
           strcmp(row->mnemonic, "pop") == 0 || strcmp(row->mnemonic, "sti") == 0 ||
           strcmp(row->mnemonic, "popf|popfd") == 0 || strcmp(row->mnemonic, "lss") == 0;
}

static void list_rows(struct writer *w)
{
    for (unsigned n = 1; n < OPCODE_ROWS; n++) {
        if (is_drawable(opcode_row(n)))
            w->rows[w->row_count++] = (uint16_t)n;
    }
}

static bool write_prefixes(struct writer *w, const struct opcode *row, struct code *c)
{
    static const uint8_t segments[] = {0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65};
    bool addr16 = !w->p->code32;
    if (row->prefix == PFX_66 || (row->prefix == PFX_ANY && one_in(w, 4)))
        e8(c, 0x66);
    if (one_in(w, 10)) {
        e8(c, 0x67);
        addr16 = !addr16;
    }
    if (one_in(w, 10))
        e8(c, segments[below(w, 6)]);
    if (row->prefix == PFX_F3 || row->prefix == PFX_F2)
        e8(c, row->prefix == PFX_F3 ? 0xF3 : 0xF2);
    if (one_in(w, row->attrs & LOCKABLE ? 12 : 200))
        e8(c, 0xF0);
    return addr16;
}

static void write_modrm(struct writer *w, const struct opcode *row, bool addr16, struct code *c)
{
    unsigned kind = row->form >> 2 & 3, reg = below(w, 8), rm = below(w, 8);
    unsigned mod = kind == 2 ? 3 : kind == 1 ? below(w, 3) : one_in(w, 3) ? 3 : below(w, 3);
    if (row->form & 1 << 4)
        reg = row->form >> 5 & 7;
    if (row->form & 1 << 8)
        rm = row->form >> 9 & 7;
    if (!strncmp(row->mnemonic, "mov", 3) && reg == ESP && !one_in(w, 8))
        reg = EBP; /* leave the stack alone, mostly */
    if (mod == 3 && rm == ESP && !one_in(w, 4))
        rm = ECX;
    e8(c, mod << 6 | reg << 3 | rm);
    if (mod == 3)
        return;
    uint32_t disp = one_in(w, 3) ? random_value(w) : below(w, 64);
    if (addr16) {
        if (mod == 0 && rm == 6)
            disp = random_place(w);
        if (mod == 1)
            e8(c, disp);
        else if (mod == 2 || rm == 6)
            e16(c, disp);
        return;
    }
    unsigned base = rm;
    if (rm == 4) {
        unsigned sib = below(w, 256);
        base = sib & 7;
        e8(c, sib);
    }
    if (mod == 0 && base == 5)
        disp = random_place(w);
    if (mod == 1)
        e8(c, disp);
    else if (mod == 2 || base == 5)
        e32(c, disp);
}

/* Sets the registers of a memory operand so that it lies somewhere good. */
static void aim(struct writer *w, const struct insn *i)
{
    uint32_t target = random_place(w), rest = i->disp;
    if (one_in(w, 4))
        target &= ~UINT32_C(15); /* SSE wants that */
    if (i->base == ESP || i->index == ESP || (i->base == REG_NONE && i->index == REG_NONE))
        return;
    if (i->base == REG_NONE) {
        set_reg(w, i->index, (target - rest) >> i->scale);
        return;
    }
    if (i->index != REG_NONE && i->index != i->base) {
        uint32_t index = one_in(w, 4) ? random_value(w) : below(w, 256);
        set_reg(w, i->index, index);
        rest += index << i->scale;
    } else if (i->index == i->base) {
        rest = 0;
        target = target / ((1u << i->scale) + 1);
    }
    set_reg(w, i->base, target - rest);
}

/* Not where the manual says that the result may be anything (SHLD of 16 bits by more). */
static bool is_good(const struct insn *i)
{
    return !insn_flag_effect(i, 31).result_undefined && !insn_flag_effect(i, 1).result_undefined;
}

/* Nor in the code segment of the other size that the program may go to. */
static bool is_good_there(const struct writer *w, const struct code *c)
{
    struct insn i;
    if (w->p->mode != PROGRAM_BASED && w->p->mode != PROGRAM_CODE16)
        return true;
    return decode_insn(&w->decoder, c->b, sizeof c->b, !w->p->code32, &i) != DECODE_OK ||
           is_good(&i);
}

static void string_registers(struct writer *w)
{
    if (!one_in(w, 4))
        set_reg(w, ESI, random_place(w));
    if (!one_in(w, 4))
        set_reg(w, EDI, random_place(w));
}

/* One encoding of the row, with what makes its operands good most of the time. */
static void write_row(struct writer *w, unsigned op)
{
    const struct opcode *row = opcode_row(op);
    static const uint8_t escapes[OPCODE_MAPS] = {0, 0, 0x38, 0x3A};
    struct code c = {0};
    bool string = row->attrs & STRING;
    bool addr16 = write_prefixes(w, row, &c);
    if (string && !one_in(w, 3))
        e8(&c, one_in(w, 2) ? 0xF3 : 0xF2);
    if (row->map != MAP_1B)
        e8(&c, 0x0F);
    if (escapes[row->map])
        e8(&c, escapes[row->map]);
    bool plus_r = (row->form & 3) == PLUS_R;
    unsigned r = plus_r ? below(w, 8) : 0;
    if (r == ESP && !one_in(w, 8))
        r = EBX;
    e8(&c, row->opcode + r);
    if (row->form & 1)
        write_modrm(w, row, addr16, &c);
    unsigned fixed = c.n;
    uint32_t value = has_operand(row, OPND_Ob, OPND_Ov) ? random_place(w) : random_value(w);
    e32(&c, value);
    e16(&c, below(w, 8)); /* ENTER's level */
    e16(&c, 0);
    struct insn i;
    if (decode_insn(&w->decoder, c.b, sizeof c.b, w->p->code32, &i) != DECODE_OK || i.op != op ||
        i.len < fixed || i.len > 15 || !is_good(&i) || !is_good_there(w, &c))
        return;
    if (string)
        string_registers(w);
    if (string && !one_in(w, 6))
        set_reg(w, ECX, one_in(w, 8) ? below(w, 3000) : below(w, 20));
    bool bits = strncmp(row->mnemonic, "bt", 2) == 0 && insn_is_mem(&i);
    if (bits && i.reg != i.base && i.reg != i.index && i.reg != ESP && !one_in(w, 4))
        set_reg(w, i.reg, below(w, 600) - 300); /* a bit near the operand */
    if (row->form & 1 && insn_is_mem(&i) && !one_in(w, 5))
        aim(w, &i);
    add(w, c.b, i.len);
    /* CMP reg, EAX: undefined flags may be anything, and what reads them too. */
    struct code cmp = {{0x39, (uint8_t)(0xC0 | below(w, 8))}, 2};
    if (insn_flag_effect(&i, 2).undefined && !one_in(w, 6))
        emit(w, &cmp);
}

void write_any_instruction(struct writer *w)
{
    write_row(w, w->rows[below(w, w->row_count)]);
}

/* The bread and butter: adds, moves, compares, shifts of registers and memory. */
void write_plain_instruction(struct writer *w)
{
    for (unsigned tries = 0; tries < 20; tries++) {
        unsigned op = w->rows[below(w, w->row_count)];
        const struct opcode *row = opcode_row(op);
        if (row->feature || row->map != MAP_1B || (row->opcode >= 0xD8 && row->opcode <= 0xDF) ||
            has_operand(row, OPND_Sw, OPND_Sw) || has_operand(row, OPND_ES, OPND_GS))
            continue;
        write_row(w, op);
        return;
    }
}

static void write_set_registers(struct writer *w)
{
    for (unsigned n = 1 + below(w, 3); n; n--) {
        unsigned reg = below(w, 8);
        if (reg != ESP)
            set_reg(w, reg, one_in(w, 2) ? random_place(w) : random_value(w));
    }
}

/* --- The program ------------------------------------------------------------------------------ */

static void write_items(struct writer *w, unsigned count)
{
    static const struct {
        void (*write)(struct writer *w);
        unsigned weight;
    } kinds[] = {
        {write_any_instruction, 80},
        {write_plain_instruction, 50},
        {write_jump, 14},
        {write_counted_loop, 10},
        {write_call, 8},
        {write_indirect, 6},
        {write_interrupt, 6},
        {write_far_jump, 6},
        {write_far_memory, 5},
        {write_far_return, 4},
        {write_interrupt_return, 5},
        {write_set_flags, 3},
        {write_system_enter, 1},
        {write_load_segment, 6},
        {write_load_pointer, 5},
        {write_set_stack, 8},
        {write_modify_code, 3},
        {write_store_as_it_is, 3},
        {write_string_at_edge, 4},
        {write_port, 4},
        {write_port_string, 1},
        {write_change_page, 5},
        {write_change_large, 4},
        {write_flush_page, 4},
        {write_restore_code, 2},
        {write_move_code, 6},
        {write_change_space, 2},
        {write_control_register, 2},
        {write_debug_register, 2},
        {write_table_register, 1},
        {write_enter_unreal, 2},
        {gate_a20, 2},
        {write_halt, 1},
        {write_ask_selector, 2},
        {write_fpu_state, 3},
        {write_set_registers, 8},
    };
    /* Every other program has much of one kind. */
    unsigned focus = below(w, 2 * ARRAY_LEN(kinds)), sum = 0, weight[ARRAY_LEN(kinds)];
    for (unsigned n = 0; n < ARRAY_LEN(kinds); n++) {
        weight[n] = kinds[n].weight + (n == focus ? 60 : 0);
        sum += weight[n];
    }
    while (w->p->count < count) {
        unsigned draw = below(w, sum), n = 0;
        for (; draw >= weight[n]; n++)
            draw -= weight[n];
        kinds[n].write(w);
    }
}

void program_generate(struct program *p, uint64_t seed, enum program_mode mode)
{
    struct writer *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    memset(p, 0, sizeof *p);
    w->p = p;
    w->r.s = seed * UINT64_C(0xD1342543DE82EF95) + 1;
    decoder_init(&w->decoder, CPU_P4, cpu_model_info(CPU_P4)->features);
    list_rows(w);
    p->seed = seed;
    unsigned draw = below(w, PROGRAM_MODE_COUNT);
    p->mode = mode < PROGRAM_MODE_COUNT ? mode : (enum program_mode)draw;
    p->code32 = p->mode <= PROGRAM_BASED;
    p->write_protect = one_in(w, 2);
    p->timer = one_in(w, 10) ? 0 : one_in(w, 4) ? 1 + below(w, 3) : 2 + below(w, 8);
    p->eflags = one_in(w, 2) ? FLAG_IOPL : 0;
    p->align_check = one_in(w, 8);
    p->eflags |= p->align_check ? FLAG_AC : 0;
    p->unreal = p->mode == PROGRAM_REAL && one_in(w, 3);
    p->video = one_in(w, 3) ? 1 + below(w, PROGRAM_VIDEO_STATES - 1) : 0;
    p->cr4 = one_in(w, 3) ? (uint32_t)rng_next(&w->r) & (CR4_VME | CR4_PVI | CR4_TSD | CR4_DE) : 0;
    p->cr4 |= (uint32_t)rng_next(&w->r) & (CR4_PSE | CR4_PGE);
    p->inner_stack = one_in(w, 4) ? below(w, 4) : 0;
    p->start = one_in(w, 2) ? 0x700 + below(w, 0x900) : 0;
    for (unsigned n = 0; n < 8; n++)
        p->reg[n] = one_in(w, 2) ? random_place(w) : random_value(w);
    write_items(w, one_in(w, 3) ? 20 + below(w, 40) : 60 + below(w, PROGRAM_ITEMS - 100));
    free(w);
}

/* --- Printing --------------------------------------------------------------------------------- */

static void print_item(const struct program *p, unsigned n, FILE *out)
{
    const struct item *i = &p->item[n];
    static const char *const fixes[] = {"", "  -> item %u", "  -> item %u",
                                        "  (address of item %u)"};
    fprintf(out, "  %4u  ", n);
    for (unsigned k = 0; k < 12; k++)
        fprintf(out, k < i->len ? "%02x" : "  ", i->bytes[k]);
#ifdef UMBRA_HAVE_CAPSTONE
    csh handle;
    cs_insn *insn;
    if (cs_open(CS_ARCH_X86, p->code32 ? CS_MODE_32 : CS_MODE_16, &handle) == CS_ERR_OK) {
        size_t count = cs_disasm(handle, i->bytes, i->len, 0, 0, &insn);
        for (size_t k = 0; k < count; k++)
            fprintf(out, "%s%s %s", k ? "; " : "  ", insn[k].mnemonic, insn[k].op_str);
        if (count)
            cs_free(insn, count);
        cs_close(&handle);
    }
#endif
    if (i->fix)
        fprintf(out, fixes[i->fix], i->target);
    fprintf(out, "\n");
}

void program_print(const struct program *p, FILE *out)
{
    fprintf(out,
            "program %llu, %s; timer %u, CR0.WP %u, CR0.AM %u, unreal %u, video %u, CR4 %x, eflags "
            "%08x\n",
            (unsigned long long)p->seed, program_mode_name(p->mode), p->timer, p->write_protect,
            p->align_check, p->unreal, p->video, p->cr4, p->eflags);
    for (unsigned n = 0; n < 8; n++)
        fprintf(out, "  reg %u = %08x\n", n, p->reg[n]);
    for (unsigned n = 0; n < p->count; n++) {
        if (!p->item[n].dropped)
            print_item(p, n, out);
    }
}
