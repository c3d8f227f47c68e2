/* Instructions whose own unit of host code goes while they run: because they write over themselves,
 * or because the page tables that they need are code of theirs, and the walk marks an entry. They
 * go on as they were; what follows is what is there then. The interpreter says what is right. */
#include "tests/translator/guest.h"

#define HOLE 0x800000 /* beyond memory */

/* --- Repeated stores over the instruction itself ---------------------------------------------- */

#define PAGE   0x101000
#define SOURCE 0x120000
#define FILL   0x42 /* inc edx */

enum strange { SOURCE_IS, DESTINATION_IS };

struct run {
    uint8_t insn[3], bytes;
    uint8_t size;
    bool moves;
};

static const struct run runs[] = {
    {{0xF3, 0xA4}, 2, 1, true},        /* rep movsb */
    {{0x66, 0xF3, 0xA5}, 3, 2, true},  /* rep movsw */
    {{0xF3, 0xA5}, 2, 4, true},        /* rep movsd */
    {{0xF3, 0xAA}, 2, 1, false},       /* rep stosb */
    {{0x66, 0xF3, 0xAB}, 3, 2, false}, /* rep stosw */
    {{0xF3, 0xAB}, 2, 4, false},       /* rep stosd */
};

/* Where it stands before the end of PAGE, and where that is, less this, it writes first; and how
 * many bytes. */
struct over {
    const struct run *run;
    enum strange page;
    uint32_t at, before, bytes;
};

static void put_bytes(struct machine *m, uint32_t *at, const uint8_t *code, size_t bytes)
{
    physmap_poke(m->pm, *at, code, bytes);
    *at += (uint32_t)bytes;
}

/*    mov al, [SOURCE]         unless the TLB is not to know that page
 *    mov [PAGE], al           the same
 *    jmp there
 * there, shortly before the end of the page before PAGE:
 *    mov al, [SOURCE - 1]
 *    mov [PAGE - 1000h], al   the TLB knows it as one with code
 *    mov esi, SOURCE ..   mov edi, itself ..   mov ecx, ..   mov eax, FILL
 *    the string instruction
 * and HLT behind what it writes */
static void prepare_over(struct machine *m, const void *ctx)
{
    static const uint8_t load[] = {0xA0, 0x00, 0x00, 0x12, 0},
                         store[] = {0xA2, 0x00, 0x10, 0x10, 0};
    const struct over *o = ctx;
    uint32_t at = PAGE - o->at, to = at - o->before, first = CODE;
    uint8_t jump[] = {0xE9, 0, 0, 0, 0};
    uint8_t start[] = {
        0xA0, 0xFF, 0xFF, 0x11, 0, 0xA2, 0x00, 0x00, 0x10, 0, 0xBE, 0,    0,    0,    0,
        0xBF, 0,    0,    0,    0, 0xB9, 0,    0,    0,    0, 0xB8, FILL, FILL, FILL, FILL,
    };
    store_le32(start + 11, o->page == SOURCE_IS ? SOURCE - o->bytes / 2 % 32 : SOURCE);
    store_le32(start + 16, to);
    store_le32(start + 21, o->bytes / o->run->size);
    memset(m->ram + SOURCE - 0x1000, FILL, 0x4000);
    memset(m->ram + PAGE, 0xF4, 0x2000);
    physmap_poke(m->pm, to + o->bytes, "\xF4", 1);
    physmap_poke(m->pm, at - sizeof start, start, sizeof start);
    physmap_poke(m->pm, at, "\x90\x90\x90\x90\x90\x90\x90\x90", o->at);
    physmap_poke(m->pm, at, o->run->insn, o->run->bytes);
    if (o->page != SOURCE_IS)
        put_bytes(m, &first, load, sizeof load);
    if (o->page != DESTINATION_IS)
        put_bytes(m, &first, store, sizeof store);
    store_le32(jump + 1, at - sizeof start - (first + sizeof jump));
    physmap_poke(m->pm, first, jump, sizeof jump);
}

static void compare_over(const struct over *o)
{
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        const struct guest g = {.prepare = prepare_over, .ctx = o};
        struct outcome is = guest_compare_form(&g, guest_forms[n]);
        /* A round leaves off at 4096 elements: then what was written is run. */
        if (o->bytes / o->run->size <= REP_ROUND)
            ck_assert_uint_eq(is.reg[ECX], 0);
    }
}

