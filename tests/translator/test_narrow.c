/* Instructions whose usual case is a C function's (translator/narrow.h): each in a loop, so often
 * that it is no news, with all that may come of it: what it may not do is a fault, whose handler
 * counts it and goes on behind. The interpreter says what is right. */
#include "tests/translator/guest.h"

#define VALUES  0x120000 /* a doubleword for each round, the last one first */
#define FRAME   0x121000
#define LOG     0x122000 /* what the device was written */
#define FAULTS  0x123000 /* a doubleword for each vector */
#define DEVICE  0xE00000
#define STACK_1 0x130000
#define ROUNDS  600
#define LOCAL   4 /* a selector's TI bit */

/* mov edi, next / mov eax, [VALUES + ecx*4] / body / next: add ebp.. */
struct test {
    const char *name;
    uint8_t body[20], len;
    uint32_t (*value)(uint32_t round);
    enum { BOTH, KERNEL, PROGRAM } who;
};

#define BODY(...) .body = {__VA_ARGS__}, .len = sizeof((uint8_t[]){__VA_ARGS__})

/* --- Values ----------------------------------------------------------------------------------- */

static uint32_t mixed(uint32_t n)
{
    return (n * UINT32_C(0x9E3779B1)) ^ n >> 3;
}

/* Often 0. */
static uint32_t few(uint32_t n)
{
    return mixed(n) >> 9 & 0xC003;
}

/* Selectors of all that the tables hold, and beyond them, with each RPL. */
static uint32_t selector(uint32_t round)
{
    return mixed(round) >> 24 << 3 & 0x138 ? mixed(round) >> 8 & 0x1FF : round & 3;
}

/* EFLAGS but VM, which POPF leaves alone, and what would never end. */
static uint32_t flags(uint32_t round)
{
    return (mixed(round) >> 7 & 0x277ED5) | (round % 16 ? 0 : FLAG_TF);
}

/* Bit offsets near FRAME: 2 KiB to either side. */
static uint32_t bit_offset(uint32_t round)
{
    return (uint32_t)((int32_t)mixed(round) >> 18);
}

static uint32_t place_in_device(uint32_t round)
{
    return DEVICE + (mixed(round) >> 5 & 0xFF0);
}

