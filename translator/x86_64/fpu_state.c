/* translator/x86_64/fpu_state.c: the x87's state between vCPU and host, as FXSAVE64 and FXRSTOR64
 * have it (Intel SDM vol. 2, FXSAVE, table of the 64-bit format with REX.W):
 *
 *       0  FCW  FSW  FTW(abridged: 1 = valid)  FOP   FIP(64)
 *      16  FDP(64)   MXCSR  MXCSR_MASK
 *      32  ST0..ST7, 16 bytes each            160  XMM
 *
 * AMD's processors give FIP, FDP and FOP only while an unmasked exception is pending; and the
 * kernel does not keep them over a switch of host threads, for which it uses the same instructions.
 */
#include <string.h>

#include "translator/translator.h"

struct image {
    uint16_t control, status;
    uint8_t valid, zero;
    uint16_t opcode;
    uint64_t ip, dp;
    uint32_t mxcsr, mxcsr_mask;
    struct {
        uint64_t sig;
        uint16_t se, zero[3];
    } st[8];
    uint8_t rest[512 - 160];
} __attribute__((aligned(16)));
_Static_assert(sizeof(struct image) == 512, "as FXSAVE has it");

#define XMM_REGISTERS                                                                        \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

void backend_x87_load(struct translator *t)
{
    const struct x87 *f = &t->vcpu->x87;
    struct image m = {.control = f->control,
                      .status = (uint16_t)((f->status & ~0x3800u) | (unsigned)f->top << 11),
                      .valid = (uint8_t)~f->tag_empty,
                      .dp = (uintptr_t)t, /* none yet */
                      .mxcsr = 0x1F80};
    for (unsigned n = 0; n < 8; n++) {
        const struct f80 *r = &f->reg[(f->top + n) & 7];
        m.st[n].sig = r->sig;
        m.st[n].se = r->se;
    }
    __asm__ volatile("fxrstor64 %0" : : "m"(m) : XMM_REGISTERS);
}

/* The last operand: the host's data pointer is its linear address where the access went through a
 * window, else a host address, and host code noted the linear one (fpu.c), and the segment's base,
 * which may have changed since. n: the last instruction;
 * the operand is that of the last before it in the unit that has one. */
static void note_operand(struct vcpu *c, const struct unit *u, unsigned n, uint64_t dp)
{
    while (!backend_x87_notes_operand(u->insn[n].insn))
        if (!n--)
            return;
    const struct insn *i = u->insn[n].insn;
    uint32_t linear = dp >> 32 ? c->translated.x87_linear : (uint32_t)dp;
    bool flat = key_segment(u->key, i->seg) == SEGMENT_FLAT;
    uint32_t offset = flat ? linear : linear - c->translated.x87_base;
    c->x87.last_ds = c->seg[i->seg].selector;
    c->x87.last_dp = i->asize == 2 ? offset & 0xFFFF : offset;
}

/* The last instruction, from its address in host code: what the guest has there. */
static void note_pointers(struct translator *t, const struct image *m)
{
    struct vcpu *c = t->vcpu;
    const uint8_t *at = (const uint8_t *)(uintptr_t)m->ip;
    struct unit *u = translator_unit_at(t, at);
    if (!u)
        return;
    unsigned n = 0;
    while (n + 1u < u->insns && u->insn[n + 1].host <= (uint32_t)(at - u->start))
        n++;
    const struct insn *i = u->insn[n].insn;
    c->x87.last_opcode = (uint16_t)((opcode_row(i->op)->opcode & 7) << 8 | i->modrm);
    c->x87.last_cs = c->seg[SEG_CS].selector;
    c->x87.last_ip = insn_eip(u, &u->insn[n]);
    if (m->dp && m->dp != (uintptr_t)t)
        note_operand(c, u, n, m->dp);
}

void backend_x87_save(struct translator *t)
{
    struct x87 *f = &t->vcpu->x87;
    struct image m;
    __asm__ volatile("fxsave64 %0" : "=m"(m));
    f->control = m.control;
    f->status = m.status & 0xC7FF;
    f->top = m.status >> 11 & 7;
    f->tag_empty = (uint8_t)~m.valid;
    for (unsigned n = 0; n < 8; n++)
        f->reg[(f->top + n) & 7] = (struct f80){m.st[n].sig, m.st[n].se};
    if (m.ip)
        note_pointers(t, &m);
}

void backend_x87_reset(void)
{
    __asm__ volatile("fninit");
}

uint16_t backend_x87_status(void)
{
    uint16_t status;
    __asm__ volatile("fnstsw %0" : "=a"(status));
    return status;
}

void backend_x87_set_control(uint16_t control)
{
    __asm__ volatile("fldcw %0" : : "m"(control));
}

/* In 64-bit mode, too, FLDENV takes the 32-bit format of protected mode. */
void backend_x87_set_environment(uint16_t control, uint16_t status, uint16_t tags)
{
    uint32_t field[7] = {control, status, tags};
    __asm__ volatile("fldenv %0" : : "m"(field));
}
