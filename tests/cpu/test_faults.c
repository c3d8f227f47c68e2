/* Every fault of every protected-mode instruction, as one table: where the program stands, what the
 * tables hold, the instruction, and the exception with its error code that must come of it.
 *
 * Beyond the vector and the error code each case checks that the fault is precise: the address that
 * was pushed is the instruction's own, RF is set in the pushed EFLAGS, and no register has changed
 * but those of the delivery. */
#include "tests/cpu/harness.h"

/* What a case does not name is zero. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define NONE  (-1) /* no error code is pushed */
#define FREE  0x80 /* selectors of the case's own descriptors */
#define FREE2 0x88

enum start { RING0, RING3, V86, REAL };

struct fault_case {
    const char *what;
    enum start start;
    uint8_t code[16];
    unsigned vector;
    int error;
    uint32_t eax;
    uint64_t free, free2; /* descriptors at FREE and FREE2 */
    uint64_t gate;        /* IDT entry 30h */
    uint32_t stack[6];    /* at the stack pointer */
    void (*prepare)(struct machine *m);
};

#define FAR_JUMP(selector, offset) 0xEA, (offset)&0xFF, (offset) >> 8 & 0xFF, 0, 0, (selector), 0
#define FAR_CALL(selector, offset) 0x9A, (offset)&0xFF, (offset) >> 8 & 0xFF, 0, 0, (selector), 0
#define INT_30                     0xCD, 0x30
#define RETF                       0xCB
#define IRETD                      0xCF
#define LDS_PTR                    0xC5, 0x1D, 0, 0xA0, 0, 0 /* lds ebx, [A000h] */

static void tsd(struct machine *m)
{
    m->c->cr4 |= CR4_TSD;
}

static void de(struct machine *m)
{
    m->c->cr4 |= CR4_DE;
}

static void set_em(struct machine *m)
{
    m->c->cr0 |= CR0_EM;
}

static void set_ts(struct machine *m)
{
    m->c->cr0 |= CR0_TS;
}

static void set_ts_mp(struct machine *m)
{
    m->c->cr0 |= CR0_TS | CR0_MP;
}

static void osfxsr(struct machine *m)
{
    m->c->cr4 |= CR4_OSFXSR;
}

static void osfxsr_ts(struct machine *m)
{
    m->c->cr4 |= CR4_OSFXSR;
    m->c->cr0 |= CR0_TS;
}

static void no_io_map(struct machine *m)
{
    put(m, TSS_A + 0x66, 0xFFFF, 2);
}

static void short_idt(struct machine *m)
{
    m->c->idtr.limit = 8 * 0x30 + 6;
}

static void short_stack(struct machine *m)
{
    m->c->reg[ESP].d = 8;
    m->c->seg[SEG_SS].limit = 5;
    segment_update(m->c, SEG_SS);
}

static void nested(struct machine *m)
{
    m->c->eflags |= FLAG_NT;
    put(m, TSS_A, FREE, 2);
}

static void nested_ldt(struct machine *m)
{
    m->c->eflags |= FLAG_NT;
    put(m, TSS_A, 4, 2);
}

static void vme_vip(struct machine *m)
{
    m->c->cr4 |= CR4_VME;
    m->c->eflags |= FLAG_VIP;
}

static void vme(struct machine *m)
{
    m->c->cr4 |= CR4_VME;
    put(m, TSS_A + 0x66, 0x40, 2); /* the redirection map, 20h..3Fh of the TSS: all redirect */
}

static void far_pointer_to_free(struct machine *m)
{
    put(m, 0xA000, 0x1234, 4);
    put(m, 0xA004, FREE, 2);
}

static void unaligned_user(struct machine *m)
{
    MUST_NOT_FAULT(m, control_write_cr0(m->c, m->c->cr0 | CR0_AM));
    m->c->eflags |= FLAG_AC;
    vcpu_update_alignment(m->c);
}

/* Error codes that name a gate: IDT index, IDT flag. */
#define IDT_30  (0x30 * 8 + 2)
#define CODE_32 SEGMENT(0, 0xFFFFF, 0x9A, 0xC)