static const struct test tests[] = {
    /* clang-format off */
    {"mov es, ax", BODY(0x8E, 0xC0), selector},
    {"mov fs, [VALUES + ecx*4]", BODY(0x8E, 0x24, 0x8D, 0x00, 0x00, 0x12, 0x00), selector},
    {"push eax / pop gs", BODY(0x50, 0x0F, 0xA9), selector},
    {"les edx, [VALUES + ecx*4]", BODY(0xC4, 0x14, 0x8D, 0xFC, 0xFF, 0x11, 0x00), selector},
    {"mov ss, ax / mov edx, eax", BODY(0x8E, 0xD0, 0x89, 0xC2), selector, PROGRAM},
    {"lss esp, [FRAME]", BODY(0xA3, 0x04, 0x10, 0x12, 0x00, 0x0F, 0xB2, 0x25, 0x00, 0x10, 0x12, 0x00), selector, PROGRAM},
    {"push eax / popfd / pushfd / pop edx", BODY(0x50, 0x9D, 0x9C, 0x5A), flags},
    {"push ax / popf / pushfd / pop edx", BODY(0x66, 0x50, 0x66, 0x9D, 0x9C, 0x5A), flags},
    {"sti / pushfd / pop edx / cli", BODY(0xFB, 0x9C, 0x5A, 0xFA), flags},
    {"bts [FRAME], eax", BODY(0x0F, 0xAB, 0x05, 0x00, 0x10, 0x12, 0x00), bit_offset},
    {"mov [FRAME+2800h], dl / btc [FRAME+800h], ax", BODY(0x88, 0x15, 0x00, 0x38, 0x12, 0x00, 0x66, 0x0F, 0xBB, 0x05, 0x00, 0x18, 0x12, 0x00), bit_offset},
    {"btr [word 1000h], eax", BODY(0x67, 0x0F, 0xB3, 0x06, 0x00, 0xF0), bit_offset, KERNEL},
    {"mov edx, [FFFEh] / mov [10000h], dl / bts [word FF00h], ax", BODY(0x8B, 0x15, 0xFE, 0xFF, 0, 0, 0x88, 0x15, 0, 0, 1, 0, 0x67, 0x66, 0x0F, 0xAB, 0x06, 0x00, 0xFF), bit_offset, KERNEL},
    {"mov edx, [FFFEh] / mov [10000h], dl / btc [word FF00h], eax", BODY(0x8B, 0x15, 0xFE, 0xFF, 0, 0, 0x88, 0x15, 0, 0, 1, 0, 0x67, 0x0F, 0xBB, 0x06, 0x00, 0xFF), bit_offset, KERNEL},
    {"bt [FRAME], eax / setc dl", BODY(0x0F, 0xA3, 0x05, 0x00, 0x10, 0x12, 0x00, 0x0F, 0x92, 0xC2), bit_offset},
    {"push eax / pop [esp+4] / mov edx, [esp+4]", BODY(0x50, 0x8F, 0x44, 0x24, 0x04, 0x8B, 0x54, 0x24, 0x04), mixed},
    {"push [VALUES + ecx*4] / pop edx", BODY(0xFF, 0x34, 0x8D, 0x00, 0x00, 0x12, 0x00, 0x5A), mixed},
    {"add eax, ecx / push ecx / and ecx, 1 / repe cmpsb / pop ecx / pushfd / pop edx", BODY(0x01, 0xC8, 0x51, 0x83, 0xE1, 0x01, 0x01, 0xC8, 0xF3, 0xA6, 0x59, 0x9C, 0x5A), mixed},
    /* Those that fault go on with ADC: add eax, eax / lea edi, [edi-2] / .. / adc ebp, edx */
    {"rdtsc, with CR4.TSD", BODY(0x01, 0xC0, 0x8D, 0x7F, 0xFE, 0x0F, 0x31, 0x11, 0xD5), mixed, PROGRAM},
    {"sysenter to nowhere", BODY(0x01, 0xC0, 0x8D, 0x7F, 0xFE, 0x0F, 0x34, 0x11, 0xD5), mixed},
    {"sysexit", BODY(0x01, 0xC0, 0x8D, 0x7F, 0xFE, 0x0F, 0x35, 0x11, 0xD5), mixed, PROGRAM},
    {"lar edx, ax / setz dh", BODY(0x0F, 0x02, 0xD0, 0x0F, 0x94, 0xC6), selector},
    {"lar dx, [VALUES + ecx*4]", BODY(0x66, 0x0F, 0x02, 0x14, 0x8D, 0x00, 0x00, 0x12, 0x00), selector},
    {"lsl edx, eax / setz dh", BODY(0x0F, 0x03, 0xD0, 0x0F, 0x94, 0xC6), selector},
    {"lsl dx, ax", BODY(0x66, 0x0F, 0x03, 0xD0), selector},
    {"verr ax / setz dl", BODY(0x0F, 0x00, 0xE0, 0x0F, 0x94, 0xC2), selector},
    {"verw [VALUES + ecx*4] / setz dl", BODY(0x0F, 0x00, 0x2C, 0x8D, 0x00, 0x00, 0x12, 0x00, 0x0F, 0x94, 0xC2), selector},
    {"div al / mov edx, eax", BODY(0xF6, 0xF0, 0x89, 0xC2), mixed},
    {"div byte [VALUES + ecx*4] / mov edx, eax", BODY(0xF6, 0x34, 0x8D, 0x00, 0x00, 0x12, 0x00, 0x89, 0xC2), mixed},
    {"idiv ah / mov edx, eax", BODY(0xF6, 0xFC, 0x89, 0xC2), mixed},
    {"cwd / idiv word [VALUES + ecx*4]", BODY(0x66, 0x99, 0x66, 0xF7, 0x3C, 0x8D, 0x00, 0x00, 0x12, 0x00), few},
    {"movzx edx, ax / div ax / shl edx, 16 / add edx, eax", BODY(0x0F, 0xB7, 0xD0, 0x66, 0xF7, 0xF0, 0xC1, 0xE2, 0x10, 0x01, 0xC2), mixed},
    {"cdq / idiv eax / push eax / pop edx", BODY(0x99, 0xF7, 0xF8, 0x50, 0x5A), few},
    {"mov edx, ecx / div dword [VALUES + ecx*4]", BODY(0x89, 0xCA, 0xF7, 0x34, 0x8D, 0x00, 0x00, 0x12, 0x00), few},
    {"mov dl, [eax]", BODY(0x8A, 0x10), place_in_device},
    {"mov dh, [eax+1]", BODY(0x8A, 0x70, 0x01), place_in_device},
    {"mov dx, [eax+2]", BODY(0x66, 0x8B, 0x50, 0x02), place_in_device},
    {"movsx edx, byte [eax+3]", BODY(0x0F, 0xBE, 0x50, 0x03), place_in_device},
    {"movsx edx, word [eax+2]", BODY(0x0F, 0xBF, 0x50, 0x02), place_in_device},
    {"movsx dx, byte [eax+3]", BODY(0x66, 0x0F, 0xBE, 0x50, 0x03), place_in_device},
    {"movzx edx, word [eax+2]", BODY(0x0F, 0xB7, 0x50, 0x02), place_in_device},
    {"add edx, [eax]", BODY(0x03, 0x10), place_in_device},
    {"mov [eax], edx", BODY(0x89, 0x10), place_in_device},
    {"mov [eax+1], ah", BODY(0x88, 0x60, 0x01), place_in_device},
    {"mov word [eax], 8765h", BODY(0x66, 0xC7, 0x00, 0x65, 0x87), place_in_device},
    {"mov esp, eax / push edx", BODY(0x89, 0xC4, 0x52), place_in_device},
    /* clang-format on */
};

