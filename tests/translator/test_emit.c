/* The host code of some guest instruction forms, compared with tests/translator/emit/window.txt and
 * soft.txt, so that a change in code quality shows up in review. Each form is emitted as a unit of
 * its own; what every unit has alike (entry, poll, exits) is shown for the first form alone.
 * UMBRA_EXPECT_WRITE=1 writes the files anew.
 *
 * Addresses are given as names: fields of the vCPU, stubs, L1.. within the unit, "link EIP" for a
 * jump to be linked. The sites in r11d are those of unit 0. Numbers are as Capstone has them. */
#include <stdio.h>
#include <stdlib.h>

#if !defined(UMBRA_HAVE_CAPSTONE) || !defined(__x86_64__)

int main(void)
{
    puts("SKIP: this build has no Capstone, or this host no translator");
    return 77;
}

#else
#include <capstone.h>

#include "cpu/block.h"
#include "cpu/decode.h"
#include "tests/cpu/harness.h"
#include "translator/translator.h"

#define EIP         0x1800
#define SEGMENTS(c) ((c)*UINT32_C(0x555)) /* all six of one class */
#define FLAT32 \
    (KEY_CODE32 | KEY_STACK32 | KEY_CODE_FLAT | KEY_FPU | SEGMENTS(3u) << KEY_SEG_SHIFT(0))
#define REAL16     (KEY_FPU | SEGMENTS(1u) << KEY_SEG_SHIFT(0))
#define CODE8086   (REAL16 | KEY_8086)
#define FS_BASED   (FLAT32 ^ 1u << KEY_SEG_SHIFT(SEG_FS)) /* SEGMENT_WIDE */
#define FS_CHECKED (FLAT32 ^ 3u << KEY_SEG_SHIFT(SEG_FS)) /* SEGMENT_CHECK */

_Static_assert(SEGMENT_CHECK == 0 && SEGMENT_64K == 1 && SEGMENT_WIDE == 2 && SEGMENT_FLAT == 3,
               "the keys above");

struct form {
    const char *name; /* numbers are hexadecimal */
    uint32_t key;
    uint8_t len;
    uint8_t bytes[8];
};