static const struct fault_case privileged[] = {
    {"hlt", RING3, {0xF4}, VEC_GP, 0},
    {"clts", RING3, {0x0F, 0x06}, VEC_GP, 0},
    {"invd", RING3, {0x0F, 0x08}, VEC_GP, 0},
    {"wbinvd", RING3, {0x0F, 0x09}, VEC_GP, 0},
    {"lgdt", RING3, {0x0F, 0x01, 0x15}, VEC_GP, 0},
    {"lidt", RING3, {0x0F, 0x01, 0x1D}, VEC_GP, 0},
    {"lmsw", RING3, {0x0F, 0x01, 0xF0}, VEC_GP, 0},
    {"invlpg", RING3, {0x0F, 0x01, 0x3D}, VEC_GP, 0},
    {"mov eax, cr0", RING3, {0x0F, 0x20, 0xC0}, VEC_GP, 0},
    {"mov cr0, eax", RING3, {0x0F, 0x22, 0xC0}, VEC_GP, 0},
    {"mov eax, dr0", RING3, {0x0F, 0x21, 0xC0}, VEC_GP, 0},
    {"mov dr0, eax", RING3, {0x0F, 0x23, 0xC0}, VEC_GP, 0},
    {"lldt", RING3, {0x0F, 0x00, 0xD0}, VEC_GP, 0},
    {"ltr", RING3, {0x0F, 0x00, 0xD8}, VEC_GP, 0},
    {"rdmsr", RING3, {0x0F, 0x32}, VEC_GP, 0},
    {"wrmsr", RING3, {0x0F, 0x30}, VEC_GP, 0},
    {"rdpmc without PCE", RING3, {0x0F, 0x33}, VEC_GP, 0},
    {"rdtsc with TSD", RING3, {0x0F, 0x31}, VEC_GP, 0, .prepare = tsd},
    {"sysexit", RING3, {0x0F, 0x35}, VEC_GP, 0},
    {"sysenter without a segment", RING3, {0x0F, 0x34}, VEC_GP, 0},
    {"sysexit without a segment", RING0, {0x0F, 0x35}, VEC_GP, 0},
    {"sysenter in real mode", REAL, {0x0F, 0x34}, VEC_GP, NONE},
    {"cli above IOPL", RING3, {0xFA}, VEC_GP, 0},
    {"sti above IOPL", RING3, {0xFB}, VEC_GP, 0},
    {"in al, 60h: no map", RING3, {0xE4, 0x60}, VEC_GP, 0, .prepare = no_io_map},
    {"out 60h, eax: no map", RING3, {0xE7, 0x60}, VEC_GP, 0, .prepare = no_io_map},
    {"in eax, dx: no map", RING3, {0xED}, VEC_GP, 0, .prepare = no_io_map},
    {"out dx, al: no map", RING3, {0xEE}, VEC_GP, 0, .prepare = no_io_map},
    {"insb: no map", RING3, {0x6C}, VEC_GP, 0, .prepare = no_io_map},
    {"rep outsd, count 0: no map", RING3, {0xF3, 0x6F}, VEC_GP, 0, .prepare = no_io_map},
};

