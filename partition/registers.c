/* partition/registers.c: see registers.h. */
#include "partition/registers.h"

#include "cpu/control.h"
#include "cpu/debug.h"
#include "cpu/feature.h"
#include "cpu/flags.h"
#include "cpu/interp/x87.h"
#include "cpu/segment.h"

enum kind {
    KIND_GPR,
    KIND_PC,
    KIND_FLAGS,
    KIND_SELECTOR,
    KIND_ST,
    KIND_X87, /* index: enum x87_word */
    KIND_XMM,
    KIND_MXCSR,
    KIND_IP,
    KIND_BASE,
    KIND_CR,
    KIND_DR,
    KIND_TABLE, /* index: GDTR base, limit, IDTR base, limit */
    KIND_LDTR,
    KIND_TR,
    KIND_CPL,
};

enum x87_word { X87_CONTROL, X87_STATUS, X87_TAG, X87_CS, X87_IP, X87_DS, X87_DP, X87_OPCODE };

#define CORE(name, bits, type, kind, index)                 \
    {                                                       \
        name, bits, bits, type, REGISTERS_CORE, kind, index \
    }
#define WORD(name, kind, index)                            \
    {                                                      \
        name, 16, 32, "int32", REGISTERS_CORE, kind, index \
    }
#define SYSTEM(name, bits, type, kind, index)               \
    {                                                       \
        name, bits, 32, type, REGISTERS_SYSTEM, kind, index \
    }
#define ST(n) CORE("st" #n, 80, "i387_ext", KIND_ST, n)
#define XMM(n)                                                   \
    {                                                            \
        "xmm" #n, 128, 128, "vec128", REGISTERS_SSE, KIND_XMM, n \
    }

static const struct debug_register table[] = {
    CORE("eax", 32, "int32", KIND_GPR, EAX),
    CORE("ecx", 32, "int32", KIND_GPR, ECX),
    CORE("edx", 32, "int32", KIND_GPR, EDX),
    CORE("ebx", 32, "int32", KIND_GPR, EBX),
    CORE("esp", 32, "data_ptr", KIND_GPR, ESP),
    CORE("ebp", 32, "data_ptr", KIND_GPR, EBP),
    CORE("esi", 32, "int32", KIND_GPR, ESI),
    CORE("edi", 32, "int32", KIND_GPR, EDI),
    CORE("eip", 32, "code_ptr", KIND_PC, 0),
    CORE("eflags", 32, "i386_eflags", KIND_FLAGS, 0),
    WORD("cs", KIND_SELECTOR, SEG_CS),
    WORD("ss", KIND_SELECTOR, SEG_SS),
    WORD("ds", KIND_SELECTOR, SEG_DS),
    WORD("es", KIND_SELECTOR, SEG_ES),
    WORD("fs", KIND_SELECTOR, SEG_FS),
    WORD("gs", KIND_SELECTOR, SEG_GS),
    ST(0),
    ST(1),
    ST(2),
    ST(3),
    ST(4),
    ST(5),
    ST(6),
    ST(7),
    WORD("fctrl", KIND_X87, X87_CONTROL),
    WORD("fstat", KIND_X87, X87_STATUS),
    WORD("ftag", KIND_X87, X87_TAG),
    WORD("fiseg", KIND_X87, X87_CS),
    CORE("fioff", 32, "int32", KIND_X87, X87_IP),
    WORD("foseg", KIND_X87, X87_DS),
    CORE("fooff", 32, "int32", KIND_X87, X87_DP),
    WORD("fop", KIND_X87, X87_OPCODE),
    XMM(0),
    XMM(1),
    XMM(2),
    XMM(3),
    XMM(4),
    XMM(5),
    XMM(6),
    XMM(7),
    {"mxcsr", 32, 32, "i386_mxcsr", REGISTERS_SSE, KIND_MXCSR, 0},
    SYSTEM("ip", 32, "int32", KIND_IP, 0),
    SYSTEM("cs_base", 32, "data_ptr", KIND_BASE, SEG_CS),
    SYSTEM("ss_base", 32, "data_ptr", KIND_BASE, SEG_SS),
    SYSTEM("ds_base", 32, "data_ptr", KIND_BASE, SEG_DS),
    SYSTEM("es_base", 32, "data_ptr", KIND_BASE, SEG_ES),
    SYSTEM("fs_base", 32, "data_ptr", KIND_BASE, SEG_FS),
    SYSTEM("gs_base", 32, "data_ptr", KIND_BASE, SEG_GS),
    SYSTEM("cr0", 32, "umbra_cr0", KIND_CR, 0),
    SYSTEM("cr2", 32, "data_ptr", KIND_CR, 2),
    SYSTEM("cr3", 32, "data_ptr", KIND_CR, 3),
    SYSTEM("cr4", 32, "umbra_cr4", KIND_CR, 4),
    SYSTEM("gdt_base", 32, "data_ptr", KIND_TABLE, 0),
    SYSTEM("gdt_limit", 32, "int32", KIND_TABLE, 1),
    SYSTEM("idt_base", 32, "data_ptr", KIND_TABLE, 2),
    SYSTEM("idt_limit", 32, "int32", KIND_TABLE, 3),
    SYSTEM("ldtr", 16, "int32", KIND_LDTR, 0),
    SYSTEM("tr", 16, "int32", KIND_TR, 0),
    SYSTEM("cpl", 32, "int32", KIND_CPL, 0),
    SYSTEM("dr0", 32, "data_ptr", KIND_DR, 0),
    SYSTEM("dr1", 32, "data_ptr", KIND_DR, 1),
    SYSTEM("dr2", 32, "data_ptr", KIND_DR, 2),
    SYSTEM("dr3", 32, "data_ptr", KIND_DR, 3),
    SYSTEM("dr6", 32, "int32", KIND_DR, 6),
    SYSTEM("dr7", 32, "int32", KIND_DR, 7),
};
_Static_assert(ARRAY_LEN(table) == REGISTER_COUNT, "REGISTER_COUNT");

