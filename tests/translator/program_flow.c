/* tests/translator/program_flow.c: jumps, calls, returns, gates and frames of a random program. */
#include "tests/translator/writer.h"

/* --- Control transfer ------------------------------------------------------------------------- */

void write_jump(struct writer *w)
{
    struct code c = {0};
    unsigned kind = below(w, 8);
    bool always = kind == 0 || kind == 3;
    int from = one_in(w, always ? 200 : 20) ? -12 : 1; /* for ever, often */
    switch (kind) {
    case 0: /* JMP */
        e8(&c, 0xE9);
        break;
    case 1: /* Jcc, near */
        e16(&c, 0x800F + (below(w, 16) << 8));
        break;
    case 2: /* LOOPNE, LOOPE, LOOP, JECXZ: with a small count, mostly */
        if (!one_in(w, 4))
            set_reg(w, ECX, below(w, 30));
        e8(&c, 0xE0 + below(w, 4));
        break;
    case 3:
        e8(&c, 0xEB);
        break;
    default: /* Jcc */
        e8(&c, 0x70 + below(w, 16));
        break;
    }
    bool near = c.b[0] == 0xE9 || c.b[0] == 0x0F;
    if (near && w->p->code32)
        e32(&c, 0);
    else if (near)
        e16(&c, 0);
    else
        e8(&c, 0);
    struct item *i = emit(w, &c);
    i->fix = near ? FIX_REL : FIX_REL8;
    i->target = some_target(w, from, 12);
}

/* A loop over the items before: DEC reg; JNZ back. */
void write_counted_loop(struct writer *w)
{
    static const uint8_t regs[] = {EAX, ECX, EDX, EBX, EBP, ESI, EDI};
    unsigned reg = regs[below(w, 7)], body = 1 + below(w, 8), first = w->p->count + 1;
    set_reg(w, reg, 1 + below(w, 40));
    for (unsigned n = 0; n < body; n++)
        write_plain_instruction(w);
    struct code dec = {{(uint8_t)(0x48 + reg)}, 1}, jnz = {{0x75, 0}, 2};
    emit(w, &dec);
    struct item *i = emit(w, &jnz);
    i->fix = FIX_REL8;
    i->target = (uint16_t)first;
}

/* CALL over a body that ends in RET, and around it. */
void write_call(struct writer *w)
{
    struct code call = {{0xE8}, 1}, ret = {{0xC3}, 1}, skip = {{0xEB, 0}, 2};
    if (w->p->code32)
        e32(&call, 0);
    else
        e16(&call, 0);
    struct item *entry = emit(w, &call);
    entry->fix = FIX_REL;
    entry->target = (uint16_t)(w->p->count + 1);
    struct item *around = emit(w, &skip);
    around->fix = FIX_REL8;
    for (unsigned n = 1 + below(w, 6); n; n--)
        one_in(w, 4) ? write_any_instruction(w) : write_plain_instruction(w);
    if (one_in(w, 4)) { /* RET n */
        ret.b[0] = 0xC2;
        ret.n = 1;
        e16(&ret, below(w, 3) * 4);
    }
    emit(w, &ret);
    around->target = (uint16_t)w->p->count;
}

/* MOV reg, target; JMP or CALL reg. PUSH target; RET. */
void write_indirect(struct writer *w)
{
    static const uint8_t regs[] = {EAX, ECX, EDX, EBX};
    unsigned reg = regs[below(w, 4)];
    struct code mov = {0}, go = {0};
    bool push = one_in(w, 3);
    e8(&mov, push ? 0x68 : 0xB8 + reg);
    e_word(w, &mov, 0);
    struct item *i = emit(w, &mov);
    i->fix = FIX_ADDRESS;
    i->fix_at = 1;
    i->target = some_target(w, 1, 12);
    if (push)
        e8(&go, 0xC3);
    else
        e16(&go, (one_in(w, 2) ? 0xE0FFu : 0xD0FFu) + (reg << 8));
    emit(w, &go);
}

/* Gates of every kind (program_load.c), and what is none. */
void write_interrupt(struct writer *w)
{
    static const uint16_t gates[] = {SEL_GATE,      SEL_GATE, SEL_GATE, SEL_GATE16, SEL_GATE_PARAMS,
                                     SEL_TASK_GATE, SEL_TSS2, SEL_LDT,  SEL_DATA3};
    struct code c = {0};
    switch (below(w, 6)) {
    case 0:
        e8(&c, 0xCC);
        break;
    case 1:
        e8(&c, 0xCE);
        break;
    case 2: /* by gate, where selectors are those of the GDT */
        e8(&c, 0x9A);
        e_word(w, &c, 0);
        e16(&c, gates[below(w, ARRAY_LEN(gates))] | 3);
        break;
    case 3:
        e16(&c, 0x0B0F);
        break;
    default:
        e16(&c, 0xCD | (one_in(w, 4)   ? below(w, 256)
                        : one_in(w, 3) ? 0x30 + below(w, 16)
                                       : 0x40 + below(w, 12))
                           << 8);
        break;
    }
    emit(w, &c);
}

