/* INT and IRET of real mode, and IRET of V86 mode with IOPL 3, are short functions while nothing is
 * raised and nobody looks (translator/narrow_8086.c). Three rounds that are so, and a fourth with
 * other flags, in the frame or before; with vector tables of every length. The interpreter says
 * what comes of it.
 *
 *         mov cx, 4
 *      1: int 40h      or    push word [si] / push cs / push 2f / iret
 *      2: pushf / pop ax / add di, ax / add di, di / add si, 2
 *         dec cx / jnz 1b
 *         hlt */
#include "tests/translator/guest.h"

#define VECTOR   0x40
#define AT       0x20000 /* the program: offset 0 of CS */
#define IMAGES   0x30000 /* SI is an offset here: what is loaded, each round */
#define FRAME    0x6E00  /* of the IRETD that goes to V86 mode */
#define HANDLER  0x100
#define FAULT_AT 0x110
#define MONITOR  0x9000
#define STACK_1  0x60000

struct trial {
    bool v86, interrupt, nested; /* nested: IRETD to V86 mode with NT */
    uint32_t flags;              /* before */
    uint32_t image;              /* the fourth round's */
    uint16_t idt_limit;          /* 0: all */
    uint16_t gate;               /* V86: where VECTOR's leads, */
    uint8_t access;              /* and what it is */
};

static void put_program(struct machine *m, bool interrupt)
{
    static const uint8_t by_int[] = {0xB9, 4, 0, 0x66, 0xFF, 0x34, 0x66, 0x9D, 0xCD, VECTOR};
    static const uint8_t by_iret[] = {0xB9, 4, 0, 0xFF, 0x34, 0x0E, 0x68, 10, 0, 0xCF};
    static const uint8_t end[] = {0x9C, 0x58, 0x01, 0xC7, 0x01, 0xFF, 0x83,
                                  0xC6, 4,    0x49, 0x75, 0xED, 0xF4};
    /* pushf / pop ax / add di, ax / iret */
    static const uint8_t handler[] = {0x9C, 0x58, 0x01, 0xC7, 0xCF};
    /* inc bx / push bp / mov bp, sp / add word [bp+2], 2 / pop bp / iret */
    static const uint8_t fault[] = {0x43, 0x55, 0x89, 0xE5, 0x83, 0x46, 2, 2, 0x5D, 0xCF};
    physmap_poke(m->pm, AT, interrupt ? by_int : by_iret, sizeof by_int);
    physmap_poke(m->pm, AT + sizeof by_int, end, sizeof end);
    physmap_poke(m->pm, AT + HANDLER, handler, sizeof handler);
    physmap_poke(m->pm, AT + FAULT_AT, fault, sizeof fault);
}

static void enter_real(struct vcpu *c, const struct trial *t)
{
    MUST_NOT_FAULT(&(struct machine){.c = c}, control_write_cr0(c, 0));
    for (unsigned s = 0; s < SEG_COUNT; s++)
        c->seg[s] = (struct segment){.limit = 0xFFFF, .attr = 0x93};
    c->seg[SEG_CS].selector = AT >> 4;
    c->seg[SEG_CS].base = AT;
    c->seg[SEG_DS].selector = IMAGES >> 4;
    c->seg[SEG_DS].base = IMAGES;
    c->seg[SEG_SS].selector = 0x4000;
    c->seg[SEG_SS].base = 0x40000;
    c->code32 = c->stack32 = 0;
    c->idtr = (struct descriptor_table){.limit = t->idt_limit ? t->idt_limit : 0x3FF};
    c->eflags = (c->eflags & FLAGS_ARITH) | t->flags | FLAG_ONE;
    c->reg[ESP].d = 0x1000;
    c->eip = 0;
    vcpu_state_loaded(c);
}

/* By IRETD of the kernel. There are good stacks of both levels, which the TLB knows. */
static void enter_v86(struct machine *m, const struct trial *t)
{
    const uint32_t frame[9] = {0,           AT >> 4, t->flags | FLAG_VM | FLAG_IOPL | FLAG_ONE,
                               0x1000,      0x4000,  0,
                               IMAGES >> 4, 0,       0};
    PROGRAM(m, CODE, 0xBC, FRAME & 0xFF, FRAME >> 8, 0, 0, /* mov esp, FRAME */
            0x8B, 0x04, 0x24,                              /* mov eax, [esp] */
            0xFE, 0x05, 0, 0xFF, STACK_1 / 0x10000 - 1, 0, /* inc byte [..] */
            0x68, 2, 0, 0, 0, 0x9D, 0xCF);                 /* push 2 / popfd / iretd */
    if (t->nested)
        m->ram[CODE + 16] = FLAG_NT >> 8;
    PROGRAM(m, MONITOR, 0x9C, 0x58, 0x8C, 0xD2, 0x01, 0xD0, /* pushf / pop eax / add eax, ss */
            0x01, 0xC3, 0xCF);                              /* add ebx, eax / iretd */
    PROGRAM(m, MONITOR + 0x100, 0x5A, 0x8D, 0x6C, 0x55, 1,  /* pop edx / lea ebp, [ebp+edx*2+1] */
            0x83, 0x04, 0x24, 2, 0xCF);                     /* add dword [esp], 2 / iretd */
    physmap_poke(m->pm, FRAME, frame, sizeof frame);
    put_gate(m, IDT + 8 * VECTOR, t->gate, MONITOR, t->access, 0);
    put_gate(m, IDT + 8 * VEC_GP, CODE0, MONITOR + 0x100, 0x8E, 0);
    put_segment(m, GDT + (CODE1 & ~7), 0, 0xFFFFF, 0xBB, 0xC);
    put_segment(m, GDT + (DATA1 & ~7), 0, 0xFFFFF, 0xB3, 0xC);
    put(m, TSS_A + 12, STACK_1, 4);
    put(m, TSS_A + 16, DATA1, 2);
}

