/* Devices that do something to the machine when they are accessed: they write the code that runs,
 * show another page in its place, close the A20 gate, interrupt, end the run. What comes behind the
 * instruction that asked is what is there then. The interpreter says what is right.
 *
 *      mov edi, DEVICE / mov esi, DEVICE / mov ecx, 3 / mov edx, DEVICE's port
 *      the access
 *      inc ebx / inc ebx           43 43, in the other page 40 40: inc eax
 *      dec ebp / jnz back / hlt */
#include "tests/translator/guest.h"

#define AT     0x108000 /* the code; at 8000h and OTHER stands the other one */
#define OTHER  0x208000
#define DEVICE 0x800000
#define PORT   0x300
#define ROUNDS 30
#define VECTOR 0x20

enum action { WRITE_BEHIND, WRITE_ITSELF, SHOW_OTHER, CLOSE_A20, INTERRUPT, LIMIT, ACTIONS };

static const struct form {
    uint8_t code[8], bytes;
} forms[] = {
#define FORM(...)                                       \
    {                                                   \
        {__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}) \
    }
    FORM(0x89, 0x07),             /* mov [edi], eax */
    FORM(0x88, 0x07),             /* mov [edi], al */
    FORM(0xC7, 0x07, 1, 2, 3, 4), /* mov dword [edi], 4030201h */
    FORM(0x8B, 0x07),             /* mov eax, [edi] */
    FORM(0x0F, 0xB6, 0x07),       /* movzx eax, byte [edi] */
    FORM(0x01, 0x07),             /* add [edi], eax */
    FORM(0x03, 0x07),             /* add eax, [edi] */
    FORM(0x39, 0x07),             /* cmp [edi], eax */
    FORM(0xFF, 0x07),             /* inc dword [edi] */
    FORM(0x87, 0x07),             /* xchg [edi], eax */
    FORM(0xF7, 0x17),             /* not dword [edi] */
    FORM(0x0F, 0xAB, 0x0F),       /* bts [edi], ecx */
    FORM(0x0F, 0xB1, 0x0F),       /* cmpxchg [edi], ecx */
    FORM(0x0F, 0xC7, 0x0F),       /* cmpxchg8b [edi] */
    FORM(0xFF, 0x37),             /* push dword [edi] */
    FORM(0x8F, 0x07),             /* pop dword [edi] */
    FORM(0x8C, 0x1F),             /* mov [edi], ds */
    FORM(0xAB),                   /* stosd */
    FORM(0xAC),                   /* lodsb */
    FORM(0xA6),                   /* cmpsb */
    FORM(0xA5),                   /* movsd */
    FORM(0xF3, 0xAB),             /* rep stosd */
    FORM(0xF3, 0xA4),             /* rep movsb */
    FORM(0xF3, 0xA6),             /* repe cmpsb */
    FORM(0xF3, 0xAD),             /* rep lodsd */
    FORM(0xEE),                   /* out dx, al */
    FORM(0xED),                   /* in eax, dx */
    FORM(0x6E),                   /* outsb */
    FORM(0xF3, 0x6F),             /* rep outsd, from the device */
    FORM(0xF3, 0x6D),             /* rep insd, to the device */
    FORM(0xDD, 0x17),             /* fst qword [edi] */
    FORM(0xD9, 0x3F),             /* fnstcw [edi] */
    FORM(0xD9, 0x37),             /* fnstenv [edi] */
    FORM(0x0F, 0x11, 0x07),       /* movups [edi], xmm0 */
    FORM(0x0F, 0x10, 0x07),       /* movups xmm0, [edi] */
    FORM(0x0F, 0x7F, 0x07),       /* movq [edi], mm0 */
    FORM(0xFF, 0x17),             /* call [edi] */
    FORM(0x60),                   /* pusha: no device at all */
};

struct trial {
    const struct form *form;
    enum action action;
    unsigned when; /* the access that acts, and each as many later */
};

struct device {
    struct machine *m;
    struct trial trial;
    unsigned accesses;
    uint32_t site, behind; /* where the instruction stands */
    bool other;
};

static void act(struct device *d)
{
    struct machine *m = d->m;
    uint8_t bytes[8] = {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90};
    if (++d->accesses % d->trial.when)
        return;
    uint32_t page = AT & ~UINT32_C(0xFFF);
    switch (d->trial.action) {
    case WRITE_BEHIND:
        memset(bytes, d->accesses / d->trial.when % 2 ? 0x40 : 0x43, 2);
        physmap_store(m->pm, d->behind, bytes, 2);
        break;
    case WRITE_ITSELF:
        physmap_store(m->pm, d->site, bytes, d->trial.form->bytes + 1u);
        break;
    case SHOW_OTHER:
        d->other = !d->other;
        physmap_map_ram(m->pm, page, 0x1000, d->other ? OTHER : page);
        break;
    case CLOSE_A20:
        physmap_set_a20(m->pm, false);
        break;
    case INTERRUPT:
        vcpu_attend(m->c, EVENT_INTR);
        break;
    default:
        vcpu_limit_budget(m->c, 1 + d->accesses % 3);
        break;
    }
}

