/* cpu/frame.h: a stack frame that is checked as a whole before any of it is written: what gates,
 * far calls and interrupts push. The stack may be one that is not loaded yet (an inner level's). */
#ifndef UMBRA_CPU_FRAME_H
#define UMBRA_CPU_FRAME_H

#include "cpu/segment.h"

#define FRAME_MAX 40 /* 31 parameters of a call gate, SS:ESP, CS:EIP, and room */

struct frame {
    uint64_t base; /* of the stack segment, with its limit and attributes */
    uint32_t limit;
    uint16_t attr;
    uint32_t sp;
    unsigned size;  /* of each push: 2 or 4 bytes */
    bool user;      /* written with CPL 3's rights */
    uint16_t error; /* selector in the error code of #SS */
    unsigned count;
    uint8_t *host; /* of the lowest byte, when frame_check found it directly writable */
    uint32_t value[FRAME_MAX];
};

/* A frame on the current stack. */
struct frame frame_here(const struct vcpu *c, unsigned size);

/* A frame on another stack for privilege level cpl; #SS names its selector. */
struct frame frame_on(const struct descriptor *stack, uint16_t selector, uint32_t sp, unsigned cpl,
                      unsigned size);

/* Adds a value; the first one ends up highest. */
static inline void frame_push(struct frame *f, uint32_t value)
{
    if (f->count < FRAME_MAX)
        f->value[f->count++] = value;
}

/* Checks that everything fits (limit, rights, pages); raises #SS, #AC or #PF. Writes nothing. */
void frame_check(struct vcpu *c, struct frame *f);

/* Writes it; call frame_check first. Data breakpoints see it. Returns the new stack pointer: the
 * part of ESP above a 16-bit stack's SP as it was in f->sp. */
uint32_t frame_write(struct vcpu *c, const struct frame *f);

#endif