static const struct form forms[] = {
    {"nop", FLAT32, 1, {0x90}},
    {"mov eax, ecx", FLAT32, 2, {0x89, 0xC8}},
    {"mov esp, eax", FLAT32, 2, {0x89, 0xC4}},
    {"mov eax, 1234", FLAT32, 5, {0xB8, 0x34, 0x12, 0x00, 0x00}},
    {"mov ax, 1234", FLAT32, 4, {0x66, 0xB8, 0x34, 0x12}},
    {"mov ah, 12", FLAT32, 2, {0xB4, 0x12}},
    {"mov eax, [ebx+4]", FLAT32, 3, {0x8B, 0x43, 0x04}},
    {"mov [ebx+ecx*4-8], eax", FLAT32, 4, {0x89, 0x44, 0x8B, 0xF8}},
    {"mov ax, [ebx]", FLAT32, 3, {0x66, 0x8B, 0x03}},
    {"mov al, [esp+4]", FLAT32, 4, {0x8A, 0x44, 0x24, 0x04}},
    {"mov ah, [ebx]", FLAT32, 2, {0x8A, 0x23}},
    {"mov ah, [esp+4]", FLAT32, 4, {0x8A, 0x64, 0x24, 0x04}},
    {"mov [esp], bh", FLAT32, 3, {0x88, 0x3C, 0x24}},
    {"mov eax, [12345678]", FLAT32, 5, {0xA1, 0x78, 0x56, 0x34, 0x12}},
    {"mov byte [ebx], 5", FLAT32, 3, {0xC6, 0x03, 0x05}},
    {"mov dword [ebp-4], 5", FLAT32, 7, {0xC7, 0x45, 0xFC, 0x05, 0x00, 0x00, 0x00}},
    {"mov eax, [bx+si] (67)", FLAT32, 3, {0x67, 0x8B, 0x00}},
    {"mov eax, fs:[18]", FLAT32, 6, {0x64, 0xA1, 0x18, 0x00, 0x00, 0x00}},
    {"mov eax, fs:[18], FS with a base", FS_BASED, 6, {0x64, 0xA1, 0x18, 0x00, 0x00, 0x00}},
    {"mov eax, fs:[18], FS with a limit", FS_CHECKED, 6, {0x64, 0xA1, 0x18, 0x00, 0x00, 0x00}},
    {"mov fs:[ebx], ax, FS with a limit", FS_CHECKED, 4, {0x64, 0x66, 0x89, 0x03}},
    {"movzx esp, ah", FLAT32, 3, {0x0F, 0xB6, 0xE4}},
    {"movzx eax, byte [ebx]", FLAT32, 3, {0x0F, 0xB6, 0x03}},
    {"movsx ecx, word [esi]", FLAT32, 3, {0x0F, 0xBF, 0x0E}},
    {"lea eax, [ebx+ecx*2+7]", FLAT32, 4, {0x8D, 0x44, 0x4B, 0x07}},
    {"lea ax, [ebx+7]", FLAT32, 4, {0x66, 0x8D, 0x43, 0x07}},
    {"lea esp, [esp-16]", FLAT32, 4, {0x8D, 0x64, 0x24, 0xF0}},
    {"xlat", FLAT32, 1, {0xD7}},
    {"bswap eax", FLAT32, 2, {0x0F, 0xC8}},
    {"bswap esp", FLAT32, 2, {0x0F, 0xCC}},
    {"xchg eax, esp", FLAT32, 1, {0x94}},
    {"xchg [ebx], eax", FLAT32, 2, {0x87, 0x03}},
    {"xchg [esp], dh", FLAT32, 3, {0x86, 0x34, 0x24}},
    {"push eax", FLAT32, 1, {0x50}},
    {"push esp", FLAT32, 1, {0x54}},
    {"push ax", FLAT32, 2, {0x66, 0x50}},
    {"push 5", FLAT32, 2, {0x6A, 0x05}},
    {"push dword [ebx]", FLAT32, 2, {0xFF, 0x33}},
    {"push ds", FLAT32, 1, {0x1E}},
    {"pop eax", FLAT32, 1, {0x58}},
    {"pop esp", FLAT32, 1, {0x5C}},
    {"pop dword [ebx]", FLAT32, 2, {0x8F, 0x03}},
    {"leave", FLAT32, 1, {0xC9}},
    {"enter 8, 0", FLAT32, 4, {0xC8, 0x08, 0x00, 0x00}},
    {"pushad", FLAT32, 1, {0x60}},
    {"pushfd", FLAT32, 1, {0x9C}},
    {"popfd", FLAT32, 1, {0x9D}},
    {"add eax, ebx", FLAT32, 2, {0x01, 0xD8}},
    {"add [ebx], eax", FLAT32, 2, {0x01, 0x03}},
    {"add ch, [esp]", FLAT32, 3, {0x02, 0x2C, 0x24}},
    {"adc eax, 1234", FLAT32, 5, {0x15, 0x34, 0x12, 0x00, 0x00}},
    {"sub esp, 16", FLAT32, 3, {0x83, 0xEC, 0x10}},
    {"cmp [ebx], ah", FLAT32, 2, {0x38, 0x23}},
    {"cmp bh, [esp]", FLAT32, 3, {0x3A, 0x3C, 0x24}},
    {"test eax, eax", FLAT32, 2, {0x85, 0xC0}},
    {"inc esp", FLAT32, 1, {0x44}},
    {"dec word [ebx]", FLAT32, 3, {0x66, 0xFF, 0x0B}},
    {"lock inc dword [ebx]", FLAT32, 3, {0xF0, 0xFF, 0x03}},
    {"lock xadd [ebx], eax", FLAT32, 4, {0xF0, 0x0F, 0xC1, 0x03}},
    {"xadd [esp], ah", FLAT32, 4, {0x0F, 0xC0, 0x24, 0x24}},
    {"lock cmpxchg [ebx], ecx", FLAT32, 4, {0xF0, 0x0F, 0xB1, 0x0B}},
    {"lock cmpxchg8b [ebx]", FLAT32, 4, {0xF0, 0x0F, 0xC7, 0x0B}},
    {"neg dword [ebx]", FLAT32, 2, {0xF7, 0x1B}},
    {"shl eax, 4", FLAT32, 3, {0xC1, 0xE0, 0x04}},
    {"sal eax, 4 (/6)", FLAT32, 3, {0xC1, 0xF0, 0x04}},
    {"shr dword [ebx], cl", FLAT32, 2, {0xD3, 0x2B}},
    {"rcl ah, 1", FLAT32, 2, {0xD0, 0xD4}},
    {"shld [ebx], eax, 4", FLAT32, 4, {0x0F, 0xA4, 0x03, 0x04}},
    {"imul eax, [ebx], 5", FLAT32, 3, {0x6B, 0x03, 0x05}},
    {"mul dword [ebx]", FLAT32, 2, {0xF7, 0x23}},
    {"div ecx", FLAT32, 2, {0xF7, 0xF1}},
    {"bt eax, ecx", FLAT32, 3, {0x0F, 0xA3, 0xC8}},
    {"bt [ebx], ecx", FLAT32, 3, {0x0F, 0xA3, 0x0B}},
    {"bts dword [ebx], 3", FLAT32, 4, {0x0F, 0xBA, 0x2B, 0x03}},
    {"bsf eax, [ebx]", FLAT32, 3, {0x0F, 0xBC, 0x03}},
    {"setl [ebx]", FLAT32, 3, {0x0F, 0x9C, 0x03}},
    {"cmovz eax, [ebx]", FLAT32, 3, {0x0F, 0x44, 0x03}},
    {"cdq", FLAT32, 1, {0x99}},
    {"cwd", FLAT32, 2, {0x66, 0x99}},
    {"lahf", FLAT32, 1, {0x9F}},
    {"sahf", FLAT32, 1, {0x9E}},
    {"daa", FLAT32, 1, {0x27}},
    {"cli", FLAT32, 1, {0xFA}},
    {"mov ds, ax", FLAT32, 2, {0x8E, 0xD8}},
    {"mov [ebx], ds", FLAT32, 2, {0x8C, 0x1B}},
    {"in al, dx", FLAT32, 1, {0xEC}},
    {"int 80", FLAT32, 2, {0xCD, 0x80}},
    {"jmp +10", FLAT32, 2, {0xEB, 0x10}},
    {"jmp, to itself", FLAT32, 2, {0xEB, 0xFE}},
    {"jmp +10000, another page", FLAT32, 5, {0xE9, 0x00, 0x00, 0x01, 0x00}},
    {"jz +10", FLAT32, 2, {0x74, 0x10}},
    {"jg +10000, another page", FLAT32, 6, {0x0F, 0x8F, 0x00, 0x00, 0x01, 0x00}},
    {"jecxz +10", FLAT32, 2, {0xE3, 0x10}},
    {"jcxz +10 (67)", FLAT32, 3, {0x67, 0xE3, 0x10}},
    {"loop -10", FLAT32, 2, {0xE2, 0xF0}},
    {"loopne -10 (67)", FLAT32, 3, {0x67, 0xE0, 0xF0}},
    {"call +10", FLAT32, 5, {0xE8, 0x10, 0x00, 0x00, 0x00}},
    {"call +10000, another page", FLAT32, 5, {0xE8, 0x00, 0x00, 0x01, 0x00}},
    {"call eax", FLAT32, 2, {0xFF, 0xD0}},
    {"call [ebx]", FLAT32, 2, {0xFF, 0x13}},
    {"jmp [ebx+eax*4]", FLAT32, 3, {0xFF, 0x24, 0x83}},
    {"ret", FLAT32, 1, {0xC3}},
    {"ret 8", FLAT32, 3, {0xC2, 0x08, 0x00}},
    {"movsb", FLAT32, 1, {0xA4}},
    {"movsd", FLAT32, 1, {0xA5}},
    {"stosw", FLAT32, 2, {0x66, 0xAB}},
    {"lodsd", FLAT32, 1, {0xAD}},
    {"cmpsb", FLAT32, 1, {0xA6}},
    {"scasb", FLAT32, 1, {0xAE}},
    {"rep movsd", FLAT32, 2, {0xF3, 0xA5}},
    {"rep stosw", FLAT32, 3, {0xF3, 0x66, 0xAB}},
    {"repne scasb", FLAT32, 2, {0xF2, 0xAE}},
    {"movsd, DF set", FLAT32 | KEY_DF, 1, {0xA5}},
    {"rep movsd, DF set", FLAT32 | KEY_DF, 2, {0xF3, 0xA5}},
    {"fld dword [ebx]", FLAT32, 2, {0xD9, 0x03}},
    {"fstp qword [esp]", FLAT32, 3, {0xDD, 0x1C, 0x24}},
    {"fadd st1", FLAT32, 2, {0xD8, 0xC1}},
    {"fnstsw ax", FLAT32, 2, {0xDF, 0xE0}},
    {"fnstcw [ebx]", FLAT32, 2, {0xD9, 0x3B}},
    {"fnsave [ebx]", FLAT32, 2, {0xDD, 0x33}},
    {"fsin", FLAT32, 2, {0xD9, 0xFE}},
    {"fwait", FLAT32, 1, {0x9B}},
    {"movq mm0, [ebx]", FLAT32, 3, {0x0F, 0x6F, 0x03}},
    {"movd mm0, esp", FLAT32, 3, {0x0F, 0x6E, 0xC4}},
    {"movaps xmm1, [ebx]", FLAT32, 3, {0x0F, 0x28, 0x0B}},
    {"movups [esp], xmm1", FLAT32, 4, {0x0F, 0x11, 0x0C, 0x24}},
    {"addsd xmm0, xmm1", FLAT32, 4, {0xF2, 0x0F, 0x58, 0xC1}},
    {"cvttsd2si esp, [ebx]", FLAT32, 4, {0xF2, 0x0F, 0x2C, 0x23}},
    {"pshufd xmm0, [ebx], 27", FLAT32, 5, {0x66, 0x0F, 0x70, 0x03, 0x1B}},
    {"ldmxcsr [ebx]", FLAT32, 3, {0x0F, 0xAE, 0x13}},
    {"mov ax, [bx+si+4]", REAL16, 3, {0x8B, 0x40, 0x04}},
    {"mov al, [1234]", REAL16, 3, {0xA0, 0x34, 0x12}},
    {"mov [bp-2], ax", REAL16, 3, {0x89, 0x46, 0xFE}},
    {"mov eax, [bp-4] (66)", REAL16, 4, {0x66, 0x8B, 0x46, 0xFC}},
    {"mov eax, [ebx] (66 67)", REAL16, 4, {0x66, 0x67, 0x8B, 0x03}},
    {"lea ax, [bx+si]", REAL16, 2, {0x8D, 0x00}},
    {"push ax", REAL16, 1, {0x50}},
    {"pop sp", REAL16, 1, {0x5C}},
    {"leave", REAL16, 1, {0xC9}},
    {"call +10", REAL16, 3, {0xE8, 0x10, 0x00}},
    {"ret", REAL16, 1, {0xC3}},
    {"jmp [bx]", REAL16, 2, {0xFF, 0x27}},
    {"jz -10", REAL16, 2, {0x74, 0xF0}},
    {"loop -10", REAL16, 2, {0xE2, 0xF0}},
    {"movsw", REAL16, 1, {0xA5}},
    {"rep stosw", REAL16, 2, {0xF3, 0xAB}},
    {"pushf (V86)", CODE8086 | KEY_USER, 1, {0x9C}},
    {"cli (8086)", CODE8086, 1, {0xFA}},
    {"cli (user)", FLAT32 | KEY_USER, 1, {0xFA}},
    {"ret (8086)", CODE8086, 1, {0xC3}},
    {"jmp far 1234:5678", CODE8086, 5, {0xEA, 0x78, 0x56, 0x34, 0x12}},
    {"call far 1234:5678", CODE8086, 5, {0x9A, 0x78, 0x56, 0x34, 0x12}},
    {"call far [bx]", CODE8086, 2, {0xFF, 0x1F}},
    {"jmp far [bx]", CODE8086, 2, {0xFF, 0x2F}},
    {"retf 4", CODE8086, 3, {0xCA, 0x04, 0x00}},
    {"mov es, ax", CODE8086, 2, {0x8E, 0xC0}},
    {"mov es, ax (V86)", CODE8086 | KEY_USER, 2, {0x8E, 0xC0}},
    {"pop ds", CODE8086, 1, {0x1F}},
    {"les di, [bp+6]", CODE8086, 3, {0xC4, 0x7E, 0x06}},
};

