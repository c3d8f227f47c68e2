/* Frames, far pointers and the FPU's state that begin below offset 10000h and go on at 0, in
 * segments that do not end there (real mode after a visit to protected mode, 16-bit code with a
 * large segment): what is accessed word by word wraps word by word. The interpreter says what is
 * right.
 *
 * SS and DS are one segment, whose offsets 0 and 10000h lie in one page.                         */
#include "tests/translator/guest.h"

#define BASE    0x30010
#define CODE16  0x80 /* selectors, of protected mode */
#define DATA16  0x88
#define REAL_CS (CODE >> 4)
#define HANDLER 0x100 /* IRET, RETF: offsets in the code */
#define FAR     0x108

/* At the top of each round SP is set; then: */
static const struct form {
    uint8_t code[12], bytes;
    uint8_t selector,
        next; /* where in code CS's selector stands, and the IP behind it; 0: nowhere */
} forms[] = {
#define FORM(...)                                             \
    {                                                         \
        {__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}), 0, 0 \
    }
    FORM(0x60),                                    /* pusha */
    FORM(0x61),                                    /* popa */
    FORM(0x66, 0x60),                              /* pushad */
    FORM(0x66, 0x61),                              /* popad */
    FORM(0xC8, 8, 0, 0),                           /* enter 8, 0 */
    FORM(0xC8, 8, 0, 1),                           /* enter 8, 1 */
    FORM(0xC8, 8, 0, 3),                           /* enter 8, 3 */
    FORM(0x66, 0xC8, 8, 0, 1),                     /* the same, 32 bits */
    FORM(0xC9),                                    /* leave */
    FORM(0x9C, 0x9D),                              /* pushf / popf */
    FORM(0x66, 0x9C, 0x66, 0x9D),                  /* pushfd / popfd */
    FORM(0x1E, 0x07),                              /* push ds / pop es */
    FORM(0x66, 0x1E, 0x66, 0x07),                  /* the same, 32 bits */
    FORM(0xFF, 0x36, 0xFE, 0xFF),                  /* push word [FFFEh] */
    FORM(0x67, 0xFF, 0x34, 0x24),                  /* push word [esp] */
    FORM(0x67, 0x8F, 0x04, 0x24),                  /* pop word [esp] */
    FORM(0x67, 0x66, 0x8F, 0x04, 0x24),            /* pop dword [esp] */
    FORM(0xCD, 0x21),                              /* int 21h */
    {{0x9A, FAR & 0xFF, FAR >> 8, 0, 0}, 5, 3, 0}, /* call far */
    {{0x0E, 0x68, 0, 0, 0xCB}, 5, 0, 2},           /* push cs / push next / retf */
    {{0x0E, 0x68, 0, 0, 0xCA, 2, 0}, 7, 0, 2},     /* ... retf 2 */
    {{0x9C, 0x0E, 0x68, 0, 0, 0xCF}, 6, 0, 3},     /* pushf / push cs / .. / iret */
    {{0x66, 0x9C, 0x66, 0x0E, 0x66, 0x68, 0, 0, 0, 0, 0x66, 0xCF}, 12, 0, 6}, /* iretd */
    FORM(0xC4, 0x3E, 0xFE, 0xFF),                                             /* les di, [FFFEh] */
    FORM(0x0F, 0xB5, 0x3E, 0xFE, 0xFF),                                       /* lgs di, [FFFEh] */
    FORM(0x66, 0xC4, 0x3E, 0xFC, 0xFF),                                       /* les edi, [FFFCh] */
    FORM(0xFF, 0x1E, 0xFE, 0xFF),                                             /* call far [FFFEh] */
    FORM(0x0F, 0x01, 0x06, 0xFC, 0xFF),                                       /* sgdt [FFFCh] */
    FORM(0x62, 0x3E, 0xFE, 0xFF),       /* bound di, [FFFEh] */
    FORM(0xD9, 0x36, 0xF8, 0xFF),       /* fnstenv [FFF8h] */
    FORM(0xD9, 0x26, 0xF8, 0xFF),       /* fldenv [FFF8h] */
    FORM(0xDD, 0x36, 0xC0, 0xFF),       /* fnsave [FFC0h] */
    FORM(0xDD, 0x26, 0xC0, 0xFF),       /* frstor [FFC0h] */
    FORM(0xDB, 0x3E, 0xFA, 0xFF),       /* fstp tword [FFFAh] */
    FORM(0xDB, 0x2E, 0xFA, 0xFF),       /* fld tword [FFFAh] */
    FORM(0x0F, 0x11, 0x06, 0xF8, 0xFF), /* movups [FFF8h], xmm0 */
    FORM(0x0F, 0x10, 0x06, 0xF8, 0xFF), /* movups xmm0, [FFF8h] */
    FORM(0x0F, 0xC7, 0x0E, 0xFC, 0xFF), /* cmpxchg8b [FFFCh] */
    FORM(0xA1, 0xFF, 0xFF),             /* mov ax, [FFFFh] */
    FORM(0x66, 0xA3, 0xFD, 0xFF),       /* mov [FFFDh], eax */
    FORM(0xBF, 0xFE, 0xFF, 0x66, 0xAB), /* mov di, FFFEh / stosd */
    FORM(0xBE, 0xFE, 0xFF, 0x66, 0xAD), /* mov si, FFFEh / lodsd */
    FORM(0x0F, 0xAB, 0x06, 0xFE, 0xFF), /* bts [FFFEh], ax */
};

struct trial {
    const struct form *form;
    bool protected;
    uint16_t sp;
};

