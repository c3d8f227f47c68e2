/* cpu/access.h: guest memory as instructions see it: segment check, linear address, TLB, memory.
 *
 * Each access checks segment limit and rights, then the page, before a byte moves; one that
 * crosses a page checks both pages first. The fast path is inline: one compare for the segment and
 * one for the TLB. Everything else (limit faults, misses, MMIO, code pages, page crossing, #AC) is
 * in access.c. i is the instruction on whose behalf the access is made: it becomes c->cur before
 * anything can raise. */
#ifndef UMBRA_CPU_ACCESS_H
#define UMBRA_CPU_ACCESS_H

#include "cpu/state.h"

/* Slow paths: complete, for any size 1, 2, 4, 8. */
uint64_t access_load_slow(struct vcpu *c, const struct insn *i, unsigned seg, uint32_t offset,
                          unsigned size);
void access_store_slow(struct vcpu *c, const struct insn *i, unsigned seg, uint32_t offset,
                       uint64_t value, unsigned size);
/* A store into a page with code, when nothing else is special about it (it neither raises nor needs
 * a look at breakpoints). */
enum store_noted {
    STORE_NOT_NOTED, /* nothing was done */
    STORE_CODE,      /* some of the bytes are code; or it is a page table that is followed */
    STORE_BESIDE,    /* none is, or all stay as they were */
};
enum store_noted access_store_noted(struct vcpu *c, unsigned seg, uint32_t offset, uint64_t value,
                                    unsigned size);
/* The host address of memory to be written in a page with code, when nothing else is special about
 * that; else NULL. What is written there (within that page) goes by access_copy_noted, which leaves
 * alone what stays the same. */
uint8_t *access_noted(struct vcpu *c, unsigned seg, uint32_t offset, unsigned size);
void access_copy_noted(struct vcpu *c, uint8_t *to, const uint8_t *from, size_t bytes);
/* The page at gva has just been written in the present view. Is it one with code, and the size
 * bytes there none of it? */
bool access_is_beside_code(struct vcpu *c, uint32_t gva, unsigned size);
/* The same page is entered as TLB_BESIDE, if that may be. */
void access_enter_beside(struct vcpu *c, uint32_t gva);
/* Has the page of gva in the TLB for data accesses of the present privilege. Nothing is raised. */
enum access_answer {
    ACCESS_ENTERED,
    ACCESS_SLOW,   /* each access must take the slow way */
    ACCESS_FAULTS, /* #PF with *error */
};
enum access_answer access_enter(struct vcpu *c, uint32_t gva, bool write, uint32_t *error);
/* Checks that a write of size bytes would succeed (rights, both pages, sets A and D) and returns
 * the host address when it may be accessed directly for reading and writing, else NULL. For
 * read-modify-write: after it returned, load and store at that place do not fault. */
uint8_t *access_prepare_rmw(struct vcpu *c, const struct insn *i, unsigned seg, uint32_t offset,
                            unsigned size);

#define ACCESS_DEFINE(bits)                                                                     \
    static inline uint##bits##_t load##bits(struct vcpu *c, const struct insn *i, unsigned seg, \
                                            uint32_t offset)                                    \
    {                                                                                           \
        const struct segment *s = &c->seg[seg];                                                 \
        if (likely((uint64_t)offset + bits / 8 <= s->read_len)) {                               \
            uint32_t gva = (uint32_t)s->base + offset;                                          \
            const uint8_t *p = tlb_lookup(&c->tlb, c->tlb_view, TLB_READ, gva, bits / 8);       \
            if (likely(p != NULL)) {                                                            \
                uint##bits##_t v;                                                               \
                memcpy(&v, p, sizeof v);                                                        \
                return v;                                                                       \
            }                                                                                   \
        }                                                                                       \
        return (uint##bits##_t)access_load_slow(c, i, seg, offset, bits / 8);                   \
    }                                                                                           \
    static inline void store##bits(struct vcpu *c, const struct insn *i, unsigned seg,          \
                                   uint32_t offset, uint##bits##_t v)                           \
    {                                                                                           \
        const struct segment *s = &c->seg[seg];                                                 \
        if (likely((uint64_t)offset + bits / 8 <= s->write_len)) {                              \
            uint32_t gva = (uint32_t)s->base + offset;                                          \
            uint8_t *p = tlb_lookup(&c->tlb, c->tlb_view, TLB_WRITE, gva, bits / 8);            \
            if (likely(p != NULL)) {                                                            \
                memcpy(p, &v, sizeof v);                                                        \
                return;                                                                         \
            }                                                                                   \
        }                                                                                       \
        access_store_slow(c, i, seg, offset, v, bits / 8);                                      \
    }

ACCESS_DEFINE(8)
ACCESS_DEFINE(16)
ACCESS_DEFINE(32)
ACCESS_DEFINE(64)

/* The offset that i's memory operand names, wrapped to its address size. */
static inline uint32_t insn_ea(const struct vcpu *c, const struct insn *i)
{
    uint32_t ea = c->reg[i->base].d + (c->reg[i->index].d << i->scale) + i->disp;
    return i->asize == 4 ? ea : ea & 0xFFFF;
}

/* --- By linear address, for descriptor tables, TSS and page walks on the CPU's own behalf: no
 * segment check, supervisor privilege whatever the CPL (SDM vol. 3, 4.6). May raise #PF. size up
 * to 8. */
uint64_t linear_load(struct vcpu *c, uint64_t gva, unsigned size);
void linear_store(struct vcpu *c, uint64_t gva, uint64_t value, unsigned size);
/* The same with the rights of user (CPL 3) or supervisor. */
uint64_t linear_load_as(struct vcpu *c, uint64_t gva, unsigned size, bool user);
void linear_store_as(struct vcpu *c, uint64_t gva, uint64_t value, unsigned size, bool user);
/* Raises the fault that such a store would, moves nothing: for stack frames written as a whole. */
void linear_check_store(struct vcpu *c, uint64_t gva, unsigned size, bool user);

/* For fetching code: the host address of the page at gva for execution at the current privilege and
 * its machine offset. False with nothing raised when it is not plain memory (*host is then NULL
 * and the page must be read byte by byte through access_fetch); raises #PF. */
bool access_code_page(struct vcpu *c, uint64_t gva, const uint8_t **host, uint64_t *offset);

/* A page of code, as the page tables have it. */
struct code_seen {
    const uint8_t *host;     /* where it lies in memory; NULL: it is not there */
    const uint8_t *entry[2]; /* the entries that say so: walk.h */
    uint64_t value[2], top;  /* top: the PDPTE, which is a register */
};

/* Where the page of code at gva lies by the page tables as they are now, if nothing stands against
 * fetching it and the guest would not see that it was asked for (A is set). The TLB is not asked.
 */
struct code_seen access_code_seen(struct vcpu *c, uint32_t gva);

/* Would that still say the same? In the same address space and mode. */
bool access_code_stands(const struct vcpu *c, uint32_t gva, const struct code_seen *s);
uint8_t access_fetch(struct vcpu *c, uint64_t gva);

/* As a load of a byte for faults, but from execute-only code, too: CLFLUSH (SDM vol. 2). */
void access_touch(struct vcpu *c, const struct insn *i, unsigned seg, uint32_t offset);

/* For the debugger: translates gva with the current tables. No A/D bits set, nothing raised, no
 * device read. */
bool linear_peek(struct vcpu *c, uint64_t gva, uint64_t *gpa);

#endif
