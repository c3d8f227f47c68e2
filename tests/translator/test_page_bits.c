/* What host code leaves in the guest's page tables: each instruction that writes meets a page that
 * nobody has used, which is read-only, absent or writable. The interpreter says which accessed and
 * dirty bits are set then. */
#include "tests/translator/guest.h"

#include "tests/descriptors.h"

#define ROOT     0x100000
#define TABLES   0x101000 /* two: 8 MiB */
#define HANDLER  0x110000
#define IDT_AT   0x111000
#define GDT_AT   0x112000
#define STACK_AT 0x120000
#define FRESH    0x400000 /* a page for each instruction */

/* At [edi]. */
static const struct form {
    uint8_t code[8];
    uint8_t bytes;
} forms[] = {
#define FORM(...)                                       \
    {                                                   \
        {__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}) \
    }
    FORM(0x01, 0x07),             /* add [edi], eax */
    FORM(0x10, 0x07),             /* adc [edi], al */
    FORM(0x80, 0x2F, 0x05),       /* sub byte [edi], 5 */
    FORM(0x66, 0x81, 0x37, 1, 2), /* xor word [edi], 201h */
    FORM(0xF0, 0x09, 0x07),       /* lock or [edi], eax */
    FORM(0x87, 0x07),             /* xchg [edi], eax */
    FORM(0x66, 0x87, 0x07),       /* xchg [edi], ax */
    FORM(0x87, 0x27),             /* xchg [edi], esp */
    FORM(0x86, 0x07),             /* xchg [edi], al */
    FORM(0x86, 0x27),             /* xchg [edi], ah */
    FORM(0xF7, 0x17),             /* not dword [edi] */
    FORM(0xF6, 0x1F),             /* neg byte [edi] */
    FORM(0xFF, 0x07),             /* inc dword [edi] */
    FORM(0xFE, 0x0F),             /* dec byte [edi] */
    FORM(0xC1, 0x27, 0x03),       /* shl dword [edi], 3 */
    FORM(0xD3, 0x1F),             /* shr dword [edi], cl */
    FORM(0xD1, 0x17),             /* rcl dword [edi], 1 */
    FORM(0x0F, 0xA4, 0x07, 0x03), /* shld [edi], eax, 3 */
    FORM(0x0F, 0xB1, 0x07),       /* cmpxchg [edi], eax */
    FORM(0x0F, 0xB0, 0x0F),       /* cmpxchg [edi], cl */
    FORM(0x0F, 0xC1, 0x07),       /* xadd [edi], eax */
    FORM(0x0F, 0xC0, 0x27),       /* xadd [edi], ah */
    FORM(0x0F, 0xAB, 0x0F),       /* bts [edi], ecx */
    FORM(0x0F, 0xBA, 0x37, 0x05), /* btr dword [edi], 5 */
    FORM(0x0F, 0xC7, 0x0F),       /* cmpxchg8b [edi] */
    FORM(0x89, 0x07),             /* mov [edi], eax */
    FORM(0x88, 0x27),             /* mov [edi], ah */
    FORM(0xC7, 0x07, 1, 2, 3, 4), /* mov dword [edi], 4030201h */
    FORM(0x8C, 0x1F),             /* mov [edi], ds */
    FORM(0x0F, 0x94, 0x07),       /* sete [edi] */
    FORM(0x8F, 0x07),             /* pop dword [edi] */
    FORM(0xAA),                   /* stosb */
    FORM(0xA5),                   /* movsd */
    FORM(0xF3, 0xAB),             /* rep stosd */
    FORM(0xF3, 0xA4),             /* rep movsb */
    FORM(0xDD, 0x17),             /* fst qword [edi] */
    FORM(0xDB, 0x3F),             /* fstp tbyte [edi] */
    FORM(0xD9, 0x3F),             /* fnstcw [edi] */
    FORM(0xDD, 0x37),             /* fnsave [edi] */
    FORM(0x0F, 0x11, 0x07),       /* movups [edi], xmm0 */
    FORM(0x0F, 0x7F, 0x07),       /* movq [edi], mm0 */
    FORM(0x0F, 0xAE, 0x1F),       /* stmxcsr [edi] */
    FORM(0x0F, 0x01, 0x07),       /* sgdt [edi] */
    FORM(0x8B, 0x07),             /* mov eax, [edi] */
    FORM(0x39, 0x07),             /* cmp [edi], eax */
    FORM(0x0F, 0xA3, 0x0F),       /* bt [edi], ecx */
};

