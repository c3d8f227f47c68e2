/* tests/translator/program_system.c: what of a random program changes the machine under it:
 * segments, stacks, code, pages, control and debug registers, ports. */
#include "cpu/state.h"
#include "tests/translator/writer.h"

/* --- The machine ------------------------------------------------------------------------------ */

/* A selector into a segment register by way of AX. */
void write_load_segment(struct writer *w)
{
    static const uint16_t selectors[] = {SEL_DATA3 | 3,
                                         SEL_BASED | 3,
                                         SEL_SMALL | 3,
                                         SEL_DOWN | 3,
                                         SEL_READ_ONLY | 3,
                                         SEL_CODE3 | 3,
                                         SEL_CODE16 | 3,
                                         SEL_CONFORMING,
                                         SEL_DATA0,
                                         SEL_ABSENT | 3,
                                         SEL_CODE_DATA | 3,
                                         SEL_WRAP | 3,
                                         SEL_BIG | 3,
                                         SEL_FRESH | 3,
                                         SEL_DOWN16 | 3,
                                         SEL_LOCAL_DATA | 3,
                                         SEL_GATE | 3,
                                         SEL_CODE0,
                                         0,
                                         3};
    static const uint8_t into[] = {0xC0, 0xD8, 0xE0, 0xE8};
    bool real = w->p->mode == PROGRAM_REAL || w->p->mode == PROGRAM_V86;
    uint32_t v = selectors[below(w, ARRAY_LEN(selectors))];
    if (real)
        v = (AT_DATA >> 4) + below(w, 0x200);
    set_reg(w, EAX, one_in(w, 16) ? below(w, 0x10000) : v);
    struct code c = {{0x8E, into[below(w, 4)]}, 2};
    emit(w, &c);
}

/* A stack of another kind: B = 0, with something in the upper half of ESP; expand-down; with little
 * room on either side. The next good one is MOV SS's, or the handler's. */
static void write_odd_stack(struct writer *w)
{
    static const uint16_t selectors[] = {SEL_STACK | 3, SEL_STACK16 | 3, SEL_STACK_DOWN | 3,
                                         SEL_STACK_DOWN16 | 3};
    bool supervisor = w->p->mode <= PROGRAM_PAE;
    uint16_t selector = supervisor ? SEL_STACK16_0 : selectors[below(w, ARRAY_LEN(selectors))];
    bool wide = selector == (SEL_STACK | 3) || selector == (SEL_STACK_DOWN | 3);
    uint32_t sp = 0x800 + below(w, STACK_SIZE - 0x900);
    if (one_in(w, 3))
        sp = (one_in(w, 2) ? 0x800 : 0x4000) - 20 + below(w, 40);
    if (!wide && one_in(w, 4))
        sp = (0u - 20 + below(w, 40)) & 0xFFFF;
    if (!wide && !supervisor && one_in(w, 2)) /* the supervisor's handlers use ESP */
        sp |= random_value(w) << 16;
    struct code c = {{0x8E, 0xD0}, 2};
    set_reg(w, EAX, selector);
    emit(w, &c);
    set_reg(w, ESP, sp);
}

/* Back to a good stack: MOV ESP, or MOV SS before it, whose shadow must hold. */
void write_set_stack(struct writer *w)
{
    uint32_t sp =
        (layout_is_flat(w->p->mode) ? AT_STACK : 0) + 0x800 + below(w, STACK_SIZE - 0x900);
    struct code c = {{0x8E, 0xD0}, 2};
    if (w->p->mode < PROGRAM_REAL && one_in(w, 6)) {
        write_odd_stack(w);
        return;
    }
    if (one_in(w, 3) && layout_is_flat(w->p->mode)) {
        set_reg(w, EAX, w->p->mode == PROGRAM_USER ? SEL_DATA3 | 3 : SEL_DATA0);
        emit(w, &c);
    }
    if (w->p->mode >= PROGRAM_REAL && one_in(w, 8))
        sp = (0u - 20 + below(w, 40)) & 0xFFFF; /* it wraps */
    set_reg(w, ESP, one_in(w, 6) ? sp : sp & ~UINT32_C(3));
}