static const struct fault_case unknown[] = {
    {"ud2", RING0, {0x0F, 0x0B}, VEC_UD, NONE},
    {"ud1", RING0, {0x0F, 0xB9, 0xC0}, VEC_UD, NONE},
    {"mov eax, cr1", RING0, {0x0F, 0x20, 0xC8}, VEC_UD, NONE},
    {"mov cr5, eax", RING0, {0x0F, 0x22, 0xE8}, VEC_UD, NONE},
    {"mov eax, dr4 with DE", RING0, {0x0F, 0x21, 0xE0}, VEC_UD, NONE, .prepare = de},
    {"mov dr5, eax with DE", RING3, {0x0F, 0x23, 0xE8}, VEC_UD, NONE, .prepare = de},
    {"mov cs, ax", RING0, {0x8E, 0xC8}, VEC_UD, NONE},
    {"mov s6, ax", RING0, {0x8E, 0xF0}, VEC_UD, NONE},
    {"lock mov", RING0, {0xF0, 0x89, 0x05, 0, 0xA0}, VEC_UD, NONE},
    {"lock add eax, eax", RING0, {0xF0, 0x01, 0xC0}, VEC_UD, NONE},
    {"lock cmp", RING0, {0xF0, 0x39, 0x05, 0, 0xA0}, VEC_UD, NONE},
    {"lea eax, eax", RING0, {0x8D, 0xC0}, VEC_UD, NONE},
    {"les eax, eax", RING0, {0xC4, 0xC0}, VEC_UD, NONE},
    {"bound eax, eax", RING0, {0x62, 0xC0}, VEC_UD, NONE},
    {"jmp far eax", RING0, {0xFF, 0xE8}, VEC_UD, NONE},
    {"call far eax", RING0, {0xFF, 0xD8}, VEC_UD, NONE},
    {"cmpxchg8b eax", RING0, {0x0F, 0xC7, 0xC8}, VEC_UD, NONE},
    {"invlpg eax", RING0, {0x0F, 0x01, 0xF8}, VEC_UD, NONE},
    {"lgdt eax", RING0, {0x0F, 0x01, 0xD0}, VEC_UD, NONE},
    {"sldt in real mode", REAL, {0x0F, 0x00, 0xC0}, VEC_UD, NONE},
    {"str in real mode", REAL, {0x0F, 0x00, 0xC8}, VEC_UD, NONE},
    {"lldt in real mode", REAL, {0x0F, 0x00, 0xD0}, VEC_UD, NONE},
    {"ltr in real mode", REAL, {0x0F, 0x00, 0xD8}, VEC_UD, NONE},
    {"verr in real mode", REAL, {0x0F, 0x00, 0xE0}, VEC_UD, NONE},
    {"verw in real mode", REAL, {0x0F, 0x00, 0xE8}, VEC_UD, NONE},
    {"lar in real mode", REAL, {0x0F, 0x02, 0xC0}, VEC_UD, NONE},
    {"lsl in real mode", REAL, {0x0F, 0x03, 0xC0}, VEC_UD, NONE},
    {"arpl in real mode", REAL, {0x63, 0xC0}, VEC_UD, NONE},
    {"sldt in V86 mode", V86, {0x0F, 0x00, 0xC0}, VEC_UD, NONE},
    {"lar in V86 mode", V86, {0x0F, 0x02, 0xC0}, VEC_UD, NONE},
    {"arpl in V86 mode", V86, {0x63, 0xC0}, VEC_UD, NONE},
    {"16 bytes",
     RING0,
     {0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
      0x90},
     VEC_GP,
     0},
    {"fld1 with EM", RING0, {0xD9, 0xE8}, VEC_NM, NONE, .prepare = set_em},
    {"fld1 with TS", RING0, {0xD9, 0xE8}, VEC_NM, NONE, .prepare = set_ts},
    {"wait with TS and MP", RING0, {0x9B}, VEC_NM, NONE, .prepare = set_ts_mp},
    {"movq mm0, mm0 with EM", RING0, {0x0F, 0x6F, 0xC0}, VEC_UD, NONE, .prepare = set_em},
    {"movq mm0, mm0 with TS", RING0, {0x0F, 0x6F, 0xC0}, VEC_NM, NONE, .prepare = set_ts},
    {"emms with TS", RING0, {0x0F, 0x77}, VEC_NM, NONE, .prepare = set_ts},
    {"movaps without OSFXSR", RING0, {0x0F, 0x28, 0xC0}, VEC_UD, NONE},
    {"movaps with TS", RING0, {0x0F, 0x28, 0xC0}, VEC_NM, NONE, .prepare = osfxsr_ts},
    {"movaps of an odd address", RING0, {0x0F, 0x28, 0x05, 8, 0xA0}, VEC_GP, 0, .prepare = osfxsr},
    {"fxsave at an odd address", RING0, {0x0F, 0xAE, 0x05, 8, 0xA0}, VEC_GP, 0, .prepare = osfxsr},
    {"ldmxcsr of a reserved bit",
     RING0,
     {0x0F, 0xAE, 0x15, 0, 0x80},
     VEC_GP,
     0,
     .prepare = osfxsr}, /* the instruction's own bytes */
    {"div by zero", RING0, {0xF7, 0xF1}, VEC_DE, NONE},
    {"aam 0", RING0, {0xD4, 0x00}, VEC_DE, NONE},
    {"bound exceeded", RING0, {0x62, 0x05, 0, 0xA0, 0, 0}, VEC_BR, NONE, .eax = 1},
    {"mov with AC", RING3, {0x8B, 0x45, 0x01}, VEC_AC, 0, .prepare = unaligned_user},
};