static uint64_t device_read(void *ctx, uint64_t offset, unsigned size)
{
    act(ctx);
    return offset == 0 && size == 4 ? AT + 0x200 : 0x5A; /* for the CALL */
}

static void device_write(void *ctx, uint64_t offset, uint64_t value, unsigned size)
{
    (void)offset, (void)value, (void)size;
    act(ctx);
}

static const struct mmio_ops ops = {device_read, device_write};

static uint32_t port_read(void *ctx, uint16_t port, unsigned size)
{
    (void)size;
    if (port == PORT)
        act(ctx);
    return 0x5A5A5A5A;
}

static void port_write(void *ctx, uint16_t port, uint32_t value, unsigned size)
{
    (void)value, (void)size;
    if (port == PORT)
        act(ctx);
}

static int acknowledge(void *ctx)
{
    struct device *d = ctx;
    d->m->c->events &= ~(uint32_t)EVENT_INTR;
    return VECTOR;
}

static void put_code(struct machine *m, uint32_t at, const struct form *f, uint8_t inc)
{
    uint8_t start[] = {0xBF, 0, 0, DEVICE >> 16, 0, 0xBE, 0, 0, DEVICE >> 16, 0, 0xB9, 3,
                       0,    0, 0, 0xBA,         0, 3,    0, 0};
    uint8_t end[] = {inc, inc, 0x4D, 0x75, (uint8_t) - (int)(sizeof start + f->bytes + 5), 0xF4};
    physmap_poke(m->pm, at, start, sizeof start);
    physmap_poke(m->pm, at + sizeof start, f->code, f->bytes);
    physmap_poke(m->pm, at + sizeof start + f->bytes, end, sizeof end);
    physmap_poke(m->pm, at + 0x200, "\xC3", 1);
}

static void prepare(struct machine *m, const void *ctx)
{
    static struct device d; /* of one machine at a time */
    const struct trial *t = ctx;
    struct vcpu *c = m->c;
    d = (struct device){.m = m, .trial = *t, .site = AT + 20, .behind = AT + 20 + t->form->bytes};
    put_code(m, AT, t->form, 0x43);
    put_code(m, OTHER, t->form, 0x40);
    put_code(m, AT & ~0x100000, t->form, 0x40);
    put_gate(m, IDT + 8 * VECTOR, CODE0, 0x5800, 0x8E, 0);
    PROGRAM(m, 0x5800, 0x8D, 0x40, 0x10, 0xCF); /* lea eax, [eax+10h] / iret */
    physmap_map_mmio(m->pm, DEVICE, 0x1000, &ops, &d);
    c->host.ctx = &d;
    c->host.port_read = port_read;
    c->host.port_write = port_write;
    c->host.interrupt_ack = acknowledge;
    c->cr4 |= CR4_OSFXSR;
    c->cr0 |= CR0_NE;
    c->x87.control = 0x37F;
    c->x87.tag_empty = 0xFF;
    c->eflags |= FLAG_IF;
    c->eip = AT;
    c->reg[EBP].d = ROUNDS;
    c->reg[ESP].d = 0x6E00;
}

START_TEST(what_follows_is_what_is_there)
{
    static const unsigned when[] = {1, 17};
    for (unsigned action = 0; action < ACTIONS; action++) {
        for (unsigned n = 0; n < ARRAY_LEN(when); n++) {
            const struct trial trial = {&forms[_i], (enum action)action, when[n]};
            const struct guest g = {.prepare = prepare, .ctx = &trial, .insns = 1000};
            struct outcome want = guest_run(&g, "interp", SHADOW_AUTO);
            for (unsigned k = 0; k < GUEST_FORMS; k++) {
                struct outcome is = guest_run(&g, "translate", guest_forms[k]);
                bool same = !memcmp(is.reg, want.reg, sizeof is.reg) && is.eip == want.eip &&
                            is.insns == want.insns && is.memory == want.memory;
                ck_assert_msg(same,
                              "%02x %02x, action %u, each %u, shadow %d: eax %x ebx %x ebp %x eip "
                              "%x after %u, not %x %x %x %x after %u",
                              forms[_i].code[0], forms[_i].code[1], action, when[n],
                              (int)guest_forms[k], is.reg[EAX], is.reg[EBX], is.reg[EBP], is.eip,
                              (unsigned)is.insns, want.reg[EAX], want.reg[EBX], want.reg[EBP],
                              want.eip, (unsigned)want.insns);
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
    Suite *suite = suite_create("acting_device");
    TCase *tcase = tcase_create("acting_device");
    tcase_set_timeout(tcase, TEST_HANGS_SECONDS);
    tcase_add_loop_test(tcase, what_follows_is_what_is_there, 0, ARRAY_LEN(forms));
    suite_add_tcase(suite, tcase);
    return suite_status(suite);
}