/* --- The guest -------------------------------------------------------------------------------- */

struct setting {
    const struct test *test;
    bool user;
};

static uint64_t device_read(void *ctx, uint64_t offset, unsigned size)
{
    (void)ctx;
    uint64_t value = 0;
    for (unsigned n = 0; n < size; n++)
        value |= (mixed((uint32_t)(offset + n) + 1) >> 8 & 0xFF) << 8 * n;
    return value;
}

static void device_write(void *ctx, uint64_t offset, uint64_t value, unsigned size)
{
    struct machine *m = ctx;
    uint32_t at = LOG + ((uint32_t)offset & 0xFFC);
    put(m, at, get32(m, at) * 5 + (uint32_t)value + size, 4);
}

/*    mov ecx, ROUNDS
 * 1: mov esp, STACK_1
 *    mov edi, next
 *    mov eax, [VALUES + ecx*4]
 *    body
 * next:
 *    lea ebp, [ebp+ebp*2]
 *    add ebp, edx
 *    dec ecx
 *    jnz 1b
 *    int 80h                 */
static void put_loop(struct machine *m, const struct test *t)
{
    uint8_t start[] = {
        0xB9, ROUNDS & 0xFF, ROUNDS >> 8, 0,    0, 0xBC, 0,    0, 0x13, 0, 0xBF, 0, 0, 0,
        0,    0x8B,          0x04,        0x8D, 0, 0,    0x12, 0};
    uint8_t end[] = {0x8D, 0x6C, 0x6D, 0, 0x01, 0xD5, 0x49, 0x75, 0, 0xCD, 0x80};
    uint32_t next = CODE + sizeof start + t->len;
    store_le32(start + 11, next);
    end[8] = (uint8_t)(CODE + 5 - (next + 9));
    physmap_poke(m->pm, CODE, start, sizeof start);
    physmap_poke(m->pm, CODE + sizeof start, t->body, t->len);
    physmap_poke(m->pm, next, end, sizeof end);
}