/* MOV BYTE PTR [code], imm: an immediate of a later or earlier item, or any byte of it. */
void write_modify_code(struct writer *w)
{
    bool flat = layout_is_flat(w->p->mode);
    struct code c = {0};
    bool protected = !flat && w->p->mode < PROGRAM_REAL;
    struct code victim = {{(uint8_t)(0xB0 + below(w, 4)), (uint8_t)below(w, 256)}, 2}; /* MOV r8 */
    unsigned distance = below(w, 8);
    if (!flat) { /* through ES: PUSH CS; POP ES. Or MOV EAX, SEL_CODE_DATA; MOV ES, EAX */
        struct code es = {{0x0E, 0x07}, 2}, mov = {{0x8E, 0xC0}, 2};
        if (protected)
            set_reg(w, EAX, SEL_CODE_DATA | 3);
        emit(w, protected ? &mov : &es);
        e8(&c, 0x26);
    }
    bool wide = one_in(w, 3);
    e16(&c, (wide ? 0xC7u : 0xC6u) | (w->p->code32 ? 0x0500u : 0x0600u));
    unsigned at = c.n;
    e_word(w, &c, 0);
    if (wide && w->p->code32)
        e32(&c, 0x90909090);
    else if (wide)
        e16(&c, 0x9090);
    else
        e8(&c, below(w, 256));
    struct item *i = emit(w, &c);
    i->fix = FIX_ADDRESS;
    i->fix_at = (uint8_t)at;
    i->fix_plus = wide ? 0 : 1;
    i->target = (uint16_t)(one_in(w, 3) ? some_target(w, -20, 20) : w->p->count + distance);
    for (unsigned n = 0; n < distance; n++)
        write_plain_instruction(w);
    emit(w, &victim);
}

/* Ports that are safe to touch: the timer, the NMI status port, 80h. */
void write_port(struct writer *w)
{
    static const uint8_t ports[] = {0x40, 0x42, 0x61, 0x80, 0x71, 0x21};
    struct code c = {0};
    unsigned number = ports[below(w, ARRAY_LEN(ports))];
    if (w->p->video &&
        one_in(w, 2)) { /* a register of the VGA's graphics controller or sequencer */
        bool graphics = one_in(w, 2);
        set_reg(w, EDX, graphics ? 0x3CE : 0x3C4);
        set_reg(w, EAX, (graphics ? below(w, 9) : 2 + 2 * below(w, 2)) | below(w, 256) << 8);
        if (w->p->code32)
            e8(&c, 0x66);
        e8(&c, 0xEF); /* OUT DX, AX */
        emit(w, &c);
        return;
    }
    if (one_in(w, 3)) {
        set_reg(w, EDX, number);
        e8(&c, 0xEC);
    } else if (one_in(w, 3)) {
        e8(&c, 0xE6);
        e8(&c, 0x80);
    } else {
        e8(&c, 0xE4);
        e8(&c, number);
    }
    emit(w, &c);
}

/* A supervisor changes a page of the data: gone, read-only, elsewhere, back (INT 54h). With INVLPG
 * or a CR3 write behind it, as a guest must. */
void write_change_page(struct writer *w)
{
    if (w->p->mode != PROGRAM_PAGED && w->p->mode != PROGRAM_PAE)
        return;
    uint32_t page = 0x20 + below(w, 16), to = 0x20 + below(w, 12);
    static const uint8_t rights[] = {7, 7, 6, 5, 3, 1, 0x67};
    struct code change = {{0xCD, 0x54}, 2};
    if (one_in(w, 8)) /* video memory, ROM, nothing at all */
        to = one_in(w, 2) ? 0xA0 + below(w, 32) : one_in(w, 2) ? 0xF0 : 0x3FF00;
    set_reg(w, EAX, (one_in(w, 2) ? page : to) << 12 | rights[below(w, 7)]);
    set_reg(w, ECX, page - 0x20);
    set_reg(w, EBX, one_in(w, 3));
    emit(w, &change);
}