START_TEST(over_itself)
{
    static const uint32_t before[] = {0, 1, 4}, bytes[] = {0x40, 0x1200};
    for (unsigned page = SOURCE_IS; page <= DESTINATION_IS; page++) {
        for (uint32_t at = 3; at < 9; at += 5) {
            for (unsigned b = 0; b < ARRAY_LEN(before); b++) {
                for (unsigned n = 0; n < ARRAY_LEN(bytes); n++)
                    compare_over(
                        &(struct over){&runs[_i], (enum strange)page, at, before[b], bytes[n]});
            }
        }
    }
}
END_TEST

/* --- Bits of what follows ----------------------------------------------------------------------
 *
 *    mov ecx, 200
 * 1: btc [eax], edx       INC EBX becomes DEC EBX, and INC again
 *    inc ebx
 *    add ebp, ebx / dec ecx / jnz 1b / hlt */

struct bits {
    uint8_t bytes, insn[6];
    uint32_t edx;
};

static void prepare_bits(struct machine *m, const void *ctx)
{
    const struct bits *b = ctx;
    uint32_t victim = CODE + 5 + b->bytes;
    const uint8_t start[] = {0xB9, 200, 0, 0, 0};
    const uint8_t end[] = {0x43, 0x01, 0xDD, 0x49, 0x75, (uint8_t) - (b->bytes + 6), 0xF4};
    physmap_poke(m->pm, CODE, start, sizeof start);
    physmap_poke(m->pm, CODE + 5, b->insn, b->bytes);
    physmap_poke(m->pm, victim, end, sizeof end);
    m->c->reg[EAX].d = victim - 0x40;
    m->c->reg[EDX].d = b->edx;
}

START_TEST(bits_of_what_follows)
{
    static const struct bits bits[] = {{3, {0x0F, 0xBB, 0x10}, 0x40 * 8 + 3},
                                       {4, {0x66, 0x0F, 0xBB, 0x10}, 0x40 * 8 + 3},
                                       {4, {0x0F, 0xBB, 0x50, 0x40}, 3},
                                       {5, {0xF0, 0x0F, 0xBB, 0x50, 0x40}, 3}};
    for (unsigned n = 0; n < ARRAY_LEN(bits) * GUEST_FORMS; n++) {
        const struct guest g = {.prepare = prepare_bits, .ctx = &bits[n / GUEST_FORMS]};
        ck_assert_uint_eq(guest_compare_form(&g, guest_forms[n % GUEST_FORMS]).reg[ECX], 0);
    }
}
END_TEST

/* --- A constant of a unit's second block -------------------------------------------------------
 *
 *    mov ecx, 200
 * 1: add ebx, 1000h / test ecx, ecx / jz 2f
 *    add ebp, 0              the constant that grows: it stands where 1000h does in its block
 *    inc dword [..] / dec ecx / jnz 1b
 * 2: hlt */

START_TEST(a_constant_behind_a_branch)
{
    enum { CONSTANT = CODE + 17 };
    const struct guest g = {GUEST_CODE(
        0xB9, 200, 0, 0, 0, 0x81, 0xC3, 0, 0x10, 0, 0, 0x85, 0xC9, 0x74, 15, 0x81, 0xC5, 0, 0, 0, 0,
        0xFF, 0x05, CONSTANT & 0xFF, CONSTANT >> 8, 0, 0, 0x49, 0x75, 0xE7, 0xF4)};
    for (unsigned n = 0; n < GUEST_FORMS; n++)
        ck_assert_uint_eq(guest_compare_form(&g, guest_forms[n]).reg[EBP], 199 * 200 / 2);
}
END_TEST

/* The last byte of a constant, as it is, and the opcode behind it: INC EBX, DEC EBX.
 *
 *    mov ecx, 200
 * 1: xor word [..], 800h / add ebp, 1 / inc ebx / add edx, ebx / dec ecx / jnz 1b / hlt */
START_TEST(a_constant_and_what_follows)
{
    enum { LAST_BYTE = CODE + 19 };
    const struct guest g = {GUEST_CODE(0xB9, 200, 0, 0, 0, 0x66, 0x81, 0x35, LAST_BYTE & 0xFF,
                                       LAST_BYTE >> 8, 0, 0, 0, 8, 0x81, 0xC5, 1, 0, 0, 0, 0x43,
                                       0x01, 0xDA, 0x49, 0x75, 0xEB, 0xF4)};
    for (unsigned n = 0; n < GUEST_FORMS; n++)
        ck_assert_uint_eq(guest_compare_form(&g, guest_forms[n]).reg[EDX], (uint32_t)-100);
}
END_TEST

/*    mov ecx, 200
 * 1: xor byte [..], 4 / add ebp, [CODE], or [CODE + 4] / dec ecx / jnz 1b / hlt */