/* inc dword [FAULTS + ..] / mov [esp], edi: go on there / iret; for those with an error code it is
 * popped first. #DB: no more single steps. */
static void put_handlers(struct machine *m)
{
    for (uint8_t v = 0; v < 17; v++) {
        uint8_t fault[] = {0xFF, 0x05, (uint8_t)(4 * v),           0x30, 0x12, 0,
                           0x83, 0xC4, v >= 10 && v <= 14 ? 4 : 0, 0x89, 0x3C, 0x24,
                           0xCF};
        static const uint8_t trap[] = {0xFF, 0x05, 4,    0x30, 0x12, 0,
                                       0x80, 0x64, 0x24, 0x09, 0xFE, 0xCF};
        physmap_poke(m->pm, 0x5000 + 16u * v, v == 1 ? trap : fault,
                     v == 1 ? sizeof trap : sizeof fault);
    }
}

/* Each third descriptor lacks the accessed bit, which is set when it is loaded; LDT as the GDT. */
static void put_descriptors(struct machine *m)
{
    for (uint32_t n = 0x80; n < GDT_SIZE; n += 8) {
        static const uint8_t access[] = {0x93, 0xF3, 0xF2, 0x92, 0xFA, 0x73, 0x9B, 0xF0,
                                         0xF7, 0xB3, 0xF8, 0x97, 0x00, 0x89, 0xF1, 0xFE};
        put_segment(m, GDT + n, n << 4, 0xFFFFF - n, access[n / 8 % 16], n & 16 ? 0xC : 4);
    }
    m->c->gdtr.limit = GDT_SIZE - 4; /* the last one is cut short */
    memcpy(m->ram + LDT, m->ram + GDT + 0x80, 0x80);
    m->c->ldtr = (struct segment){.selector = SEL_LDT, .attr = 0x82, .limit = 0x7F, .base = LDT};
}

static void prepare(struct machine *m, const void *ctx)
{
    static const struct mmio_ops ops = {.read = device_read, .write = device_write};
    const struct setting *s = ctx;
    put_loop(m, s->test);
    put_handlers(m);
    put_descriptors(m);
    for (uint32_t n = 1; n <= ROUNDS; n++)
        put(m, VALUES + 4 * n, s->test->value(n), 4);
    put_gate(m, IDT + 8 * 0x80, CODE0, 0x5800, 0xEE, 0); /* to a HLT */
    physmap_map_mmio(m->pm, DEVICE, 0x1000, &ops, m);
    if (s->user)
        machine_to_flat_user(m);
    m->c->cr4 |= CR4_TSD;
    m->c->sysenter_cs = s->test->body[6] == 0x35 ? CODE0 : 0; /* SYSEXIT has where to go */
    m->c->reg[ESI].d = VALUES;
    m->c->reg[EDX].d = 0x12345678;
}

static void check(const struct test *test, bool user)
{
    const struct setting s = {.test = test, .user = user};
    const struct guest g = {.prepare = prepare, .ctx = &s};
    for (unsigned n = 0; n < GUEST_FORMS; n++)
        guest_compare_form(&g, guest_forms[n]);
}

START_TEST(as_the_interpreter_does_it)
{
    if (tests[_i].who != PROGRAM)
        check(&tests[_i], false);
}
END_TEST

START_TEST(as_the_interpreter_does_it_for_a_program)
{
    if (tests[_i].who != KERNEL)
        check(&tests[_i], true);
}
END_TEST

int main(void)
{
    if (!engine_find("translate")) {
        printf("SKIP: no translator for this host\n");
        return 77;
    }
    Suite *suite = suite_create("narrow");
    TCase *tcase = tcase_create("narrow");
    tcase_set_timeout(tcase, TEST_HANGS_SECONDS);
    tcase_add_loop_test(tcase, as_the_interpreter_does_it, 0, ARRAY_LEN(tests));
    tcase_add_loop_test(tcase, as_the_interpreter_does_it_for_a_program, 0, ARRAY_LEN(tests));
    suite_add_tcase(suite, tcase);
    return suite_status(suite);
}