/* A supervisor has the large page at LARGE in pieces, or away, or read-only, or whole again; all of
 * it is flushed then (INT 55h). */
void write_change_large(struct writer *w)
{
    static const uint8_t rights[] = {0x87, 0x87, 7, 7, 0x85, 0x83, 5, 0x86, 0xE7};
    struct code change = {{0xCD, 0x55}, 2};
    if (w->p->mode != PROGRAM_PAGED && w->p->mode != PROGRAM_PAE)
        return;
    set_reg(w, EAX, rights[below(w, ARRAY_LEN(rights))]);
    emit(w, &change);
}

/* INVLPG of a page that is as it was: the program's own, the next one, its stack's, its data's. */
void write_flush_page(struct writer *w)
{
    static const uint32_t pages[] = {AT_CODE,    AT_CODE + 0x1000, ALIAS_CODE, AT_STACK + 0x1000,
                                     AT_DATA,    ALIAS_DATA,       LARGE,      LARGE + AT_CODE,
                                     AT_HANDLER, AT_STACK};
    struct code flush = {{0x0F, 0x01, 0x3D}, 3};
    if (w->p->mode > PROGRAM_PAE)
        return;
    e32(&flush, pages[below(w, ARRAY_LEN(pages))] + below(w, 0x1000));
    emit(w, &flush);
}

/* REP MOVS of a piece of the program as it was at first over what it is now: most of it is the
 * same, and what runs is among it. */
void write_restore_code(struct writer *w)
{
    struct code c = {{0xF3, (uint8_t)(0xA4 + one_in(w, 2))}, 2};
    if (w->p->mode > PROGRAM_PAE)
        return;
    uint32_t at = w->p->start + below(w, 0x800);
    set_reg(w, ESI, AT_ORIGINAL + at);
    set_reg(w, EDI, (w->p->mode != PROGRAM_FLAT && one_in(w, 3) ? ALIAS_CODE : AT_CODE) + at);
    set_reg(w, ECX, one_in(w, 20) ? below(w, 0x1800) : below(w, 0x200));
    emit(w, &c);
}

/* The A20 gate, where a program may: what lies at 100000h and above comes and goes. */
void gate_a20(struct writer *w)
{
    if (w->p->mode > PROGRAM_PAE && w->p->mode != PROGRAM_REAL)
        return;
    bool on = one_in(w, 2), controller = one_in(w, 6);
    struct code al = {{0xB0, on ? 2 : 0}, 2}, out = {{0xE6, 0x92}, 2};
    if (controller) {
        al.b[1] = on ? 0xDF : 0xDD;
        out.b[1] = 0x64;
    }
    emit(w, &al);
    emit(w, &out);
}

/* MOV EAX, CRn; XOR; MOV CRn, EAX. One item, for nobody should come to the last from elsewhere. */
static void flip_control(struct writer *w, unsigned n, uint32_t bits)
{
    struct code c = {0};
    e16(&c, 0x200F);
    e8(&c, 0xC0 | n << 3);
    operand32(w, &c);
    e8(&c, 0x35);
    e32(&c, bits);
    e16(&c, 0x220F);
    e8(&c, 0xC0 | n << 3);
    emit(w, &c);
}

static bool is_supervisor(const struct writer *w)
{
    return w->p->mode <= PROGRAM_PAE || w->p->mode == PROGRAM_REAL;
}

/* Bits of CR0 and CR4 come and go, paging among them: the program lies where it does without it. */
void write_control_register(struct writer *w)
{
    static const uint32_t cr0[] = {CR0_TS, CR0_WP, CR0_AM, CR0_EM, CR0_MP, CR0_PG, CR0_NE, CR0_CD};
    static const uint32_t cr4[] = {CR4_PSE, CR4_PGE,    CR4_PGE,       CR4_DE,
                                   CR4_TSD, CR4_OSFXSR, CR4_OSXMMEXCPT};
    if (!is_supervisor(w))
        return;
    if (one_in(w, 3)) {
        flip_control(w, 4, cr4[below(w, ARRAY_LEN(cr4))]);
        return;
    }
    uint32_t bit = one_in(w, 2) ? cr0[below(w, 2)] : cr0[below(w, ARRAY_LEN(cr0))];
    if (bit == CR0_PG && (w->p->mode != PROGRAM_PAGED && w->p->mode != PROGRAM_PAE))
        bit = CR0_TS;
    if (one_in(w, 6)) { /* LMSW */
        struct code c = {{0x0F, 0x01, 0xF0}, 3};
        set_reg(w, EAX, (w->p->mode == PROGRAM_REAL ? 0 : CR0_PE) | CR0_MP | below(w, 4) << 2);
        emit(w, &c);
        return;
    }
    flip_control(w, 0, bit);
}