static const struct fault_case loads[] = {
    {"mov ds: beyond the GDT", RING0, {0x8E, 0xD8}, VEC_GP, 0x100, .eax = 0x100},
    {"mov ds: no LDT", RING0, {0x8E, 0xD8}, VEC_GP, 0x0C, .eax = 0x0C},
    {"mov ds: execute-only", RING0, {0x8E, 0xD8}, VEC_GP, EXEC_ONLY, .eax = EXEC_ONLY},
    {"mov ds: a TSS", RING0, {0x8E, 0xD8}, VEC_GP, SEL_TSS_A, .eax = SEL_TSS_A},
    {"mov ds: DPL below CPL", RING3, {0x8E, 0xD8}, VEC_GP, DATA0, .eax = DATA0},
    {"mov ds: DPL below RPL", RING0, {0x8E, 0xD8}, VEC_GP, DATA0, .eax = DATA0 | 1},
    {"mov ds: absent", RING0, {0x8E, 0xD8}, VEC_NP, ABSENT, .eax = ABSENT},
    {"mov ss: null", RING0, {0x8E, 0xD0}, VEC_GP, 0},
    {"mov ss: read-only", RING0, {0x8E, 0xD0}, VEC_GP, READ_ONLY, .eax = READ_ONLY},
    {"mov ss: code", RING0, {0x8E, 0xD0}, VEC_GP, CODE0, .eax = CODE0},
    {"mov ss: RPL", RING0, {0x8E, 0xD0}, VEC_GP, DATA0, .eax = DATA0 | 1},
    {"mov ss: DPL", RING0, {0x8E, 0xD0}, VEC_GP, DATA3 & ~3, .eax = DATA3 & ~3},
    {"mov ss: absent", RING0, {0x8E, 0xD0}, VEC_SS, ABSENT, .eax = ABSENT},
    {"pop ss: absent", RING0, {0x17}, VEC_SS, ABSENT, .stack = {ABSENT}},
    {"pop es: absent", RING0, {0x07}, VEC_NP, ABSENT, .stack = {ABSENT}},
    {"pop fs: code", RING0, {0x0F, 0xA1}, VEC_GP, EXEC_ONLY, .stack = {EXEC_ONLY}},
    {"pop gs: a TSS", RING0, {0x0F, 0xA9}, VEC_GP, SEL_TSS_A, .stack = {SEL_TSS_A}},
    {"lds: absent",
     RING0,
     {LDS_PTR},
     VEC_NP,
     FREE,
     .free = SEGMENT(0, 0xFFFF, 0x12, 0),
     .prepare = far_pointer_to_free},
    {"lss: absent",
     RING0,
     {0x0F, 0xB2, 0x1D, 0, 0xA0, 0, 0},
     VEC_SS,
     FREE,
     .free = SEGMENT(0, 0xFFFF, 0x12, 0),
     .prepare = far_pointer_to_free},
    {"lfs: execute-only",
     RING0,
     {0x0F, 0xB4, 0x1D, 0, 0xA0, 0, 0},
     VEC_GP,
     FREE,
     .free = SEGMENT(0, 0xFFFF, 0x98, 0),
     .prepare = far_pointer_to_free},
    {"lgs: DPL",
     RING3,
     {0x0F, 0xB5, 0x1D, 0, 0xA0, 0, 0},
     VEC_GP,
     0,
     .prepare = far_pointer_to_free}, /* DS is null there: the pointer itself */
    {"lldt: a selector of the LDT", RING0, {0x0F, 0x00, 0xD0}, VEC_GP, 4, .eax = 4},
    {"lldt: beyond the GDT", RING0, {0x0F, 0x00, 0xD0}, VEC_GP, 0x100, .eax = 0x100},
    {"lldt: a TSS", RING0, {0x0F, 0x00, 0xD0}, VEC_GP, SEL_TSS_B, .eax = SEL_TSS_B},
    {"lldt: data", RING0, {0x0F, 0x00, 0xD0}, VEC_GP, DATA0, .eax = DATA0},
    {"lldt: absent",
     RING0,
     {0x0F, 0x00, 0xD0},
     VEC_NP,
     FREE,
     .eax = FREE,
     .free = SEGMENT(0, 0xFF, 0x02, 0)},
    {"ltr: null", RING0, {0x0F, 0x00, 0xD8}, VEC_GP, 0},
    {"ltr: a selector of the LDT", RING0, {0x0F, 0x00, 0xD8}, VEC_GP, 4, .eax = 4},
    {"ltr: busy", RING0, {0x0F, 0x00, 0xD8}, VEC_GP, SEL_TSS_A, .eax = SEL_TSS_A},
    {"ltr: an LDT", RING0, {0x0F, 0x00, 0xD8}, VEC_GP, SEL_LDT, .eax = SEL_LDT},
    {"ltr: absent",
     RING0,
     {0x0F, 0x00, 0xD8},
     VEC_NP,
     FREE,
     .eax = FREE,
     .free = SEGMENT(TSS_B, 0x67, 0x09, 0)},
};