static void set_segment(struct machine *m, unsigned seg, uint16_t selector, uint32_t base,
                        uint32_t limit, unsigned attr)
{
    m->c->seg[seg] = (struct segment){
        .selector = selector, .base = base, .limit = limit, .attr = (uint16_t)attr};
}

static void set_mode(struct machine *m, bool protected)
{
    struct vcpu *c = m->c;
    uint16_t cs = protected ? CODE16 : REAL_CS, ds = protected ? DATA16 : BASE >> 4;
    put_segment(m, GDT + CODE16, CODE, 0xFFFF, 0x9B, 0);
    put_segment(m, GDT + DATA16, BASE, 0xFFFFF, 0x93, 0);
    put_gate(m, IDT + 8 * 0x21, CODE16, HANDLER, 0x86, 0);
    if (!protected)
        MUST_NOT_FAULT(m, control_write_cr0(c, CR0_NE));
    c->cr0 |= CR0_NE;
    c->cr4 |= CR4_OSFXSR;
    set_segment(m, SEG_CS, cs, CODE, 0xFFFF, protected ? 0x9B : 0x93);
    for (unsigned s = 0; s < SEG_COUNT; s++) {
        if (s != SEG_CS)
            set_segment(m, s, ds, BASE, s == SEG_ES || s == SEG_GS ? 0xFFFF : 0xFFFFF, 0x93);
    }
    if (!protected) {
        put(m, 0x21 * 4, (uint32_t)REAL_CS << 16 | HANDLER, 4);
        c->idtr = (struct descriptor_table){.limit = 0x3FF};
    }
    c->code32 = c->stack32 = 0;
    c->x87.control = 0x37F;
    c->x87.tag_empty = 0xFF;
    vcpu_state_loaded(c);
}

/*    mov dx, 4
 * 1: mov sp, ..
 *    the form
 *    dec dx
 *    jnz 1b
 *    hlt                  */
static void prepare(struct machine *m, const void *ctx)
{
    const struct trial *t = ctx;
    const struct form *f = t->form;
    struct vcpu *c = m->c;
    set_mode(m, t->protected);
    uint16_t cs = c->seg[SEG_CS].selector, ds = c->seg[SEG_DS].selector;
    uint8_t start[] = {0xBA, 4, 0, 0xBC, (uint8_t)t->sp, (uint8_t)(t->sp >> 8)};
    uint8_t end[] = {0x4A, 0x75, (uint8_t)(3 - (int)(sizeof start + f->bytes + 3)), 0xF4};
    uint8_t code[sizeof f->code];
    memcpy(code, f->code, sizeof code);
    if (f->selector)
        store_le16(code + f->selector, cs);
    if (f->next)
        store_le16(code + f->next, (uint16_t)(sizeof start + f->bytes));
    physmap_poke(m->pm, CODE, start, sizeof start);
    physmap_poke(m->pm, CODE + sizeof start, code, f->bytes);
    physmap_poke(m->pm, CODE + sizeof start + f->bytes, end, sizeof end);
    physmap_poke(m->pm, CODE + HANDLER, "\xCF", 1);
    physmap_poke(m->pm, CODE + FAR, "\xCB", 1);
    for (uint32_t n = 0; n < 0x40; n++) {
        m->ram[BASE + n] = (uint8_t)(n * 7 + 1);
        m->ram[BASE + 0x10000 - 0x40 + n] = (uint8_t)(n * 5 + 2);
        m->ram[BASE + 0x10000 + n] = (uint8_t)(n * 3 + 3);
    }
    put(m, BASE + 0xFFFC, FAR, 4); /* for FFFEh and FFFCh; and the selectors there */
    put(m, BASE + 0xFFFE, FAR, 2);
    put(m, BASE, f->code[0] == 0xFF ? cs : ds, 2);
    put(m, BASE + 0x10000, f->code[0] == 0xFF ? cs : 0, 2);
    c->eip = 0;
    c->reg[EBP].d = 0x12340004;
    c->reg[EDI].d = 0x5678;
    c->reg[ESP].d = f->code[0] == 0x67 ? 0 : 0x5A5A0000; /* SP alone is the stack's */
}

START_TEST(within_a_frame_or_a_pointer)
{
    static const uint16_t sps[] = {0, 2, 4, 5, 0x10, 0xFFFE};
    for (unsigned p = 0; p < 2; p++) {
        for (unsigned n = 0; n < ARRAY_LEN(sps); n++) {
            const struct trial trial = {&forms[_i], p, sps[n]};
            const struct guest g = {.prepare = prepare, .ctx = &trial, .insns = 100};
            struct outcome want = guest_run(&g, "interp", SHADOW_AUTO);
            for (unsigned k = 0; k < GUEST_FORMS; k++) {
                struct outcome is = guest_run(&g, "translate", guest_forms[k]);
                bool same = !memcmp(is.reg, want.reg, sizeof is.reg) && is.eip == want.eip &&
                            is.memory == want.memory && is.insns == want.insns &&
                            is.flags == want.flags;
                ck_assert_msg(same, "%02x %02x %02x, %s, SP %04x, shadow %d", forms[_i].code[0],
                              forms[_i].code[1], forms[_i].code[2], p ? "protected" : "real",
                              sps[n], (int)guest_forms[k]);
            }
        }
    }
}
END_TEST

int main(void)
{
    if (!engine_find("translate")) {
        printf("SKIP: no translator for this host\n");
        return 77;
    }
    Suite *suite = suite_create("wraps");
    TCase *tcase = tcase_create("wraps");
    tcase_set_timeout(tcase, TEST_HANGS_SECONDS);
    tcase_add_loop_test(tcase, within_a_frame_or_a_pointer, 0, ARRAY_LEN(forms));
    suite_add_tcase(suite, tcase);
    return suite_status(suite);
}
