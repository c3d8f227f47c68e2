/* tests/cpu/nativefp.h: one x87, MMX or SSE instruction, executed by the interpreter and by the
 * host from the same state, so that the states after it can be compared.
 *
 * The guest runs flat 32-bit protected mode: the instruction at CODE, then HLT. The host runs the
 * same bytes in 64-bit mode between FXRSTOR and FXSAVE. A memory operand is [ebx] ([rbx]); general
 * registers are eax, ecx, edx. All exceptions must be masked. */
#ifndef UMBRA_TESTS_NATIVEFP_H
#define UMBRA_TESTS_NATIVEFP_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "cpu/decode.h"
#include "cpu/flags.h"
#include "cpu/run.h"
#include "mmu/physmap.h"
#include "tests/cpu/fpgen.h"

#define CODE 0x1000
#define DATA 0x8000

/* Offsets are known to the thunk below. */
struct fp_state {
    _Alignas(64) uint8_t fx[512]; /* as FXSAVE stores it */
    uint32_t eax, ecx, edx, flags;
    uint64_t data_pointer; /* host only */
    _Alignas(16) uint8_t data[64];
};

static inline struct vcpu *guest_create(struct physmap **pm)
{
    *pm = physmap_create(1 << 20, 0, NULL);
    ck_assert_ptr_nonnull(*pm);
    physmap_map_ram(*pm, 0, 1 << 20, 0);
    struct vcpu *c = vcpu_create(CPU_P4, *pm, NULL, (struct vcpu_host){0});
    ck_assert_ptr_nonnull(c);
    c->cr0 = CR0_PE | CR0_NE;
    c->cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT;
    for (unsigned s = 0; s < SEG_COUNT; s++)
        c->seg[s] = (struct segment){
            .selector = 8, .attr = s == SEG_CS ? 0xC09B : 0xC093, .limit = UINT32_MAX};
    c->code32 = c->stack32 = 1;
    vcpu_derive(c);
    return c;
}

static inline void guest_code(struct physmap *pm, const uint8_t *bytes, size_t len)
{
    uint8_t code[20] = {0};
    memcpy(code, bytes, len);
    code[len] = 0xF4; /* HLT */
    memcpy(physmap_host(pm, CODE), code, sizeof code);
    physmap_wrote(pm, CODE, sizeof code);
}

static inline void guest_run(struct vcpu *c, struct physmap *pm, struct fp_state *s)
{
    struct x87 *f = &c->x87;
    f->control = load_le16(s->fx);
    f->status = load_le16(s->fx + 2) & ~0x3800;
    f->top = load_le16(s->fx + 2) >> 11 & 7;
    f->tag_empty = (uint8_t)~s->fx[4];
    c->mxcsr = load_le32(s->fx + 24);
    for (unsigned n = 0; n < 8; n++) {
        struct f80 *r = &f->reg[(f->top + n) & 7];
        r->sig = load_le64(s->fx + 32 + 16 * n);
        r->se = load_le16(s->fx + 40 + 16 * n);
        memcpy(&c->xmm[n], s->fx + 160 + 16 * n, 16);
    }
    c->reg[EAX].d = s->eax;
    c->reg[ECX].d = s->ecx;
    c->reg[EDX].d = s->edx;
    c->reg[EBX].d = DATA;
    flags_set_arith(c, s->flags);
    memcpy(physmap_host(pm, DATA), s->data, sizeof s->data);
    c->halted = false;
    c->eip = CODE;
    ck_assert_int_eq(interp_run(c, 4), EXIT_HALT);

    store_le16(s->fx, f->control);
    store_le16(s->fx + 2, (uint16_t)(f->status | f->top << 11));
    s->fx[4] = (uint8_t)~f->tag_empty;
    store_le32(s->fx + 24, c->mxcsr);
    for (unsigned n = 0; n < 8; n++) {
        const struct f80 *r = &f->reg[(f->top + n) & 7];
        store_le64(s->fx + 32 + 16 * n, r->sig);
        store_le16(s->fx + 40 + 16 * n, r->se);
        memcpy(s->fx + 160 + 16 * n, &c->xmm[n], 16);
    }
    s->eax = c->reg[EAX].d;
    s->ecx = c->reg[ECX].d;
    s->edx = c->reg[EDX].d;
    s->flags = flags_arith(c);
    memcpy(s->data, physmap_host(pm, DATA), sizeof s->data);
}