static const struct fault_case jumps[] = {
    {"null", RING0, {FAR_JUMP(0, 0)}, VEC_GP, 0},
    {"null with RPL", RING0, {FAR_JUMP(3, 0)}, VEC_GP, 0},
    {"no LDT", RING0, {FAR_JUMP(0x0C, 0)}, VEC_GP, 0x0C},
    {"data", RING0, {FAR_JUMP(DATA0, 0)}, VEC_GP, DATA0},
    {"an outer level", RING0, {FAR_JUMP(CODE3, 0)}, VEC_GP, CODE3 & ~3},
    {"an inner level", RING3, {FAR_JUMP(CODE0, 0)}, VEC_GP, CODE0},
    {"RPL above CPL", RING0, {FAR_JUMP(CODE0 | 1, 0)}, VEC_GP, CODE0},
    {"conforming code of an outer level",
     RING0,
     {FAR_JUMP(FREE, 0)},
     VEC_GP,
     FREE,
     .free = SEGMENT(0, 0xFFFF, 0xFE, 4)},
    {"absent code", RING0, {FAR_JUMP(FREE, 0)}, VEC_NP, FREE, .free = SEGMENT(0, 0xFFFF, 0x1A, 4)},
    {"an offset beyond the limit",
     RING0,
     {FAR_JUMP(FREE, 0x1000)},
     VEC_GP,
     0,
     .free = SEGMENT(0, 0xFFF, 0x9A, 4)},
    {"an LDT", RING0, {FAR_JUMP(SEL_LDT, 0)}, VEC_GP, SEL_LDT},
    {"an interrupt gate", RING0, {FAR_JUMP(FREE, 0)}, VEC_GP, FREE, .free = A_GATE(CODE0, 0, 0x8E)},
    {"gate: DPL below CPL",
     RING3,
     {FAR_JUMP(FREE, 0)},
     VEC_GP,
     FREE,
     .free = A_GATE(CODE3, 0, 0x8C)},
    {"gate: DPL below RPL",
     RING0,
     {FAR_JUMP(FREE | 1, 0)},
     VEC_GP,
     FREE,
     .free = A_GATE(CODE0, 0, 0x8C)},
    {"gate: absent", RING0, {FAR_JUMP(FREE, 0)}, VEC_NP, FREE, .free = A_GATE(CODE0, 0, 0x0C)},
    {"gate: null target", RING0, {FAR_JUMP(FREE, 0)}, VEC_GP, 0, .free = A_GATE(3, 0, 0x8C)},
    {"gate: target beyond the GDT",
     RING0,
     {FAR_JUMP(FREE, 0)},
     VEC_GP,
     0x100,
     .free = A_GATE(0x100, 0, 0x8C)},
    {"gate: data target",
     RING0,
     {FAR_JUMP(FREE, 0)},
     VEC_GP,
     DATA0,
     .free = A_GATE(DATA0, 0, 0x8C)},
    {"gate: inner target by JMP",
     RING3,
     {FAR_JUMP(FREE | 3, 0)},
     VEC_GP,
     CODE0,
     .free = A_GATE(CODE0, 0, 0xEC)},
    {"gate: outer target",
     RING0,
     {FAR_JUMP(FREE, 0)},
     VEC_GP,
     CODE3 & ~3,
     .free = A_GATE(CODE3, 0, 0x8C)},
    {"gate: absent target",
     RING0,
     {FAR_JUMP(FREE, 0)},
     VEC_NP,
     FREE2,
     .free = A_GATE(FREE2, 0, 0x8C),
     .free2 = SEGMENT(0, 0xFFFF, 0x1A, 4)},
    {"gate: offset beyond the limit",
     RING0,
     {FAR_JUMP(FREE, 0)},
     VEC_GP,
     0,
     .free = A_GATE(FREE2, 0x10000, 0x8C),
     .free2 = SEGMENT(0, 0xFFFF, 0x9A, 4)},
    {"TSS: DPL below CPL", RING3, {FAR_JUMP(SEL_TSS_B, 0)}, VEC_GP, SEL_TSS_B},
    {"TSS: busy", RING0, {FAR_JUMP(SEL_TSS_A, 0)}, VEC_GP, SEL_TSS_A},
    {"TSS: absent",
     RING0,
     {FAR_JUMP(FREE, 0)},
     VEC_NP,
     FREE,
     .free = SEGMENT(TSS_B, 0x67, 0x09, 0)},
    {"TSS: too short",
     RING0,
     {FAR_JUMP(FREE, 0)},
     VEC_TS,
     FREE,
     .free = SEGMENT(TSS_B, 0x66, 0x89, 0)},
    {"TSS of 16 bits: too short",
     RING0,
     {FAR_JUMP(FREE, 0)},
     VEC_TS,
     FREE,
     .free = SEGMENT(TSS_B, 0x2A, 0x81, 0)},
    {"task gate: absent",
     RING0,
     {FAR_JUMP(FREE, 0)},
     VEC_NP,
     FREE,
     .free = A_GATE(SEL_TSS_B, 0, 0x05)},
    {"task gate: DPL",
     RING3,
     {FAR_JUMP(FREE, 0)},
     VEC_GP,
     FREE,
     .free = A_GATE(SEL_TSS_B, 0, 0x85)},
    {"task gate: a TSS of the LDT",
     RING0,
     {FAR_JUMP(FREE, 0)},
     VEC_GP,
     4,
     .free = A_GATE(4, 0, 0x85)},
    {"task gate: not a TSS",
     RING0,
     {FAR_JUMP(FREE, 0)},
     VEC_GP,
     CODE0,
     .free = A_GATE(CODE0, 0, 0x85)},
    {"task gate: busy",
     RING0,
     {FAR_JUMP(FREE, 0)},
     VEC_GP,
     SEL_TSS_A,
     .free = A_GATE(SEL_TSS_A, 0, 0x85)},
};