/* Breakpoints in code, data and, with CR4.DE, ports. */
void write_debug_register(struct writer *w)
{
    if (!is_supervisor(w))
        return;
    unsigned n = below(w, 4);
    bool code = one_in(w, 2);
    struct code dr = {{0x0F, 0x23, (uint8_t)(0xC0 | n << 3)}, 3}, dr7 = {{0x0F, 0x23, 0xF8}, 3};
    uint32_t at = code           ? AT_CODE + below(w, 0x400)
                  : one_in(w, 8) ? 0x40
                  : one_in(w, 4) ? AT_STACK + 0x800 + below(w, STACK_SIZE - 0x900)
                                 : AT_DATA + below(w, 0x100);
    set_reg(w, EAX, at);
    emit(w, &dr);
    uint32_t kind = code ? 0 : (1 + below(w, 3)) | below(w, 4) << 2;
    set_reg(w, EAX, one_in(w, 2) ? 0x400 : 0x400 | 2u << 2 * n | kind << (16 + 4 * n));
    emit(w, &dr7);
}

/* LGDT of the same table or of one that ends before the last descriptors, LIDT; LLDT, LTR, which
 * finds its TSS busy. */
void write_table_register(struct writer *w)
{
    struct code c = {0};
    if (w->p->mode > PROGRAM_PAE) {
        set_reg(w, EAX, SEL_LDT);
        e8(&c, 0x0F);
        e16(&c, 0xD000); /* for a #GP */
    } else if (one_in(w, 3)) {
        set_reg(w, EAX, one_in(w, 3) ? below(w, 0x100) : one_in(w, 2) ? SEL_LDT : 0);
        e8(&c, 0x0F);
        e16(&c, one_in(w, 4) ? 0xD800 : 0xD000);
    } else {
        unsigned n = below(w, 3);
        e8(&c, 0x0F);
        e16(&c, 0x01 | (n == 2 ? 0x1D : 0x15) << 8);
        e32(&c, AT_TABLE_POINTERS + 8 * n);
    }
    emit(w, &c);
}

/* Real mode, by way of protected mode: a segment register with another limit, or rights. */
void write_enter_unreal(struct writer *w)
{
    static const uint16_t selectors[] = {SEL_DATA0, SEL_DATA0, SEL_BASED,     SEL_SMALL,
                                         SEL_DOWN,  SEL_BIG,   SEL_READ_ONLY, SEL_WRAP};
    static const uint8_t into[] = {0xC3, 0xDB, 0xE3, 0xEB, 0xD3};
    uint8_t modrm = into[below(w, ARRAY_LEN(into))];
    bool stack = modrm == 0xD3;
    struct code cli = {{0xFA}, 1}, in = {{0x0F, 0x01, 0xF0}, 3}, sti = {{0xFB}, 1};
    struct code load = {{0x8E, modrm}, 2};
    if (w->p->mode != PROGRAM_REAL)
        return;
    emit(w, &cli);
    set_reg(w, EBX, stack ? SEL_STACK16_0 : selectors[below(w, ARRAY_LEN(selectors))]);
    set_reg(w, EAX, CR0_PE);
    emit(w, &in);
    emit(w, &load);
    flip_control(w, 0, CR0_PE);
    emit(w, &sti);
    if (one_in(w, 2)) { /* what real mode makes of it */
        set_reg(w, EAX, stack ? AT_STACK >> 4 : (AT_DATA >> 4) + below(w, 0x100));
        load.b[1] -= 3;
        emit(w, &load);
    }
}