/* --- Names ----------------------------------------------------------------------------------- */

struct named_field {
    const char *name;
    size_t offset;
};

#define TRANSLATED(member)                                              \
    {                                                                   \
        "translated." #member, offsetof(struct vcpu, translated.member) \
    }
#define SEGMENT_FIELDS(S, s)                                                                      \
    {s ".base",                                                                                   \
     offsetof(struct vcpu, seg) + (S) * sizeof(struct segment) + offsetof(struct segment, base)}, \
        {s ".read_len", offsetof(struct vcpu, seg) + (S) * sizeof(struct segment) +               \
                            offsetof(struct segment, read_len)},                                  \
        {s ".write_len", offsetof(struct vcpu, seg) + (S) * sizeof(struct segment) +              \
                             offsetof(struct segment, write_len)},                                \
        {s ".selector", offsetof(struct vcpu, seg) + (S) * sizeof(struct segment) +               \
                            offsetof(struct segment, selector)},                                  \
    {                                                                                             \
        s ".attr", offsetof(struct vcpu, seg) + (S) * sizeof(struct segment) +                    \
                       offsetof(struct segment, attr)                                             \
    }

static const struct named_field fields[] = {
    TRANSLATED(jumps),
    TRANSLATED(page_mask),
    TRANSLATED(spill),
    TRANSLATED(window),
    TRANSLATED(mxcsr_none),
    {"tlb.mask", offsetof(struct vcpu, tlb.mask)},
    {"mxcsr", offsetof(struct vcpu, mxcsr)},
    {"eflags", offsetof(struct vcpu, eflags)},
    {"cpl", offsetof(struct vcpu, cpl)},
    {"string_bytes", offsetof(struct vcpu, string_bytes)},
    SEGMENT_FIELDS(SEG_ES, "es"),
    SEGMENT_FIELDS(SEG_CS, "cs"),
    SEGMENT_FIELDS(SEG_SS, "ss"),
    SEGMENT_FIELDS(SEG_DS, "ds"),
    SEGMENT_FIELDS(SEG_FS, "fs"),
    SEGMENT_FIELDS(SEG_GS, "gs"),
};