static const struct fault_case calls[] = {
    {"null", RING0, {FAR_CALL(0, 0)}, VEC_GP, 0},
    {"data", RING0, {FAR_CALL(DATA0, 0)}, VEC_GP, DATA0},
    {"an LDT", RING0, {FAR_CALL(SEL_LDT, 0)}, VEC_GP, SEL_LDT},
    {"an inner level", RING3, {FAR_CALL(CODE0, 0)}, VEC_GP, CODE0},
    {"absent code", RING0, {FAR_CALL(FREE, 0)}, VEC_NP, FREE, .free = SEGMENT(0, 0xFFFF, 0x1A, 4)},
    {"an offset beyond the limit",
     RING0,
     {FAR_CALL(FREE, 0x1000)},
     VEC_GP,
     0,
     .free = SEGMENT(0, 0xFFF, 0x9A, 4)},
    {"gate: outer target",
     RING0,
     {FAR_CALL(FREE, 0)},
     VEC_GP,
     CODE3 & ~3,
     .free = A_GATE(CODE3, 0, 0x8C)},
    {"gate: offset beyond the limit",
     RING0,
     {FAR_CALL(FREE, 0)},
     VEC_GP,
     0,
     .free = A_GATE(FREE2, 0x10000, 0x8C),
     .free2 = SEGMENT(0, 0xFFFF, 0x9A, 4)},
    {"inner: offset beyond the limit",
     RING3,
     {FAR_CALL(FREE | 3, 0)},
     VEC_GP,
     0,
     .free = A_GATE(FREE2, 0x10000, 0xEC),
     .free2 = SEGMENT(0, 0xFFFF, 0x9A, 4)},
};

/* What RETF (and IRET, with EFLAGS in between) checks. */
static const struct fault_case returns[] = {
    {"null", RING0, {RETF}, VEC_GP, 0, .stack = {0, 3}},
    {"beyond the GDT", RING0, {RETF}, VEC_GP, 0x100, .stack = {0, 0x100}},
    {"data", RING0, {RETF}, VEC_GP, DATA0, .stack = {0, DATA0}},
    {"inwards", RING3, {RETF}, VEC_GP, CODE0, .stack = {0, CODE0}},
    {"DPL is not RPL", RING0, {RETF}, VEC_GP, CODE0, .stack = {0, CODE0 | 1}},
    {"conforming with DPL above RPL",
     RING0,
     {RETF},
     VEC_GP,
     FREE,
     .stack = {0, FREE},
     .free = SEGMENT(0, 0xFFFF, 0xBE, 4)},
    {"absent code",
     RING0,
     {RETF},
     VEC_NP,
     FREE,
     .stack = {0, FREE},
     .free = SEGMENT(0, 0xFFFF, 0x1A, 4)},
    {"an offset beyond the limit",
     RING0,
     {RETF},
     VEC_GP,
     0,
     .stack = {0x1000, FREE},
     .free = SEGMENT(0, 0xFFF, 0x9A, 4)},
    {"outwards: null stack", RING0, {RETF}, VEC_GP, 0, .stack = {0, CODE3, STACK3, 3}},
    {"outwards: RPL of the stack",
     RING0,
     {RETF},
     VEC_GP,
     DATA0,
     .stack = {0, CODE3, STACK3, DATA0}},
    {"outwards: DPL of the stack",
     RING0,
     {RETF},
     VEC_GP,
     DATA0,
     .stack = {0, CODE3, STACK3, DATA0 | 3}},
    {"outwards: read-only stack",
     RING0,
     {RETF},
     VEC_GP,
     FREE,
     .stack = {0, CODE3, STACK3, FREE | 3},
     .free = SEGMENT(0, 0xFFFF, 0xF0, 0)},
    {"outwards: absent stack",
     RING0,
     {RETF},
     VEC_SS,
     FREE,
     .stack = {0, CODE3, STACK3, FREE | 3},
     .free = SEGMENT(0, 0xFFFF, 0x72, 0)},
    {"iret: null", RING0, {IRETD}, VEC_GP, 0, .stack = {0, 0, 2}},
    {"iret: inwards", RING3, {IRETD}, VEC_GP, CODE0, .stack = {0, CODE0, 2}},
    {"iret: absent code",
     RING0,
     {IRETD},
     VEC_NP,
     FREE,
     .stack = {0, FREE, 2},
     .free = SEGMENT(0, 0xFFFF, 0x1A, 4)},
    {"iret: stack of the outer level",
     RING0,
     {IRETD},
     VEC_GP,
     DATA0,
     .stack = {0, CODE3, 2, STACK3, DATA0}},
    {"iret to V86: IP above FFFFh",
     RING0,
     {IRETD},
     VEC_GP,
     0,
     .stack = {0x10000, 0x1000, FLAG_VM | 2, 0, 0}},
    {"iret with NT: back link in the LDT", RING0, {IRETD}, VEC_TS, 4, .prepare = nested_ldt},
    {"iret with NT: back link no TSS",
     RING0,
     {IRETD},
     VEC_TS,
     FREE,
     .prepare = nested,
     .free = CODE_32},
    {"iret with NT: task not busy",
     RING0,
     {IRETD},
     VEC_TS,
     FREE,
     .prepare = nested,
     .free = SEGMENT(TSS_B, 0x67, 0x89, 0)},
    {"iret with NT: task absent",
     RING0,
     {IRETD},
     VEC_NP,
     FREE,
     .prepare = nested,
     .free = SEGMENT(TSS_B, 0x67, 0x0B, 0)},
};

