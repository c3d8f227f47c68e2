/* Units in two code segments that share their base and differ in their limit: what the one may run
 * is beyond the end of the other, or a part of it is. The interpreter says where #GP comes. */
#include "tests/translator/guest.h"

#define ROUNDS   60
#define FUNCTION 0x110000
#define LONG     0x100 /* selectors: all of the function, and a part of it */
#define SHORT    0x108

/* inc edx / inc edx / add edx, 10000h / jmp to the next / inc edx / retf */
static const uint8_t function[] = {0x42, 0x42, 0x81, 0xC2, 0, 0, 1, 0, 0xEB, 0, 0x42, 0xCB};

/* Of #GP: add edx, 1000h / add esp, 16 (error code, EIP, CS, flags) / retf */
static const uint8_t handler[] = {0x81, 0xC2, 0, 0x10, 0, 0, 0x83, 0xC4, 0x10, 0xCB};

static const uint8_t program[] = {
    0x9A, 0,    0, 0, 0, LONG & 0xFF,  LONG >> 8,  /* call LONG:0 */
    0x9A, 0,    0, 0, 0, SHORT & 0xFF, SHORT >> 8, /* call SHORT:0 */
    0x49,                                          /* dec ecx */
    0x75, 0xEF,                                    /* jnz, to the start */
    0xF4,
};

static void prepare(struct machine *m, const void *ctx)
{
    const unsigned *limit = ctx;
    machine_protect(m);
    put_segment(m, GDT + LONG, FUNCTION, 0xFFFF, 0x9A, 4);
    put_segment(m, GDT + SHORT, FUNCTION, *limit, 0x9A, 4);
    physmap_poke(m->pm, FUNCTION, function, sizeof function);
    physmap_poke(m->pm, 0x5000 + 16 * VEC_GP, handler, sizeof handler);
    m->c->gdtr.limit = SHORT + 7;
    m->c->reg[ECX].d = ROUNDS;
}

START_TEST(code_ends_with_its_segment)
{
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        for (unsigned cold = 0; cold < 2; cold++) {
            for (unsigned limit = 0; limit < sizeof function + 1; limit++) {
                const struct guest g = {.code = program,
                                        .bytes = sizeof program,
                                        .prepare = prepare,
                                        .ctx = &limit,
                                        .cold = cold};
                struct outcome o = guest_compare_form(&g, guest_forms[n]);
                unsigned whole = 0x10003, faults = limit < sizeof function - 1 ? 0x1000 : 0;
                unsigned part =
                    1 + (limit >= 1) + (limit >= 7 ? 0x10000 : 0) + (limit >= 10 ? 1 : 0);
                ck_assert_uint_eq(o.reg[EDX], ROUNDS * (whole + part + faults));
            }
        }
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {code_ends_with_its_segment};
    return run_translator_tests("code_limit", tests, ARRAY_LEN(tests));
}