struct trial {
    uint32_t rights; /* of the pages */
    unsigned form;
};

/* The fault's handler: pop eax (the error code) / mov [esp], ebp / iret */
static const uint8_t handler[] = {0x58, 0x89, 0x2C, 0x24, 0xCF};

static void prepare(struct machine *m, const void *ctx)
{
    const struct trial *trial = ctx;
    struct vcpu *c = m->c;
    for (uint32_t n = 0; n < 2; n++)
        put(m, ROOT + n * 4, (TABLES + n * 0x1000) | 7, 4);
    for (uint32_t page = 0; page < FRESH >> 12; page++)
        put(m, TABLES + page * 4, page << 12 | 7, 4);
    put(m, TABLES + (FRESH >> 12) * 4, 0x130000 | trial->rights, 4);
    physmap_poke(m->pm, HANDLER, handler, sizeof handler);
    const uint64_t gate = A_GATE(8u, HANDLER, 0x8E), flat[] = {0, FLAT_CODE(0u), FLAT_DATA(0u)};
    physmap_poke(m->pm, IDT_AT + VEC_PF * 8, &gate, sizeof gate);
    physmap_poke(m->pm, GDT_AT, flat, sizeof flat);
    c->gdtr = (struct descriptor_table){.base = GDT_AT, .limit = sizeof flat - 1};
    c->idtr = (struct descriptor_table){.base = IDT_AT, .limit = 0x7FF};
    c->seg[SEG_CS].selector = 8;
    c->cr4 |= CR4_OSFXSR;
    /* mov cr3, ebx / mov eax, cr0 / or eax, 80010000h / mov cr0, eax; the form; mov esp, STACK_AT;
     * hlt, where EBP leads after a fault. */
    const struct form *f = &forms[trial->form];
    uint8_t code[32] = {0x0F, 0x22, 0xDB, 0x0F, 0x20, 0xC0, 0x0D, 0, 0, 1, 0x80, 0x0F, 0x22, 0xC0};
    memcpy(code + 14, f->code, f->bytes);
    const uint8_t end[] = {0xBC, 0, 0, STACK_AT >> 16, 0, 0xF4};
    memcpy(code + 14 + f->bytes, end, sizeof end);
    physmap_poke(m->pm, CODE, code, sizeof code);
    c->reg[ESP].d = STACK_AT;
    c->reg[EBX].d = ROOT;
    c->reg[ECX].d = 4;
    c->reg[ESI].d = STACK_AT;
    c->reg[EDI].d = FRESH;
    c->reg[EBP].d = CODE + 14 + f->bytes;
}

static void compare(uint32_t rights)
{
    for (unsigned n = 0; n < GUEST_FORMS; n++) {
        for (unsigned form = 0; form < ARRAY_LEN(forms); form++) {
            const struct trial trial = {.rights = rights, .form = form};
            const struct guest g = {.prepare = prepare, .ctx = &trial};
            struct outcome want = guest_run(&g, "interp", SHADOW_AUTO);
            struct outcome is = guest_run(&g, "translate", guest_forms[n]);
            ck_assert_msg(is.memory == want.memory, "form %u: %02x %02x %02x (shadow %d)", form,
                          forms[form].code[0], forms[form].code[1], forms[form].code[2],
                          (int)guest_forms[n]);
            ck_assert_uint_eq(is.eip, want.eip);
            ck_assert_uint_eq(is.insns, want.insns);
        }
    }
}

START_TEST(of_a_page_that_is_read_only)
{
    compare(5);
}
END_TEST

START_TEST(of_a_page_that_is_absent)
{
    compare(6);
}
END_TEST

START_TEST(of_a_page_that_is_writable)
{
    compare(7);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {of_a_page_that_is_read_only, of_a_page_that_is_absent,
                                  of_a_page_that_is_writable};
    return run_translator_tests("page_bits", tests, ARRAY_LEN(tests));
}
