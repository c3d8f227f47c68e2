/* Every selector into every segment register in every way, at levels 0 and 3 (narrow_system.c):
 * what raises, what the register holds then, which descriptors are marked as accessed. Three times
 * over, so that all is known to the TLB and translated. The interpreter says what is right.
 *
 * 1: mov edi, NEXT
 *    mov eax, cs:[TABLE + ebp*4]      the selector
 *    the load
 * NEXT: all segment registers into EBX; good ones into them
 *    dec ebp / jnz 1b / int 60h       to a HLT */
#include "tests/translator/guest.h"

#include "tests/descriptors.h"

#define TABLE   0x120000
#define POINTER 0x130000
#define HANDLER 0x9600
#define TIMES   3

static const struct form {
    const char *name;
    uint8_t code[24], bytes;
} forms[] = {
#define FORM(name, ...)                                       \
    {                                                         \
        name, {__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}) \
    }
    FORM("mov es", 0x8E, 0xC0),
    FORM("mov ss", 0x8E, 0xD0),
    FORM("mov ds", 0x8E, 0xD8),
    FORM("mov fs", 0x8E, 0xE0),
    FORM("mov gs", 0x8E, 0xE8),
    FORM("pop es", 0x50, 0x07),
    FORM("pop ss", 0x50, 0x17),
    FORM("pop ds", 0x50, 0x1F),
    FORM("pop fs", 0x50, 0x0F, 0xA1),
    FORM("pop gs, 16 bits", 0x66, 0x50, 0x66, 0x0F, 0xA9),
#define POINT 0xA3, 4, 0, POINTER >> 16, 0 /* mov [POINTER+4], eax */
    FORM("mov ds, memory", POINT, 0x8E, 0x1D, 4, 0, POINTER >> 16, 0),
    FORM("mov ss, memory", POINT, 0x8E, 0x15, 4, 0, POINTER >> 16, 0),
    FORM("les", POINT, 0xC4, 0x0D, 0, 0, POINTER >> 16, 0),
    FORM("lds", POINT, 0xC5, 0x0D, 0, 0, POINTER >> 16, 0),
    FORM("lss", POINT, 0x0F, 0xB2, 0x25, 0, 0, POINTER >> 16, 0),
    FORM("lfs", POINT, 0x0F, 0xB4, 0x0D, 0, 0, POINTER >> 16, 0),
    FORM("lgs", POINT, 0x0F, 0xB5, 0x0D, 0, 0, POINTER >> 16, 0),
};

struct trial {
    const struct form *form;
    unsigned level;
};

/* Segments of every access byte of interest, at every level; some system descriptors. */
static uint32_t put_tables(struct machine *m)
{
    static const uint8_t access[] = {0x92, 0x90, 0x93, 0x96, 0x9A, 0x98, 0x9E,
                                     0x9C, 0x12, 0x1A, 0x82, 0x89, 0x84, 0x8E};
    uint32_t at = GDT_SIZE;
    for (unsigned dpl = 0; dpl < 4; dpl++) {
        for (unsigned n = 0; n < ARRAY_LEN(access); n++, at += 8)
            put_segment(m, GDT + at, 0, 0xFFFFF, (uint8_t)(access[n] | dpl << 5), 0xC);
    }
    m->c->gdtr.limit = (uint16_t)(at + 2); /* within the next one */
    put_segment(m, LDT, 0, 0xFFFFF, 0x92, 0xC);
    put_segment(m, LDT + 8, 0, 0xFFFFF, 0xF2, 0xC);
    m->c->ldtr = (struct segment){.selector = SEL_LDT, .attr = 0x82, .limit = 15, .base = LDT};
    uint32_t count = 0;
    for (unsigned times = 0; times < TIMES; times++) {
        for (uint32_t s = 0; s <= at + 8; s++) {
            if (!(s & 4) || s < 0x18)
                put(m, TABLE + 4 * ++count, s, 4);
        }
    }
    return count;
}