START_TEST(an_address_that_changes)
{
    enum { ADDRESS = CODE + 14 };
    const struct guest g = {GUEST_CODE(0xB9, 200, 0, 0, 0, 0x80, 0x35, ADDRESS & 0xFF, ADDRESS >> 8,
                                       0, 0, 4, 0x03, 0x2D, CODE & 0xFF, CODE >> 8, 0, 0, 0x49,
                                       0x75, 0xF0, 0xF4)};
    for (unsigned n = 0; n < GUEST_FORMS; n++)
        ck_assert_uint_eq(guest_compare_form(&g, guest_forms[n]).reg[EBP],
                          (uint32_t)(100 * (UINT64_C(0xC8B9) + 0x0E358000)));
}
END_TEST

/* --- Page tables that are code ----------------------------------------------------------------
 *
 * The entry for the page that an instruction accesses is the displacement of the LEA behind it:
 *
 *      TABLE + BFCh: .. 89 07 8D 1D | 07 00 30 00 | F4        mov [edi], eax / lea ebx, [300007h]
 *                                     `- becomes 67                                              */

#define ROOT   0x100000
#define TABLE  0x101000
#define VICTIM 0x300 /* page */
#define ENTRY  (TABLE + VICTIM * 4)

struct access {
    uint8_t code[8], bytes;
};

#define ACCESS(...)                                     \
    {                                                   \
        {__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}) \
    }

static const struct access accesses[] = {
    ACCESS(0x89, 0x07),                /* mov [edi], eax */
    ACCESS(0x8B, 0x07),                /* mov eax, [edi] */
    ACCESS(0xC6, 0x07, 0x05),          /* mov byte [edi], 5 */
    ACCESS(0x01, 0x07),                /* add [edi], eax */
    ACCESS(0x33, 0x07),                /* xor eax, [edi] */
    ACCESS(0x87, 0x07),                /* xchg [edi], eax */
    ACCESS(0xFF, 0x07),                /* inc dword [edi] */
    ACCESS(0xFF, 0x37),                /* push dword [edi] */
    ACCESS(0x8F, 0x07),                /* pop dword [edi] */
    ACCESS(0x0F, 0xAB, 0x0F),          /* bts [edi], ecx */
    ACCESS(0x0F, 0xB1, 0x0F),          /* cmpxchg [edi], ecx */
    ACCESS(0x0F, 0xC7, 0x0F),          /* cmpxchg8b [edi] */
    ACCESS(0xAA),                      /* stosb */
    ACCESS(0xA5),                      /* movsd */
    ACCESS(0xA6),                      /* cmpsb */
    ACCESS(0xF3, 0xAB),                /* rep stosd */
    ACCESS(0xF3, 0xA4),                /* rep movsb */
    ACCESS(0xF3, 0xA6),                /* repe cmpsb */
    ACCESS(0xDD, 0x17),                /* fst qword [edi] */
    ACCESS(0xDD, 0x37),                /* fnsave [edi] */
    ACCESS(0xDD, 0x27),                /* frstor [edi] */
    ACCESS(0xD9, 0x37),                /* fnstenv [edi] */
    ACCESS(0x0F, 0x11, 0x07),          /* movups [edi], xmm0 */
    ACCESS(0x0F, 0x28, 0x07),          /* movaps xmm0, [edi] */
    ACCESS(0x0F, 0x01, 0x07),          /* sgdt [edi] */
    ACCESS(0x0F, 0xB2, 0x27),          /* lss esp, [edi] */
    ACCESS(0xF7, 0x37),                /* div dword [edi] */
    ACCESS(0x89, 0xFC, 0x60),          /* mov esp, edi / pusha */
    ACCESS(0x89, 0xFC, 0x61),          /* mov esp, edi / popa */
    ACCESS(0x89, 0xFC, 0x50, 0x58),    /* mov esp, edi / push eax / pop eax */
    ACCESS(0x89, 0xFC, 0x9C),          /* mov esp, edi / pushf */
    ACCESS(0x89, 0xFC, 0xC8, 8, 0, 1), /* mov esp, edi / enter 8, 1 */
    ACCESS(0x62, 0x07),                /* bound eax, [edi] */
    ACCESS(0xE4, 0x40),                /* in al, 40h */
};

enum what { MEMORY, DEVICE, WITH_CODE, READ_ONLY_PAGE, WHAT };

struct marked {
    const struct access *access;
    enum what what;
    bool user;
    bool denied; /* ports: the TSS lies in the page */
};