const struct debug_register *debug_register(unsigned n)
{
    return n < ARRAY_LEN(table) ? &table[n] : NULL;
}

int debug_register_find(const char *name)
{
    for (unsigned n = 0; n < ARRAY_LEN(table); n++) {
        if (strcmp(table[n].name, name) == 0)
            return (int)n;
    }
    return -1;
}

/* --- Reading ---------------------------------------------------------------------------------- */

static uint32_t x87_word(const struct x87 *f, unsigned which)
{
    switch ((enum x87_word)which) {
    case X87_CONTROL:
        return f->control;
    case X87_STATUS:
        return (f->status & ~UINT32_C(0x3800)) | (uint32_t)(f->top & 7) << 11;
    case X87_TAG:
        return x87_tag_word(f);
    case X87_CS:
        return f->last_cs;
    case X87_IP:
        return f->last_ip;
    case X87_DS:
        return f->last_ds;
    case X87_DP:
        return f->last_dp;
    case X87_OPCODE:
        return f->last_opcode;
    }
    return 0;
}

static uint32_t control_register(const struct vcpu *c, unsigned n)
{
    return n == 0 ? c->cr0 : n == 2 ? c->cr2 : n == 3 ? (uint32_t)c->cr3 : c->cr4;
}

static uint32_t read_word(const struct vcpu *c, const struct debug_register *r)
{
    const struct descriptor_table *t = r->index < 2 ? &c->gdtr : &c->idtr;
    switch ((enum kind)r->kind) {
    case KIND_GPR:
        return c->reg[r->index].d;
    case KIND_PC:
        return debug_pc(c);
    case KIND_FLAGS:
        return flags_get(c);
    case KIND_SELECTOR:
        return c->seg[r->index].selector;
    case KIND_X87:
        return x87_word(&c->x87, r->index);
    case KIND_MXCSR:
        return c->mxcsr;
    case KIND_IP:
        return (uint32_t)c->eip;
    case KIND_BASE:
        return (uint32_t)c->seg[r->index].base;
    case KIND_CR:
        return control_register(c, r->index);
    case KIND_DR:
        return (uint32_t)c->dr[r->index];
    case KIND_TABLE:
        return r->index & 1 ? t->limit : (uint32_t)t->base;
    case KIND_LDTR:
        return c->ldtr.selector;
    case KIND_TR:
        return c->tr.selector;
    case KIND_CPL:
        return c->cpl;
    case KIND_ST:
    case KIND_XMM:
        break;
    }
    return 0;
}

void debug_register_read(struct vcpu *c, unsigned n, uint8_t out[REGISTER_BYTES])
{
    const struct debug_register *r = &table[n];
    memset(out, 0, REGISTER_BYTES);
    if (r->kind == KIND_XMM) {
        memcpy(out, c->xmm[r->index].b, 16);
    } else if (r->kind == KIND_ST) {
        const struct f80 *st = &c->x87.reg[(c->x87.top + r->index) & 7];
        store_le64(out, st->sig);
        store_le16(out + 8, st->se);
    } else {
        store_le32(out, read_word(c, r));
    }
}

/* --- Writing ---------------------------------------------------------------------------------- */