/* LAR, LSL, VERR, VERW of a selector: of the tables, mostly. */
void write_ask_selector(struct writer *w)
{
    struct code c = {0};
    unsigned n = below(w, 4), reg = below(w, 3); /* EAX, ECX, EDX */
    set_reg(w, reg, one_in(w, 10) ? below(w, 0x10000) : below(w, 0x20) * 8 + below(w, 8) % 5);
    if (one_in(w, 3))
        e8(&c, 0x66);
    e8(&c, 0x0F);
    if (n < 2)
        e16(&c, (0x02 + n) | (0xC0 | below(w, 3) << 3 | reg) << 8);
    else
        e16(&c, (0xC0 | (n + 2) << 3 | reg) << 8);
    emit(w, &c);
}

/* The FPU's state to memory and back: environment, x87, all of it. The memory is known, mostly. */
void write_fpu_state(struct writer *w)
{
    static const struct {
        uint8_t bytes[2], ext[2];
        unsigned align;
    } kinds[] = {
        {{0xD9, 0}, {6, 4}, 1},     /* FNSTENV, FLDENV */
        {{0xDD, 0}, {6, 4}, 1},     /* FNSAVE, FRSTOR */
        {{0xD9, 0}, {7, 5}, 1},     /* FNSTCW, FLDCW */
        {{0x0F, 0xAE}, {0, 1}, 16}, /* FXSAVE, FXRSTOR */
        {{0x0F, 0xAE}, {3, 2}, 1},  /* STMXCSR, LDMXCSR */
    };
    bool flat = layout_is_flat(w->p->mode), prefix = one_in(w, 4);
    unsigned n = below(w, ARRAY_LEN(kinds));
    uint32_t place = (flat ? AT_DATA : 0) + below(w, 0x8000);
    if (one_in(w, 6))
        place = (flat ? AT_DATA : 0) + 0x1000 * below(w, 16) - below(w, 40);
    place &= ~(kinds[n].align - 1u);
    for (unsigned part = 0; part < 2; part++) {
        struct code c = {0}, know = {{0xFE, w->p->code32 ? 0x05 : 0x06}, 2}; /* INC BYTE [] */
        e_word(w, &know, place);
        if (!part && !one_in(w, 4))
            emit(w, &know);
        if (prefix)
            e8(&c, 0x66);
        e8(&c, kinds[n].bytes[0]);
        if (kinds[n].bytes[1])
            e8(&c, kinds[n].bytes[1]);
        e8(&c, (w->p->code32 ? 5u : 6u) | kinds[n].ext[part] << 3);
        e_word(w, &c, place);
        emit(w, &c);
        for (unsigned k = below(w, 4); !part && k; k--)
            write_any_instruction(w);
    }
}

/* Until the timer's next tick. Undefined flags are none by then: it may push them many times. */
void write_halt(struct writer *w)
{
    struct code cmp = {{0x39, 0xC0}, 2}, sti = {{0xFB}, 1}, hlt = {{0xF4}, 1};
    if (!is_supervisor(w) || !w->p->timer)
        return;
    emit(w, &cmp);
    emit(w, &sti);
    emit(w, &hlt);
}

/* --- Pages ------------------------------------------------------------------------------------ */

/* Another page of ALIAS_DATA or ALIAS_CODE, by the supervisor: handlers.h. */
static void change_alias(struct writer *w)
{
    struct code c = {{0xCD, 0x50}, 2};
    set_reg(w, EAX, below(w, 0x4000));
    emit(w, &c);
}