/* Far to an item in this code segment, or in another one of other size, where the same bytes mean
 * something else; or to the program's second place. In real and V86 mode to one of some segments
 * that overlap. */
struct far_target {
    uint16_t cs;
    unsigned plus; /* an item's offset there is so much more */
};

static struct far_target far_target(struct writer *w)
{
    static const uint16_t odd[] = {0,
                                   3,
                                   SEL_LOCAL_CODE | 3,
                                   SEL_LOCAL_CODE,
                                   SEL_CODE_FRESH | 3,
                                   SEL_CODE_FRESH,
                                   SEL_CODE0,
                                   SEL_CODE3,
                                   SEL_CODE3 | 3,
                                   SEL_CONFORMING,
                                   SEL_ABSENT | 3,
                                   SEL_DATA3 | 3,
                                   SEL_GATE | 3,
                                   SEL_TSS2,
                                   SEL_TASK_GATE | 3,
                                   0xF8,
                                   0x103,
                                   0x24 | 3};
    enum program_mode mode = w->p->mode;
    bool other = one_in(w, 3);
    struct far_target to = {0};
    if (mode >= PROGRAM_REAL) {
        unsigned paragraphs = other ? below(w, 6) : 0;
        to.cs = (uint16_t)((AT_CODE >> 4) - paragraphs);
        to.plus = 16 * paragraphs;
    } else if (one_in(w, 6)) {
        to.cs = odd[below(w, ARRAY_LEN(odd))];
    } else if (one_in(w, 10)) {
        to.cs = mode <= PROGRAM_PAE ? SEL_CODE_FRESH : SEL_CODE_FRESH | 3;
    } else if (mode <= PROGRAM_PAE) {
        to.cs = SEL_CODE0;
    } else if (mode == PROGRAM_USER) {
        to.cs = other ? SEL_CONFORMING | 3 : SEL_CODE3 | 3;
    } else {
        to.cs = (mode == PROGRAM_BASED) != other ? SEL_CODE_BASED | 3 : SEL_CODE16 | 3;
    }
    if (one_in(w, 24)) /* beyond the limit, perhaps */
        to.plus += CODE_SIZE - 0x800 + below(w, 0x1000);
    return to;
}

/* JMP or CALL; a CALL may meet a RETF. */
void write_far_jump(struct writer *w)
{
    struct code c = {{one_in(w, 2) ? 0xEA : 0x9A}, 1};
    struct far_target to = far_target(w);
    e_word(w, &c, 0);
    e16(&c, to.cs);
    struct item *i = emit(w, &c);
    i->fix = FIX_ADDRESS;
    i->fix_at = 1;
    i->fix_plus = to.plus;
    i->target = some_target(w, 1, 12);
}

/* MOV [place], target; MOV [place + n], CS; JMP or CALL far [place]. Now and then with an operand
 * of the other size. */
void write_far_memory(struct writer *w)
{
    bool wide = w->p->code32 != one_in(w, 8), flat = layout_is_flat(w->p->mode);
    if (flat && !wide)
        wide = true; /* the program lies beyond 64 KiB */
    uint32_t place =
        (flat ? AT_DATA : 0) + (one_in(w, 4) ? 0x1000 - below(w, 8) : below(w, 0x8000));
    struct far_target to = far_target(w);
    struct code mov = {0}, cs = {0}, go = {0};
    bool prefix = wide != w->p->code32;
    unsigned modrm = w->p->code32 ? 5 : 6;
    if (prefix)
        e8(&mov, 0x66);
    e16(&mov, 0xC7 | modrm << 8);
    e_word(w, &mov, place);
    unsigned at = mov.n;
    wide ? e32(&mov, 0) : e16(&mov, 0);
    struct item *i = emit(w, &mov);
    i->fix = FIX_ADDRESS;
    i->fix_at = (uint8_t)at;
    i->fix_size = wide ? 4 : 2;
    i->fix_plus = to.plus;
    i->target = some_target(w, 1, 14);
    if (w->p->code32)
        e8(&cs, 0x66);
    e16(&cs, 0xC7 | modrm << 8);
    e_word(w, &cs, place + (wide ? 4 : 2));
    e16(&cs, to.cs);
    emit(w, &cs);
    if (prefix)
        e8(&go, 0x66);
    e16(&go, 0xFF | (modrm | (one_in(w, 2) ? 3 : 5) << 3) << 8);
    e_word(w, &go, place);
    emit(w, &go);
}