static void put_tables(struct machine *m, uint32_t entry)
{
    put(m, ROOT, TABLE | 0x67, 4);
    for (uint32_t page = 0; page < 1024; page++)
        put(m, TABLE + page * 4, page << 12 | 0x67, 4);
    put(m, ENTRY, entry, 4);
}

static void prepare_marked(struct machine *m, const void *ctx)
{
    const struct marked *k = ctx;
    struct vcpu *c = m->c;
    static const uint32_t entries[WHAT] = {VICTIM << 12 | 7, HOLE | 7, CODE | 7, VICTIM << 12 | 5};
    static const uint8_t turn_on[] = {0x0F, 0x22, 0xD8, 0x89, 0xC8, 0x0F, 0x22, 0xC0, 0xFF, 0xE2};
    const uint8_t lea[] = {0x8D, 0x1D};
    uint32_t code = ENTRY - 2 - k->access->bytes;
    put_tables(m, entries[k->what]);
    physmap_poke(m->pm, code, k->access->code, k->access->bytes);
    physmap_poke(m->pm, ENTRY - 2, lea, sizeof lea);
    physmap_poke(m->pm, ENTRY + 4, "\xF4\xF4\xF4\xF4", 4);
    /* mov cr3, eax / mov eax, ecx / mov cr0, eax / jmp edx */
    physmap_poke(m->pm, CODE, turn_on, sizeof turn_on);
    c->cr4 |= CR4_OSFXSR;
    c->x87.control = 0x37F;
    c->x87.tag_empty = 0xFF;
    c->reg[EAX].d = ROOT;
    c->reg[ECX].d = CR0_PE | CR0_PG | CR0_WP | CR0_NE;
    c->reg[EDX].d = code;
    c->reg[EDI].d = (VICTIM << 12) + 0x800;
    c->reg[ESI].d = 0x120000;
    c->reg[ESP].d = 0x120000;
    if (k->user) { /* paging is on; HLT is #GP, which ends in its handler */
        machine_to_flat_user(m);
        MUST_NOT_FAULT(m, control_write_cr3(c, ROOT));
        MUST_NOT_FAULT(m, control_write_cr0(c, c->reg[ECX].d));
        c->eip = code;
        c->reg[ESP].d = 0x120000;
    }
    if (k->denied) /* with its bitmap at 0: all bits are set */
        c->tr.base = VICTIM << 12;
    memset(m->ram + (VICTIM << 12), k->denied ? 0xFF : 0, 0x1000);
    if (k->denied) {
        put(m, (VICTIM << 12) + 4, STACK, 4);
        put(m, (VICTIM << 12) + 8, DATA0, 4);
        put(m, (VICTIM << 12) + 0x66, 0x68, 2);
    }
}

/* Some end in a shutdown: the stack's page is read-only. */
static void compare_marked(const struct marked *k)
{
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        const struct guest g = {.prepare = prepare_marked, .ctx = k, .insns = 200};
        guest_compare_form(&g, guest_forms[n]);
    }
}

START_TEST(its_page_table_is_its_code)
{
    for (unsigned what = 0; what < WHAT; what++) {
        for (unsigned user = 0; user < (what < WITH_CODE ? 2 : 1); user++)
            compare_marked(&(struct marked){&accesses[_i], (enum what)what, user, false});
    }
}
END_TEST

START_TEST(the_bitmap_of_ports_is_in_such_a_page)
{
    static const struct access in = ACCESS(0xE4, 0x40), out = ACCESS(0xEE);
    compare_marked(&(struct marked){&in, MEMORY, true, true});
    compare_marked(&(struct marked){&out, MEMORY, true, true});
}
END_TEST

int main(void)
{
    if (!engine_find("translate")) {
        printf("SKIP: no translator for this host\n");
        return 77;
    }
    Suite *suite = suite_create("own_unit");
    TCase *tcase = tcase_create("own_unit");
    tcase_set_timeout(tcase, TEST_HANGS_SECONDS);
    tcase_add_loop_test(tcase, over_itself, 0, ARRAY_LEN(runs));
    tcase_add_test(tcase, bits_of_what_follows);
    tcase_add_test(tcase, a_constant_behind_a_branch);
    tcase_add_test(tcase, a_constant_and_what_follows);
    tcase_add_test(tcase, an_address_that_changes);
    tcase_add_loop_test(tcase, its_page_table_is_its_code, 0, ARRAY_LEN(accesses));
    tcase_add_test(tcase, the_bitmap_of_ports_is_in_such_a_page);
    suite_add_tcase(suite, tcase);
    return suite_status(suite);
}