/* A column of the soft TLB: its first entry's place. */
static void name_tlb(size_t offset, char *out, size_t len)
{
    size_t at = offset - offsetof(struct vcpu, tlb.entry);
    size_t entry = at % sizeof(struct tlb_entry), table = at / TLB_TABLE_BYTES;
    snprintf(out, len, "tlb.%s.%s.%s + r9*8", table / TLB_KINDS == TLB_USER ? "user" : "supervisor",
             table % TLB_KINDS == TLB_WRITE ? "write" : "read",
             entry == offsetof(struct tlb_entry, negative) ? "negative"
             : entry == offsetof(struct tlb_entry, addend) ? "addend"
                                                           : "?");
}

static void name_field(const x86_op_mem *m, char *out, size_t len)
{
    size_t offset = (size_t)m->disp;
    if (m->index == X86_REG_R9) {
        name_tlb(offset, out, len);
        return;
    }
    for (unsigned n = 0; n < ARRAY_LEN(fields); n++) {
        if (fields[n].offset == offset) {
            snprintf(out, len, "vcpu.%s", fields[n].name);
            return;
        }
    }
    snprintf(out, len, "vcpu.?");
}

/* --- Showing --------------------------------------------------------------------------------- */

struct show {
    struct translator *t;
    struct unit *u;
    csh capstone;
    FILE *out;
    uint64_t label[32]; /* where jumps within the unit go, in order */
    unsigned labels;
};