/* The program at another address, as a library in the next process: units go there with it. */
void write_move_code(struct writer *w)
{
    struct code mov = {{0xB8 + EBX}, 1}, move = {{0xCD, 0x52}, 2}, go = {{0xFF, 0xE3}, 2};
    unsigned place = below(w, CODE_PLACES);
    bool next = one_in(w, 2);
    if (!layout_is_flat(w->p->mode) || w->p->mode == PROGRAM_FLAT)
        return;
    set_reg(w, EAX, next ? 4 : place);
    e32(&mov, 0);
    struct item *i = emit(w, &mov);
    i->fix = FIX_ADDRESS;
    i->fix_at = 1;
    i->fix_plus = ALIAS_CODE - AT_CODE + (next ? 0 : place) * CODE_SIZE;
    i->target = some_target(w, 1, 12);
    if (!one_in(w, 6))
        emit(w, &move);
    emit(w, &go);
}

/* The other address space. */
void write_change_space(struct writer *w)
{
    struct code c = {{0xCD, 0x51}, 2};
    if (one_in(w, 2))
        change_alias(w);
    else
        emit(w, &c);
}

/* --- Memory ----------------------------------------------------------------------------------- */

/* A far pointer, most of the time a good one, into memory; LES, LDS, LSS, LFS, LGS. */
void write_load_pointer(struct writer *w)
{
    static const uint16_t selectors[] = {
        SEL_DATA3 | 3,   SEL_BASED | 3, SEL_SMALL | 3,      SEL_FRESH | 3, SEL_STACK | 3,
        SEL_STACK16 | 3, SEL_DATA0,     SEL_LOCAL_DATA | 3, SEL_CODE3 | 3, 0};
    static const uint8_t opcodes[] = {0xC4, 0xC5, 0xB2, 0xB4, 0xB5};
    bool real = w->p->mode == PROGRAM_REAL || w->p->mode == PROGRAM_V86;
    bool other = one_in(w, 6), wide = w->p->code32 != other, flat = layout_is_flat(w->p->mode);
    unsigned n = below(w, 5), modrm = w->p->code32 ? 5 : 6, reg = below(w, 8);
    uint32_t place =
        (flat ? AT_DATA : 0) + (one_in(w, 4) ? 0x1000 - below(w, 8) : below(w, 0x8000));
    uint32_t selector = real ? (AT_DATA >> 4) + below(w, 0x200) : selectors[below(w, 10)];
    struct code offset = {0}, cs = {0}, load = {0};
    if (n == 2 && !one_in(w, 4)) {
        reg = ESP;
        selector = real                           ? AT_STACK >> 4
                   : w->p->mode == PROGRAM_USER   ? SEL_DATA3 | 3
                   : w->p->mode == PROGRAM_BASED  ? SEL_STACK | 3
                   : w->p->mode == PROGRAM_CODE16 ? SEL_STACK16 | 3
                                                  : SEL_DATA0;
    }
    uint32_t value =
        reg == ESP ? (flat ? AT_STACK : 0) + 0x1000 + below(w, 0x400) * 4 : random_place(w);
    if (other)
        e8(&offset, 0x66);
    e16(&offset, 0xC7 | modrm << 8);
    e_word(w, &offset, place);
    wide ? e32(&offset, value) : e16(&offset, value);
    emit(w, &offset);
    if (w->p->code32)
        e8(&cs, 0x66);
    e16(&cs, 0xC7 | modrm << 8);
    e_word(w, &cs, place + (wide ? 4 : 2));
    e16(&cs, selector);
    emit(w, &cs);
    if (other)
        e8(&load, 0x66);
    if (n >= 2)
        e8(&load, 0x0F);
    e16(&load, opcodes[n] | (modrm | reg << 3) << 8);
    e_word(w, &load, place);
    emit(w, &load);
}