/* A word or doubleword for a frame. */
static void push_value(struct writer *w, bool wide, uint32_t value)
{
    struct code c = {0};
    if (wide != w->p->code32)
        e8(&c, 0x66);
    e8(&c, 0x68);
    wide ? e32(&c, value) : e16(&c, value);
    emit(w, &c);
}

static void push_target(struct writer *w, bool wide, uint32_t plus)
{
    struct code c = {0};
    if (wide != w->p->code32)
        e8(&c, 0x66);
    e8(&c, 0x68);
    unsigned at = c.n;
    wide ? e32(&c, 0) : e16(&c, 0);
    struct item *i = emit(w, &c);
    i->fix = FIX_ADDRESS;
    i->fix_at = (uint8_t)at;
    i->fix_size = wide ? 4 : 2;
    i->fix_plus = plus;
    i->target = some_target(w, 1, 12);
}

/* Frames are of the mode's size, mostly; in flat code always: it lies beyond 64 KiB. */
static bool wide_frame(struct writer *w)
{
    return layout_is_flat(w->p->mode) || w->p->code32 != one_in(w, 6);
}

/* RETF alone, for a CALL; or with a frame of its own, RETF n among them. */
void write_far_return(struct writer *w)
{
    struct code c = {0};
    bool wide = wide_frame(w), own = !one_in(w, 4);
    if (own) {
        struct far_target to = far_target(w);
        push_value(w, wide, to.cs);
        push_target(w, wide, to.plus);
    }
    if (wide != w->p->code32)
        e8(&c, 0x66);
    if (one_in(w, 2)) {
        e8(&c, 0xCA);
        e16(&c, one_in(w, 6) ? random_value(w) : below(w, 5) * 2);
    } else {
        e8(&c, 0xCB);
    }
    emit(w, &c);
}

/* Flags to be loaded: arithmetic ones, and now and then each of the others. */
static uint32_t frame_flags(struct writer *w)
{
    static const uint32_t others[] = {FLAG_TF, FLAG_NT,  FLAG_IOPL, FLAG_AC, FLAG_ID,
                                      FLAG_RF, FLAG_VIF, FLAG_VIP,  FLAG_IF, FLAG_DF};
    uint32_t flags = FLAG_ONE | FLAG_IF | (random_value(w) & (FLAGS_ARITH | FLAG_IOPL));
    for (unsigned n = below(w, 3); n; n--)
        flags ^= others[below(w, ARRAY_LEN(others))];
    return flags;
}

/* PUSH flags; POPF. */
void write_set_flags(struct writer *w)
{
    struct code c = {0};
    bool wide = w->p->code32 != one_in(w, 3);
    push_value(w, wide, frame_flags(w));
    if (wide != w->p->code32)
        e8(&c, 0x66);
    e8(&c, 0x9D);
    emit(w, &c);
}

/* PUSH flags; PUSH CS; PUSH target; IRET. */
void write_interrupt_return(struct writer *w)
{
    struct code c = {0};
    bool wide = wide_frame(w);
    struct far_target to = far_target(w);
    if (one_in(w, 3)) {
        struct code pushf = {0};
        if (wide != w->p->code32)
            e8(&pushf, 0x66);
        e8(&pushf, 0x9C);
        emit(w, &pushf);
    } else {
        push_value(w, wide, frame_flags(w));
    }
    push_value(w, wide, to.cs);
    push_target(w, wide, to.plus);
    if (wide != w->p->code32)
        e8(&c, 0x66);
    e8(&c, 0xCF);
    emit(w, &c);
}

/* MOV EDX, target; MOV ECX, ESP; SYSENTER, which comes back by SYSEXIT, to ring 3. */
void write_system_enter(struct writer *w)
{
    struct code mov = {{0xBA}, 1}, esp = {{0x89, 0xE1}, 2}, enter = {{0x0F, 0x34}, 2};
    if (!layout_is_flat(w->p->mode) || (w->p->mode != PROGRAM_USER && !one_in(w, 8)))
        return;
    e32(&mov, 0);
    struct item *i = emit(w, &mov);
    i->fix = FIX_ADDRESS;
    i->fix_at = 1;
    i->target = some_target(w, 1, 12);
    emit(w, &esp);
    emit(w, &enter);
}