static void put_program(struct machine *m, const struct form *f, unsigned level)
{
    const uint8_t data = level ? DATA3 : DATA0;
    uint8_t start[] = {0xBF, 0, 0, 0, 0, 0x2E, 0x8B, 0x04, 0xAD, 0, 0, TABLE >> 16, 0};
    uint8_t end[] = {0x8C, 0xC1, 0x01, 0xCB, 0x8D, 0x1C, 0x5B, /* mov ecx, es / .. / ebx * 3 */
                     0x8C, 0xD1, 0x01, 0xCB, 0x8D, 0x1C, 0x5B, 0x8C, 0xD9, 0x01, 0xCB, 0x8D, 0x1C,
                     0x5B, 0x8C, 0xE1, 0x01, 0xCB, 0x8D, 0x1C, 0x5B, 0x8C, 0xE9, 0x01, 0xCB, 0x8D,
                     0x1C, 0x5B, 0xB9, data, 0,    0,    0,    0x8E, 0xC1, 0x8E, 0xD9, 0x8E, 0xE1,
                     0x8E, 0xE9, 0x8E, 0xD1, 0xBC, 0,    0,    0x12, 0, /* mov esp, 120000h */
                     0x4D, 0x0F, 0x85, 0,    0,    0,    0,    0xCD, 0x60};
    store_le32(start + 1, CODE + (uint32_t)sizeof start + f->bytes);
    store_le32(end + sizeof end - 6, 2u - (uint32_t)(sizeof start + f->bytes + sizeof end));
    physmap_poke(m->pm, CODE, start, sizeof start);
    physmap_poke(m->pm, CODE + sizeof start, f->code, f->bytes);
    physmap_poke(m->pm, CODE + sizeof start + f->bytes, end, sizeof end);
    put(m, POINTER, 0x11FF00, 4);
}

static void prepare(struct machine *m, const void *ctx)
{
    const struct trial *t = ctx;
    struct vcpu *c = m->c;
    uint32_t count = put_tables(m);
    put_program(m, t->form, t->level);
    for (unsigned v = VEC_TS; v <= VEC_GP; v++)
        put_gate(m, IDT + 8 * v, CODE0, HANDLER + 16 * v, 0x8E, 0);
    for (unsigned v = VEC_TS; v <= VEC_GP; v++) { /* add ebx, v / pop eax / .. / mov [esp], edi */
        const uint8_t handler[] = {0x83, 0xC3, (uint8_t)v, 0x58, 0x01,
                                   0xC3, 0x89, 0x3C,       0x24, 0xCF};
        physmap_poke(m->pm, HANDLER + 16 * v, handler, sizeof handler);
    }
    put_gate(m, IDT + 8 * 0x60, CODE0, 0x5800, 0xEE, 0);
    if (t->level)
        machine_to_flat_user(m);
    c->eip = CODE;
    c->reg[EBP].d = count;
    c->reg[ESP].d = 0x120000;
}

START_TEST(every_selector)
{
    for (unsigned level = 0; level <= 3; level += 3) {
        const struct trial t = {&forms[_i], level};
        const struct guest g = {.prepare = prepare, .ctx = &t};
        struct outcome is = guest_compare_form(&g, SHADOW_SOFT);
        ck_assert_uint_gt(is.insns, 3000);
        guest_compare_form(&g, SHADOW_WINDOW);
    }
}
END_TEST

int main(void)
{
    if (!engine_find("translate")) {
        printf("SKIP: no translator for this host\n");
        return 77;
    }
    Suite *suite = suite_create("segment_loads");
    TCase *tc = tcase_create("segment_loads");
    tcase_set_timeout(tc, TEST_HANGS_SECONDS);
    tcase_add_loop_test(tc, every_selector, 0, ARRAY_LEN(forms));
    suite_add_tcase(suite, tc);
    return suite_status(suite);
}