static void prepare(struct machine *m, const void *ctx)
{
    const struct trial *t = ctx;
    put_program(m, t->interrupt);
    uint32_t usual = (t->flags & 0x3F00) | (t->v86 ? FLAG_IOPL : 0) | FLAG_ONE;
    for (uint32_t n = 0; n < 4; n++)
        put(m, IMAGES + 4 * n, n < 3 ? usual : t->image, 4);
    if (t->v86) {
        enter_v86(m, t);
    } else {
        put(m, VECTOR * 4, (uint32_t)AT << 12 | HANDLER, 4);
        put(m, VEC_GP * 4, (uint32_t)AT << 12 | FAULT_AT, 4);
        enter_real(m->c, t);
    }
    m->c->nmi_blocked = true;
}

static void check(struct trial t)
{
    const struct guest g = {.prepare = prepare, .ctx = &t, .insns = 100};
    struct outcome want = guest_run(&g, "interp", SHADOW_AUTO);
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        struct outcome is = guest_run(&g, "translate", guest_forms[n]);
        ck_assert_msg(outcome_same(&is, &want),
                      "%s, %s, flags %x, image %x, IDT %x: eip %x, interpreted %x; flags %x, "
                      "interpreted %x; edi %x, interpreted %x; NMI blocked %d, interpreted %d",
                      t.v86 ? "V86" : "real", t.interrupt ? "INT" : "IRET", t.flags, t.image,
                      t.idt_limit, is.eip, want.eip, is.flags, want.flags, is.reg[EDI],
                      want.reg[EDI], is.nmi_blocked, want.nmi_blocked);
    }
}

static const uint32_t all_flags[] = {
    0,       FLAG_IF,           FLAG_DF, FLAG_NT, FLAG_TF,  FLAG_IOPL, FLAG_IOPL & ~BIT(12),
    FLAG_OF, FLAG_CF | FLAG_ZF, FLAG_AC, FLAG_ID, FLAG_VIF, FLAG_VIP,  FLAG_RF};
#define LOADED 9 /* of these IRET of 16 bits loads */

START_TEST(flags_of_iret)
{
    uint32_t before = all_flags[_i] & ~FLAG_TF;
    for (unsigned v86 = 0; v86 < 2; v86++) {
        for (unsigned n = 0; n < LOADED; n++) {
            check((struct trial){.v86 = v86, .flags = before, .image = all_flags[n]});
            check((struct trial){.v86 = v86, .flags = before, .image = all_flags[n] | FLAG_IOPL});
        }
    }
}
END_TEST

START_TEST(flags_of_int)
{
    uint32_t flags = all_flags[_i] & ~FLAG_TF;
    check((struct trial){.interrupt = true, .flags = flags, .image = flags | FLAG_IF});
}
END_TEST

START_TEST(iret_to_v86_mode_with_nt)
{
    check((struct trial){.v86 = true, .nested = true});
}
END_TEST

/* To level 0 alone. */
START_TEST(int_of_v86_mode)
{
    static const struct {
        uint16_t gate;
        uint8_t access;
    } gates[] = {{CODE0, 0xEE}, {CODE0, 0xEF}, {CODE0, 0x8E},      {CODE1, 0xEE},
                 {CODE3, 0xEE}, {0, 0xEE},     {CONFORMING, 0xEE}, {CODE0, 0x6E}};
    for (unsigned n = 0; n < ARRAY_LEN(gates); n++) {
        for (unsigned f = 0; f < ARRAY_LEN(all_flags); f++)
            check((struct trial){.v86 = true,
                                 .interrupt = true,
                                 .flags = all_flags[f] & ~FLAG_TF,
                                 .image = (all_flags[f] & ~FLAG_TF) | FLAG_IOPL,
                                 .gate = gates[n].gate,
                                 .access = gates[n].access});
    }
}
END_TEST

START_TEST(the_vector_table_ends)
{
    for (uint16_t n = 0; n < 5; n++)
        check((struct trial){.interrupt = true, .idt_limit = (uint16_t)(VECTOR * 4 + n)});
}
END_TEST

int main(void)
{
    if (!engine_find("translate")) {
        printf("SKIP: no translator for this host\n");
        return 77;
    }
    Suite *suite = suite_create("8086");
    TCase *tc = tcase_create("8086");
    tcase_set_timeout(tc, TEST_HANGS_SECONDS);
    tcase_add_loop_test(tc, flags_of_iret, 0, ARRAY_LEN(all_flags));
    tcase_add_loop_test(tc, flags_of_int, 0, ARRAY_LEN(all_flags));
    tcase_add_test(tc, iret_to_v86_mode_with_nt);
    tcase_add_test(tc, int_of_v86_mode);
    tcase_add_test(tc, the_vector_table_ends);
    suite_add_tcase(suite, tc);
    return suite_status(suite);
}