static void add_label(struct show *s, uint64_t at)
{
    unsigned n = 0;
    while (n < s->labels && s->label[n] < at)
        n++;
    if (n < s->labels && s->label[n] == at)
        return;
    ck_assert_uint_lt(s->labels, ARRAY_LEN(s->label));
    memmove(&s->label[n + 1], &s->label[n], (s->labels - n) * sizeof s->label[0]);
    s->label[n] = at;
    s->labels++;
}

static const struct unit_link *link_with_exit(const struct unit *u, uint64_t at)
{
    for (unsigned n = 0; n < u->links; n++) {
        if ((uintptr_t)u->start + u->link[n].exit == at)
            return &u->link[n];
    }
    return NULL;
}

static bool is_jump(const cs_insn *i)
{
    return i->detail->x86.op_count == 1 && i->detail->x86.operands[0].type == X86_OP_IMM &&
           (*i->mnemonic == 'j' || i->id == X86_INS_CALL || i->id == X86_INS_LOOP);
}

static void print_target(struct show *s, uint64_t at)
{
    const struct backend_stubs *stubs = &s->t->stubs;
    const struct {
        const uint8_t *at;
        const char *name;
    } named[] = {{stubs->help, "help"},   {stubs->link, "link"},     {stubs->miss, "miss"},
                 {stubs->poll, "poll"},   {stubs->fpu, "fpu"},       {stubs->narrow, "narrow"},
                 {stubs->again, "again"}, {s->u->entry, "the entry"}};
    for (unsigned n = 0; n < ARRAY_LEN(named); n++) {
        if ((uintptr_t)named[n].at == at) {
            fprintf(s->out, "%s", named[n].name);
            return;
        }
    }
    const struct unit_link *link = link_with_exit(s->u, at);
    for (unsigned n = 0; n < s->labels; n++) {
        if (s->label[n] == at && !link)
            fprintf(s->out, "L%u", n + 1);
    }
    if (link)
        fprintf(s->out, "link %x", (unsigned)link->eip);
}

