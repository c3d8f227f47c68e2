/* REP MOVS between two pages that are one in memory: what it reads it may have written just before,
 * by another address. In a window the host's own instruction does it (x86_64/string.c); the
 * interpreter knows by host addresses. What is right is computed here, element by element.
 *
 *    mov ebp, RUNS
 * 1: mov esi, [TABLE + ebp*.. - 16]   mov edi, ..   mov ecx, ..
 *    rep movs
 *    dec ebp   jnz 1b   hlt                                                                      */
#include "tests/translator/guest.h"

#define ROOT   0x100000
#define TABLES 0x101000
#define FRAME  0x200000 /* two pages, seen at A and at B */
#define A      0x300000
#define B      0x310000
#define TABLE  0x120000

struct run {
    uint32_t from, to, count, unused;
};

static const struct form {
    uint8_t insn[3], size;
} forms[] = {
    {{0x90, 0xF3, 0xA4}, 1}, /* rep movsb */
    {{0x66, 0xF3, 0xA5}, 2}, /* rep movsw */
    {{0x90, 0xF3, 0xA5}, 4}, /* rep movsd */
};

static const int distances[] = {0,  1,  2,  3,  4,  5,   7,   8,   9,   15,   16,   17,
                                31, 32, 33, 63, 64, 65,  127, 128, 129, 1000, 4096, -1,
                                -2, -3, -4, -5, -8, -16, -17, -32, -33, -64,  -65};
static const uint16_t counts[] = {1, 3, 40, 300, 700};
#define RUNS (ARRAY_LEN(distances) * ARRAY_LEN(counts) * 2)

static struct run run_of(unsigned n)
{
    unsigned back = n & 1;
    int distance = distances[n / 2 % ARRAY_LEN(distances)];
    uint32_t at = 0x100 + n * 37 % 64;
    return (struct run){(back ? B : A) + at, (back ? A : B) + at + (uint32_t)distance,
                        counts[n / 2 / ARRAY_LEN(distances)], 0};
}

static void put_data(uint8_t *ram)
{
    for (uint32_t n = 0; n < 0x2000; n++)
        ram[FRAME + n] = (uint8_t)(n * 29 ^ n >> 5);
}

static void prepare(struct machine *m, const void *ctx)
{
    const struct form *f = ctx;
    struct vcpu *c = m->c;
    uint8_t code[] = {0xBD,       0,          0,          0,    0,    0x89, 0xEB,
                      0xC1,       0xE3,       4,                         /* mov ebx, ebp, * 16 */
                      0x8B,       0xB3,       0,          0,    0x12, 0, /* mov esi, [TABLE+ebx] */
                      0x8B,       0xBB,       4,          0,    0x12, 0, /* mov edi, .. */
                      0x8B,       0x8B,       8,          0,    0x12, 0, /* mov ecx, .. */
                      f->insn[0], f->insn[1], f->insn[2], 0x4D, 0x75, 0,    0xF4};
    store_le32(code + 1, RUNS);
    code[sizeof code - 2] = (uint8_t)(5 - (sizeof code - 1));
    physmap_poke(m->pm, CODE, code, sizeof code);
    for (unsigned n = 0; n < RUNS; n++) {
        struct run r = run_of(n);
        physmap_poke(m->pm, TABLE + 16 * (n + 1), &r, sizeof r);
    }
    put_data(m->ram);
    put(m, ROOT, TABLES | 0x67, 4);
    for (uint32_t page = 0; page < 1024; page++)
        put(m, TABLES + page * 4, page << 12 | 0x67, 4);
    for (uint32_t page = 0; page < 2; page++) {
        put(m, TABLES + (A >> 12) * 4 + page * 4, (FRAME + (page << 12)) | 0x67, 4);
        put(m, TABLES + (B >> 12) * 4 + page * 4, (FRAME + (page << 12)) | 0x67, 4);
    }
    MUST_NOT_FAULT(m, control_write_cr3(c, ROOT));
    MUST_NOT_FAULT(m, control_write_cr0(c, CR0_PE | CR0_PG | CR0_WP));
}

static void expect(struct machine *m, const void *ctx)
{
    const struct form *f = ctx;
    static uint8_t ram[FRAME + 0x2000];
    put_data(ram);
    for (unsigned n = RUNS; n--;) {
        struct run r = run_of(n);
        uint8_t *from = ram + FRAME + (r.from & 0xFFFF), *to = ram + FRAME + (r.to & 0xFFFF);
        for (unsigned k = 0; k < r.count; k++) {
            uint8_t element[4];
            memcpy(element, from + k * f->size, f->size);
            memcpy(to + k * f->size, element, f->size);
        }
    }
    ck_assert(!memcmp(ram + FRAME, m->ram + FRAME, 0x2000));
}

START_TEST(what_was_written_by_another_address)
{
    const struct guest g = {.prepare = prepare, .finish = expect, .ctx = &forms[_i]};
    for (unsigned n = 0; n < GUEST_FORMS; n++)
        guest_compare_form(&g, guest_forms[n]);
}
END_TEST

int main(void)
{
    if (!engine_find("translate")) {
        printf("SKIP: no translator for this host\n");
        return 77;
    }
    Suite *suite = suite_create("aliases");
    TCase *tcase = tcase_create("aliases");
    tcase_set_timeout(tcase, TEST_HANGS_SECONDS);
    tcase_add_loop_test(tcase, what_was_written_by_another_address, 0, ARRAY_LEN(forms));
    suite_add_tcase(suite, tcase);
    return suite_status(suite);
}