static void x87_set_word(struct x87 *f, unsigned which, uint32_t v)
{
    switch ((enum x87_word)which) {
    case X87_CONTROL:
        f->control = (uint16_t)v;
        break;
    case X87_STATUS:
        f->status = (uint16_t)(v & ~UINT32_C(0x3800));
        f->top = v >> 11 & 7;
        break;
    case X87_TAG:
        f->tag_empty = 0;
        for (unsigned n = 0; n < 8; n++)
            f->tag_empty |= (uint8_t)(((v >> 2 * n & 3) == 3) << n);
        break;
    case X87_CS:
        f->last_cs = (uint16_t)v;
        break;
    case X87_IP:
        f->last_ip = v;
        break;
    case X87_DS:
        f->last_ds = (uint16_t)v;
        break;
    case X87_DP:
        f->last_dp = v;
        break;
    case X87_OPCODE:
        f->last_opcode = v & 0x7FF;
        break;
    }
}

static bool set_ip(struct vcpu *c, uint32_t ip)
{
    if (ip > c->seg[SEG_CS].limit)
        return false;
    c->eip = ip;
    c->link_from = NULL;
    c->halted = false;
    return true;
}

#define FLAGS_SETTABLE UINT32_C(0x003D7FD5) /* all defined ones but VM */

static bool set_flags(struct vcpu *c, uint32_t v)
{
    if ((v ^ c->eflags) & FLAG_VM)
        return false;
    flags_set_arith(c, v);
    c->eflags = (c->eflags & ~(FLAGS_SETTABLE | FLAGS_ARITH)) | (v & FLAGS_SETTABLE & ~FLAGS_ARITH);
    vcpu_update_alignment(c);
    return true;
}

/* What may raise: false then. Runs between two instructions, so there is nothing to undo. */
static bool set_checked(struct vcpu *c, const struct debug_register *r, uint32_t v)
{
    jmp_buf here, *outer = c->unwind;
    uint32_t cr2 = c->cr2;
    c->unwind = &here;
    volatile bool good = false;
    if (setjmp(here) == 0) {
        if (r->kind == KIND_SELECTOR && r->index == SEG_CS)
            segment_load_real(c, SEG_CS, (uint16_t)v, vcpu_is_v86(c));
        else if (r->kind == KIND_SELECTOR)
            segment_load(c, r->index, (uint16_t)v);
        else if (r->kind == KIND_LDTR)
            segment_load_ldtr(c, (uint16_t)v);
        else if (r->kind == KIND_TR)
            segment_load_tr(c, (uint16_t)v);
        else if (r->index == 0)
            control_write_cr0(c, v);
        else if (r->index == 3)
            control_write_cr3(c, v);
        else
            control_write_cr4(c, v);
        good = true;
    } else {
        c->cr2 = cr2;
    }
    c->unwind = outer;
    return good;
}

static bool write_word(struct vcpu *c, const struct debug_register *r, uint32_t v)
{
    struct descriptor_table *t = r->index < 2 ? &c->gdtr : &c->idtr;
    switch ((enum kind)r->kind) {
    case KIND_GPR:
        c->reg[r->index].d = v;
        return true;
    case KIND_PC:
        return set_ip(c, v - (uint32_t)c->seg[SEG_CS].base);
    case KIND_IP:
        return set_ip(c, v);
    case KIND_FLAGS:
        return set_flags(c, v);
    case KIND_X87:
        x87_set_word(&c->x87, r->index, v);
        return true;
    case KIND_MXCSR:
        c->mxcsr = v & mxcsr_mask(c->features);
        return true;
    case KIND_BASE:
        c->seg[r->index].base = v;
        c->link_from = NULL;
        return true;
    case KIND_TABLE:
        if (r->index & 1)
            t->limit = v & 0xFFFF;
        else
            t->base = v;
        return true;
    case KIND_CR:
        if (r->index != 2)
            return set_checked(c, r, v);
        c->cr2 = v;
        return true;
    case KIND_SELECTOR:
        return (r->index != SEG_CS || !vcpu_is_protected(c)) && set_checked(c, r, v);
    case KIND_LDTR:
    case KIND_TR:
        return vcpu_is_protected(c) && set_checked(c, r, v);
    case KIND_DR:
        debug_set(c, r->index, v);
        return true;
    default:
        return false; /* gdb's G writes all registers back: those unchanged never come here */
    }
}

bool debug_register_write(struct vcpu *c, unsigned n, const uint8_t value[REGISTER_BYTES])
{
    const struct debug_register *r = &table[n];
    uint8_t now[REGISTER_BYTES];
    debug_register_read(c, n, now);
    if (memcmp(now, value, r->bits / 8u) == 0)
        return true;
    if (r->kind == KIND_XMM) {
        memcpy(c->xmm[r->index].b, value, 16);
        return true;
    }
    if (r->kind == KIND_ST) {
        c->x87.reg[(c->x87.top + r->index) & 7] =
            (struct f80){.sig = load_le64(value), .se = load_le16(value + 8)};
        return true;
    }
    return write_word(c, r, r->bits == 16 ? load_le16(value) : load_le32(value));
}