/* Code read and written as it is, by stores of all sizes: blocks go, the program stays. */
void write_store_as_it_is(struct writer *w)
{
    static const struct {
        uint8_t load[3], store[3];
        uint8_t bytes;
    } pairs[] = {
        {{0x8B, 0x05}, {0x89, 0x05}, 2},             /* MOV EAX */
        {{0x8A, 0x0D}, {0x88, 0x0D}, 2},             /* MOV CL */
        {{0xDF, 0x2D}, {0xDF, 0x3D}, 2},             /* FILD and FISTP of 8 bytes */
        {{0x0F, 0x10, 0x0D}, {0x0F, 0x11, 0x0D}, 3}, /* MOVUPS XMM1 */
        {{0x0F, 0x6F, 0x15}, {0x0F, 0x7F, 0x15}, 3}, /* MOVQ MM2 */
        {{0xFF, 0x35}, {0x8F, 0x05}, 2},             /* PUSH, POP */
    };
    bool flat = layout_is_flat(w->p->mode), real = w->p->mode >= PROGRAM_REAL;
    unsigned n = below(w, ARRAY_LEN(pairs)), plus = below(w, 4);
    uint16_t target = some_target(w, one_in(w, 3) ? -20 : 1, 20);
    for (unsigned part = 0; part < 2; part++) {
        struct code c = {0};
        if (!flat)
            e8(&c, 0x2E); /* CS; a store there faults in protected mode */
        for (unsigned k = 0; k < pairs[n].bytes; k++) {
            unsigned byte = part ? pairs[n].store[k] : pairs[n].load[k];
            e8(&c, k + 1u == pairs[n].bytes && !w->p->code32 ? byte + 1 : byte);
        }
        unsigned at = c.n;
        e_word(w, &c, 0);
        struct item *i = emit(w, &c);
        i->fix = FIX_ADDRESS;
        i->fix_at = (uint8_t)at;
        i->fix_plus = plus;
        i->target = target;
        if (!flat && !real)
            return;
    }
}

/* A repeated string instruction that meets the end of a page, of the segment or of video memory on
 * its way, up or down. */
void write_string_at_edge(struct writer *w)
{
    static const uint32_t flat_edges[] = {AT_DATA + 0xC000,
                                          AT_DATA + 0xD000,
                                          AT_DATA + 0xE000,
                                          AT_DATA + 0xF000,
                                          AT_DATA + 0x1000,
                                          ALIAS_DATA,
                                          ALIAS_DATA + 0x3000,
                                          ALIAS_CODE - 0x1000,
                                          0xA0000,
                                          0xB0000,
                                          0xB8000,
                                          0xC0000,
                                          LARGE + AT_DATA,
                                          AT_DATA};
    static const uint32_t edges[] = {0x1000, 0xC000, 0xD000, 0xE000, 0xF000, 0x10000, 0};
    static const uint8_t opcodes[] = {0xA4, 0xA5, 0xA6, 0xA7, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF};
    struct code flag = {{one_in(w, 3) ? 0xFD : 0xFC}, 1}, c = {0};
    bool flat = layout_is_flat(w->p->mode);
    uint32_t at[2];
    for (unsigned n = 0; n < 2; n++) {
        at[n] = flat ? flat_edges[below(w, ARRAY_LEN(flat_edges))] : edges[below(w, 7)];
        at[n] += below(w, 80) - 40;
        if (one_in(w, 3))
            at[n] = random_place(w);
    }
    emit(w, &flag);
    set_reg(w, ESI, at[0]);
    set_reg(w, EDI, at[1]);
    set_reg(w, ECX, one_in(w, 6) ? below(w, 1200) : below(w, 40));
    if (one_in(w, 4))
        e8(&c, 0x66);
    if (one_in(w, 10))
        e8(&c, 0x67);
    if (!one_in(w, 8))
        e8(&c, one_in(w, 3) ? 0xF2 : 0xF3);
    e8(&c, opcodes[below(w, ARRAY_LEN(opcodes))]);
    emit(w, &c);
    if (!one_in(w, 8)) {
        struct code cld = {{0xFC}, 1};
        emit(w, &cld);
    }
}

/* INS and OUTS, some of them repeated, to ports that are safe to touch. */
void write_port_string(struct writer *w)
{
    static const uint8_t opcodes[] = {0x6C, 0x6D, 0x6E, 0x6F};
    struct code c = {0};
    set_reg(w, EDX, one_in(w, 2) ? 0x80 : 0x42);
    set_reg(w, one_in(w, 2) ? ESI : EDI, random_place(w));
    set_reg(w, ECX, below(w, 20));
    if (one_in(w, 2))
        e8(&c, 0xF3);
    e8(&c, opcodes[below(w, 4)]);
    emit(w, &c);
}