/* op_str with the address of a vCPU field replaced by its name. */
static void print_operands(struct show *s, const cs_insn *i)
{
    const char *open = strchr(i->op_str, '['), *close = open ? strchr(open, ']') : NULL;
    const cs_x86 *x = &i->detail->x86;
    for (unsigned n = 0; n < x->op_count && close; n++) {
        if (x->operands[n].type != X86_OP_MEM || x->operands[n].mem.base != X86_REG_R15)
            continue;
        char name[64];
        name_field(&x->operands[n].mem, name, sizeof name);
        fprintf(s->out, "%.*s[%s]%s", (int)(open - i->op_str), i->op_str, name, close + 1);
        return;
    }
    bool narrow = i->size == 10 && strncmp(i->mnemonic, "movabs", 6) == 0;
    fprintf(s->out, "%s", narrow ? "r10, (function)" : i->op_str);
}

static void print_insn(struct show *s, const cs_insn *i)
{
    for (unsigned n = 0; n < s->labels; n++) {
        if (s->label[n] == i->address && !link_with_exit(s->u, i->address))
            fprintf(s->out, "  L%u:\n", n + 1);
    }
    fprintf(s->out, "    %s%s", i->mnemonic, *i->op_str ? " " : "");
    if (is_jump(i))
        print_target(s, (uint64_t)i->detail->x86.operands[0].imm);
    else
        print_operands(s, i);
    fputc('\n', s->out);
}

/* Calls each for the instructions at offsets [from, to). */
static void each_insn(struct show *s, uint32_t from, uint32_t to,
                      void (*each)(struct show *, const cs_insn *))
{
    cs_insn *insns;
    size_t count = cs_disasm(s->capstone, s->u->start + from, to - from,
                             (uintptr_t)s->u->start + from, 0, &insns);
    size_t bytes = 0;
    for (size_t n = 0; n < count; n++) {
        bytes += insns[n].size;
        each(s, &insns[n]);
    }
    cs_free(insns, count);
    ck_assert_msg(bytes == to - from, "no instruction at %u", from + (unsigned)bytes);
}

static void find_label(struct show *s, const cs_insn *i)
{
    if (!is_jump(i))
        return;
    uint64_t to = (uint64_t)i->detail->x86.operands[0].imm;
    if (to - (uintptr_t)s->u->start <= s->u->size && to != (uintptr_t)s->u->entry)
        add_label(s, to);
}

static void show_code(struct show *s, bool whole)
{
    const struct unit *u = s->u;
    uint32_t exits = u->links ? u->link[0].exit : u->size;
    s->labels = 0;
    each_insn(s, 0, u->size, find_label);
    if (whole) {
        each_insn(s, 0, u->size, print_insn);
        return;
    }
    uint32_t end = u->insn[0].resume;
    if (u->insn[0].host < end)
        each_insn(s, u->insn[0].host, end, print_insn);
    for (unsigned n = 0; n < s->labels && end < u->hot_size; n++) { /* the next instruction */
        if (s->label[n] == (uintptr_t)u->start + end)
            fprintf(s->out, "  L%u:\n", n + 1);
    }
    if (u->hot_size < exits) {
        fprintf(s->out, "  cold:\n");
        each_insn(s, u->hot_size, exits, print_insn);
    }
}