#if defined(__x86_64__)

#define THUNK_INSN 37 /* offset of the instruction */

/* Host code: load the state, the instruction (20 bytes, padded), store the state. */
static inline uint8_t *thunk_create(void)
{
    static const uint8_t before[] = {
        0x53,                                     /* push rbx */
        0x48, 0x8B, 0x9F, 0x10, 0x02, 0x00, 0x00, /* mov rbx, [rdi+210h] */
        0x48, 0x0F, 0xAE, 0x0F,                   /* fxrstor64 [rdi] */
        0x8B, 0x87, 0x00, 0x02, 0x00, 0x00,       /* mov eax, [rdi+200h] */
        0x8B, 0x8F, 0x04, 0x02, 0x00, 0x00,       /* mov ecx, [rdi+204h] */
        0x8B, 0x97, 0x08, 0x02, 0x00, 0x00,       /* mov edx, [rdi+208h] */
        0xFF, 0xB7, 0x18, 0x02, 0x00, 0x00,       /* push qword [rdi+218h] */
        0x9D,                                     /* popfq */
    };
    static const uint8_t after[] = {
        0x9C,                               /* pushfq */
        0x89, 0x87, 0x00, 0x02, 0x00, 0x00, /* mov [rdi+200h], eax */
        0x58,                               /* pop rax */
        0x89, 0x87, 0x0C, 0x02, 0x00, 0x00, /* mov [rdi+20Ch], eax */
        0x89, 0x8F, 0x04, 0x02, 0x00, 0x00, /* mov [rdi+204h], ecx */
        0x89, 0x97, 0x08, 0x02, 0x00, 0x00, /* mov [rdi+208h], edx */
        0x48, 0x0F, 0xAE, 0x07,             /* fxsave64 [rdi] */
        0xDB, 0xE3,                         /* fninit */
        0x5B, 0xC3,                         /* pop rbx; ret */
    };
    _Static_assert(sizeof before == THUNK_INSN, "where host_code writes");
    uint8_t *p =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(p, MAP_FAILED);
    memcpy(p, before, sizeof before);
    memset(p + sizeof before, 0x90, 20);
    memcpy(p + sizeof before + 20, after, sizeof after);
    return p;
}

static inline void host_code(uint8_t *thunk, const uint8_t *bytes, size_t len)
{
    memset(thunk + THUNK_INSN, 0x90, 20);
    memcpy(thunk + THUNK_INSN, bytes, len);
    __builtin___clear_cache((char *)thunk, (char *)thunk + 4096);
}

struct host_tail { /* what follows fx in struct fp_state, as the thunk sees it */
    uint32_t eax, ecx, edx, flags;
    uint64_t data_pointer, flags_in;
};

static inline void host_run(uint8_t *thunk, struct fp_state *s)
{
    static const uint32_t arith = FLAGS_ARITH;
    struct {
        _Alignas(64) uint8_t fx[512];
        struct host_tail tail;
    } h;
    uint32_t mxcsr, host_flags = 0x202;
    memcpy(h.fx, s->fx, 512);
    h.tail = (struct host_tail){
        s->eax, s->ecx, s->edx, 0, (uintptr_t)s->data, host_flags | (s->flags & arith)};
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    ((void (*)(void *))(uintptr_t)thunk)(&h);
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    memcpy(s->fx, h.fx, 512);
    s->eax = h.tail.eax;
    s->ecx = h.tail.ecx;
    s->edx = h.tail.edx;
    s->flags = h.tail.flags & arith;
}

#endif
#endif