static const struct fault_case interrupts[] = {
    {"beyond the IDT", RING0, {INT_30}, VEC_GP, IDT_30, .prepare = short_idt},
    {"no gate: code", RING0, {INT_30}, VEC_GP, IDT_30, .gate = CODE_32},
    {"no gate: a TSS", RING0, {INT_30}, VEC_GP, IDT_30, .gate = SEGMENT(TSS_B, 0x67, 0x89, 0)},
    {"no gate: a call gate", RING0, {INT_30}, VEC_GP, IDT_30, .gate = A_GATE(CODE0, 0, 0x8C)},
    {"DPL below CPL", RING3, {INT_30}, VEC_GP, IDT_30},
    {"absent", RING0, {INT_30}, VEC_NP, IDT_30, .gate = A_GATE(CODE0, 0, 0x0E)},
    {"null target", RING0, {INT_30}, VEC_GP, 0, .gate = A_GATE(3, 0, 0x8E)},
    {"target beyond the GDT", RING0, {INT_30}, VEC_GP, 0x100, .gate = A_GATE(0x100, 0, 0x8E)},
    {"data target", RING0, {INT_30}, VEC_GP, DATA0, .gate = A_GATE(DATA0, 0, 0x8E)},
    {"outer target", RING0, {INT_30}, VEC_GP, CODE3 & ~3, .gate = A_GATE(CODE3, 0, 0x8E)},
    {"absent target",
     RING0,
     {INT_30},
     VEC_NP,
     FREE,
     .gate = A_GATE(FREE, 0, 0x8E),
     .free = SEGMENT(0, 0xFFFF, 0x1A, 4)},
    {"offset beyond the limit",
     RING0,
     {INT_30},
     VEC_GP,
     0,
     .gate = A_GATE(FREE, 0x10000, 0x8E),
     .free = SEGMENT(0, 0xFFFF, 0x9A, 4)},
    {"task gate: null TSS", RING0, {INT_30}, VEC_GP, 0, .gate = A_GATE(0, 0, 0x85)},
    {"task gate: not a TSS", RING0, {INT_30}, VEC_GP, CODE0, .gate = A_GATE(CODE0, 0, 0x85)},
    {"task gate: busy", RING0, {INT_30}, VEC_GP, SEL_TSS_A, .gate = A_GATE(SEL_TSS_A, 0, 0x85)},
};

static const struct fault_case v86[] = {
    {"hlt", V86, {0xF4}, VEC_GP, 0},
    {"cli", V86, {0xFA}, VEC_GP, 0},
    {"sti", V86, {0xFB}, VEC_GP, 0},
    {"pushf", V86, {0x9C}, VEC_GP, 0},
    {"popf", V86, {0x9D}, VEC_GP, 0},
    {"int 30h", V86, {INT_30}, VEC_GP, 0},
    {"iret", V86, {0xCF}, VEC_GP, 0},
    {"mov eax, cr0", V86, {0x0F, 0x20, 0xC0}, VEC_GP, 0},
    {"mov dr0, eax", V86, {0x0F, 0x23, 0xC0}, VEC_GP, 0},
    {"lgdt", V86, {0x0F, 0x01, 0x16}, VEC_GP, 0},
    {"clts", V86, {0x0F, 0x06}, VEC_GP, 0},
    {"in al, dx: no map", V86, {0xEC}, VEC_GP, 0, .prepare = no_io_map},
    {"pushfd with VME", V86, {0x66, 0x9C}, VEC_GP, 0, .prepare = vme},
    {"popfd with VME", V86, {0x66, 0x9D}, VEC_GP, 0, .prepare = vme},
    {"iretd with VME", V86, {0x66, 0xCF}, VEC_GP, 0, .prepare = vme},
    {"sti with VME and VIP", V86, {0xFB}, VEC_GP, 0, .prepare = vme_vip},
    {"popf of IF with VME and VIP", V86, {0x9D}, VEC_GP, 0, .stack = {FLAG_IF}, .prepare = vme_vip},
    {"popf of TF with VME", V86, {0x9D}, VEC_GP, 0, .stack = {FLAG_TF}, .prepare = vme},
    {"iret of IF with VME and VIP",
     V86,
     {0xCF},
     VEC_GP,
     0,
     .stack = {0x08000000, FLAG_IF},
     .prepare = vme_vip},
    {"iret of TF with VME", V86, {0xCF}, VEC_GP, 0, .stack = {0x08000000, FLAG_TF}, .prepare = vme},
    {"mov [FFFFh], ax", V86, {0xA3, 0xFF, 0xFF}, VEC_GP, 0},
    {"push beyond the limit", V86, {0x50}, VEC_SS, 0, .prepare = short_stack},
};

