/* translator/fpu.h: where the guest's x87, MMX and SSE state is.
 *
 * Host code runs x87, MMX and SSE instructions on the host's own registers, when the guest's CR0
 * and CR4 allow them at all; else their handlers raise what is due.
 *
 *     x87 and MMX        in the vCPU, or (in_host) in the host's x87. It stays there over calls to
 *                        C, which has no use for the x87, until C needs to see it
 *     XMM0..7 and MXCSR  in host registers while host code runs with FPU_ALL; stubs move them to
 *                        the vCPU before they call C, and back
 *
 * The guard. Units hold for any level; before its first x87 (SSE) instruction a unit loads from
 * [r13] ([r13 - 64]), which faults below that level. r13 points into the counter's strip
 * (translate.c) or before it:
 *
 *       inaccessible page   | readable strip
 *     r13:  ^ FPU_OFF       ^ FPU_X87   ^ FPU_ALL
 *
 * The fault leads to translator_fpu, which moves the state in or runs the handler. So what does not
 * use the FPU pays nothing. Exceptions that the guest unmasked come as the host's: SIGFPE, and the
 * handler of the instruction raises the guest's. */
#ifndef UMBRA_TRANSLATOR_FPU_H
#define UMBRA_TRANSLATOR_FPU_H

#include "cpu/state.h"

struct translator;

enum fpu_level { FPU_OFF, FPU_X87, FPU_ALL };

#define FPU_GUARD_STEP 64

struct fpu {
    uint8_t level;   /* enum fpu_level: what host code may use */
    bool in_host;    /* x87 state: in the host's x87, not in the vCPU */
    bool host_dirty; /* the host's x87 is not as C wants it at last */
    bool wanted;     /* the guest used it not long ago */
    bool exact;      /* approximations by handlers */
    bool copy_holds; /* the host's x87 still has what was copied from it last */
    unsigned credit; /* looks at it until it is given up, if not used anew */
    int denied;      /* balance of uses that CR0 denied: decides KEY_FPU */
    struct x87 copy;
};

void fpu_init(struct translator *t, bool exact);

/* Before host code goes on: the level fits the mode; state is moved in if it is wanted. */
void fpu_review(struct translator *t);

/* The guest uses it now. */
void fpu_want(struct translator *t);

/* The x87 state is in the vCPU from here on, and host code must ask again. True: an unmasked
 * exception was found pending and FERR# told of it. */
bool fpu_take(struct translator *t);

/* The same, and the host's x87 is as C wants it. */
void fpu_leave(struct translator *t);

/* An x87, MMX or SSE instruction ran by its handler for want of KEY_FPU. */
void fpu_note_helped(struct translator *t);

/* Is this what a guard's load faults at? */
bool fpu_is_guard(const struct translator *t, uint64_t address);

#endif