static void show_form(struct show *s, const struct form *f, bool window, bool first)
{
    struct translator *t = s->t;
    struct unit *u = calloc(1, sizeof *u + sizeof u->insn[0]);
    ck_assert_ptr_nonnull(u);
    struct unit_link link[4];
    u->link = link;
    u->link_room = ARRAY_LEN(link);
    u->key = f->key | (window ? KEY_WINDOW : 0);
    u->eip = u->gva = EIP;
    u->insns = 1;
    struct unit_insn *i = &u->insn[0];
    struct insn insn;
    i->insn = &insn;
    enum decode_status got = decode_insn(block_cache_decoder(t->vcpu->blocks), f->bytes, f->len,
                                         f->key & KEY_CODE32, &insn);
    ck_assert_msg(got == DECODE_OK && insn.len == f->len, "%s: no instruction", f->name);
    u->stays = true;
    i->x87 = backend_uses_x87(&insn);
    size_t used = t->code.used;
    backend_emit(t, u);
    t->code.used = used;
    s->u = u;
    fprintf(s->out, "%s: %s\n", f->key & KEY_CODE32 ? "32" : "16", f->name);
    show_code(s, first);
    fputc('\n', s->out);
    free(u);
}

/* --- Comparing ------------------------------------------------------------------------------- */

static char *show_all(struct translator *t, bool window)
{
    char *text;
    size_t len;
    struct show s = {.t = t, .out = open_memstream(&text, &len)};
    ck_assert_ptr_nonnull(s.out);
    ck_assert_int_eq(cs_open(CS_ARCH_X86, CS_MODE_64, &s.capstone), CS_ERR_OK);
    cs_option(s.capstone, CS_OPT_DETAIL, CS_OPT_ON);
    for (unsigned n = 0; n < ARRAY_LEN(forms); n++)
        show_form(&s, &forms[n], window, n == 0);
    cs_close(&s.capstone);
    fclose(s.out);
    return text;
}

/* The first line that differs, or NULL. */
static const char *first_difference(const char *got, const char *expected, char *line, size_t len)
{
    unsigned number = 1;
    const char *start = got;
    for (; *got == *expected && *got; got++, expected++) {
        if (*got == '\n') {
            number++;
            start = got + 1;
        }
    }
    if (*got == *expected)
        return NULL;
    snprintf(line, len, "line %u is now: %.*s", number, (int)strcspn(start, "\n"), start);
    return line;
}

static bool write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return false;
    bool fine = fputs(text, f) >= 0;
    return fclose(f) == 0 && fine;
}

static void compare(const char *name, bool window)
{
    struct machine m;
    machine_create(&m, CPU_P4);
    m.c->code_len = 0x10000; /* what units of 16-bit code are made under */
    struct engine_tuning tuning = {.shadow = SHADOW_SOFT}; /* nothing is run: the keys decide */
    struct translator *t = translator_create(m.c, &tuning);
    ck_assert_ptr_nonnull(t);
    t->predicts_returns = t->loop_is_fast = true; /* whatever this host has */
    char path[512], line[256];
    snprintf(path, sizeof path, UMBRA_SOURCE_DIR "/tests/translator/emit/%s", name);
    char *text = show_all(t, window);
    if (getenv("UMBRA_EXPECT_WRITE")) {
        ck_assert_msg(write_file(path, text), "cannot write %s", path);
    } else {
        const size_t room = 1 << 18;
        char *expected = malloc(room);
        FILE *f = fopen(path, "r");
        ck_assert_msg(f && expected, "cannot open %s", path);
        expected[fread(expected, 1, room - 1, f)] = 0;
        fclose(f);
        const char *difference = first_difference(text, expected, line, sizeof line);
        ck_assert_msg(!difference,
                      "%s: %s\nIf the new code is meant: UMBRA_EXPECT_WRITE=1 build/tests/test-"
                      "translator-emit, and look at git diff",
                      name, difference);
        free(expected);
    }
    free(text);
    translator_destroy(t);
    machine_destroy(&m);
}

START_TEST(window)
{
    compare("window.txt", true);
}
END_TEST

START_TEST(soft)
{
    compare("soft.txt", false);
}
END_TEST

int main(void)
{
    const char *why;
    if (!backend_available(&why)) {
        printf("SKIP: %s\n", why);
        return 77;
    }
    const TTest *const tests[] = {window, soft};
    return run_tests("emit", tests, ARRAY_LEN(tests));
}
#endif