/* --- Running one ----------------------------------------------------------------------------- */

static void start_real(struct machine *m)
{
    for (unsigned v = 0; v < 256; v++)
        put(m, 4 * v, 0x05000000 + 16 * v, 4); /* 0500:16v, as in protected mode */
    memset(m->ram + 0x5000, 0xF4, 0x1000);
    segment_load_real(m->c, SEG_CS, CODE >> 4, false);
    segment_load_real(m->c, SEG_SS, 0x0600, false);
    m->c->eip = 0;
    m->c->reg[ESP].d = 0x0800;
}

static void start_v86(struct machine *m)
{
    const uint32_t frame[9] = {0, CODE >> 4, FLAG_VM | FLAG_ONE, 0x0800, 0x0600, 1, 2, 3, 4};
    m->c->reg[ESP].d = 0x6F00 - sizeof frame;
    memcpy(m->ram + m->c->reg[ESP].d, frame, sizeof frame);
    MUST_NOT_FAULT(m, interrupt_return(m->c, 4, 0));
}

static void start(struct machine *m, const struct fault_case *t)
{
    machine_create(m, CPU_P4);
    if (t->start == REAL) {
        start_real(m);
    } else {
        machine_protect(m);
        m->c->dr[7] = 0x400;
        if (t->free)
            put(m, GDT + FREE, t->free, 8);
        if (t->free2)
            put(m, GDT + FREE2, t->free2, 8);
        if (t->gate)
            put(m, IDT + 8 * 0x30, t->gate, 8);
    }
    if (t->start == RING3)
        machine_to_user(m, FLAG_ONE);
    else if (t->start == V86)
        start_v86(m);
    physmap_poke(m->pm, CODE, t->code, sizeof t->code);
    for (unsigned n = 0; n < 8; n++) {
        if (n != ESP && n != EBP && n != ECX)
            m->c->reg[n].d = 0x11111111 * n;
    }
    m->c->reg[EBP].d = STACK3;
    m->c->reg[EAX].d = t->eax;
    if (t->prepare)
        t->prepare(m);
    uint32_t at = (uint32_t)m->c->seg[SEG_SS].base + m->c->reg[ESP].d;
    physmap_poke(m->pm, at, t->stack, sizeof t->stack);
}

static void run_case(const struct fault_case *t)
{
    struct machine m;
    start(&m, t);
    struct vcpu *c = m.c;
    uint32_t eip = (uint32_t)c->eip;
    union gpr_value before[8];
    memcpy(before, c->reg, sizeof before);
    enum vcpu_exit why = machine_run(&m, 10);
    uint32_t at = (uint32_t)(c->seg[SEG_CS].base + c->eip);
    ck_assert_msg(why == EXIT_HALT && at >= 0x5000 && at < 0x6000, "%s: no fault (%d, %08X)",
                  t->what, why, at);
    unsigned vector = (at - 1 - 0x5000) / 16;
    uint32_t sp = (uint32_t)c->seg[SEG_SS].base + c->reg[ESP].d;
    bool has_error = t->error != NONE;
    ck_assert_msg(vector == t->vector, "%s: vector %u for %u", t->what, vector, t->vector);
    if (has_error)
        ck_assert_msg(get32(&m, sp) == (uint32_t)t->error, "%s: error code %X for %X", t->what,
                      get32(&m, sp), t->error);
    sp += has_error ? 4 : 0;
    uint32_t pushed = t->start == REAL ? get16(&m, sp) : get32(&m, sp);
    ck_assert_msg(pushed == eip, "%s: pushed %X for %X", t->what, pushed, eip);
    if (t->start != REAL)
        ck_assert_msg(get32(&m, sp + 8) & FLAG_RF, "%s: RF is clear", t->what);
    for (unsigned n = 0; n < 8; n++) {
        if (n != ESP)
            ck_assert_msg(c->reg[n].d == before[n].d, "%s: register %u changed", t->what, n);
    }
    machine_destroy(&m);
}

#define FAULT_TEST(table)                               \
    START_TEST(table##_faults)                          \
    {                                                   \
        for (unsigned n = 0; n < ARRAY_LEN(table); n++) \
            run_case(&table[n]);                        \
    }                                                   \
    END_TEST

FAULT_TEST(privileged)
FAULT_TEST(unknown)
FAULT_TEST(loads)
FAULT_TEST(jumps)
FAULT_TEST(calls)
FAULT_TEST(returns)
FAULT_TEST(interrupts)
FAULT_TEST(v86)

int main(void)
{
    const TTest *const tests[] = {privileged_faults, unknown_faults, loads_faults,
                                  jumps_faults,      calls_faults,   returns_faults,
                                  interrupts_faults, v86_faults};
    return run_tests("faults", tests, ARRAY_LEN(tests));
}
