/* translator/backend.h: what a host backend offers the translator. There is one per host
 * architecture (translator/x86_64/); a build for another host has none, and no engine "translate".
 */
#ifndef UMBRA_TRANSLATOR_BACKEND_H
#define UMBRA_TRANSLATOR_BACKEND_H

#include "translator/unit.h"

struct translator;

struct backend_stubs {
    void (*enter)(struct vcpu *c, const uint8_t *host); /* runs host code until it leaves */
    const uint8_t *help, *link, *miss, *poll, *fpu;     /* where units jump to; see translator.h */
    const uint8_t *narrow;                              /* ... with a narrow_function in R10 */
    const uint8_t *again; /* a return came where it was not meant: to the token in R10 */
    const uint8_t *empty; /* the same, and there is nothing on the stack of returns */
};

/* Can this host run translated code? If not, *why says what is missing. */
bool backend_available(const char **why);

/* May a unit go on behind a block that ends with this instruction? (It is no branch, or one that
 * may be not taken.) */
bool backend_goes_on(const struct insn *last);

/* Does this instruction's handler look at the x87's or MMX's state? */
bool backend_x87_notes_operand(const struct insn *i); /* it has one, and the x87 keeps where */
bool backend_uses_x87(const struct insn *i);

/* The vCPU's x87 state to the host's x87, and back; what was there is lost. The latter leaves the
 * host's as it is, with C's XMM registers and MXCSR in any case. */
void backend_x87_load(struct translator *t);
void backend_x87_save(struct translator *t);
/* The host's x87 as C wants it. */
void backend_x87_reset(void);
/* The host's x87 status word; its control word; its control, status and tag words (FLDENV). */
uint16_t backend_x87_status(void);
void backend_x87_set_control(uint16_t control);
void backend_x87_set_environment(uint16_t control, uint16_t status, uint16_t tags);

/* Has this host what windows need (a base register that user code may set)? */
bool backend_has_windows(void);
void backend_set_window(uint8_t *base);

/* May host code keep returns on a stack of its own (the kernel does not shadow the host's)? */
bool backend_has_returns(void);

/* Does the LOOP instruction take as long as any other here? */
bool backend_loops_fast(void);

/* A clock of the host, about one tick a cycle. */
uint64_t backend_cycles(void);

/* Does the unit go on behind this instruction although it ends its block, when its handler (or
 * narrow function) finds nothing that is in the way? */
bool backend_resumes(const struct insn *i);

/* Does an instruction like this have its immediate at the end of its host code, as it is? */
bool backend_keeps_immediate(const struct insn *i);

/* Puts the immediate of instruction n of u, which has imm_size bytes of it, into its host code. */
void backend_put_immediate(struct translator *t, const struct unit *u, unsigned n);

/* Bytes that this instruction writes at its ModRM memory operand. 0: none, or it is not emitted as
 * it is. */
unsigned backend_writes_memory(const struct insn *i);

/* The same for x87, MMX and SSE. */
unsigned backend_fpu_writes_memory(const struct insn *i);

/* Bytes that it reads or writes there; 0 as above. */
unsigned backend_accesses_memory(const struct insn *i, bool *writes);
/* The same for those of SSE that have nothing to do with the x87. */
unsigned backend_sse_accesses_memory(const struct insn *i, bool *writes);

/* Bytes that it writes at ES:EDI: a single MOVS or STOS. */
unsigned backend_string_writes(const struct insn *i);

/* Must host code be left behind this instruction, since it may change the mode? */
bool backend_must_leave(const struct insn *i);

/* Bytes that the largest unit may take. */
#define BACKEND_UNIT_ROOM 65536

/* Emits the stubs at the start of the code cache. */
void backend_emit_stubs(struct translator *t);

/* Emits u, whose instructions are filled in: at u->start, if it fits the u->room bytes there; else
 * at the cache's end, which is advanced, with u->start and u->room set. */
void backend_emit(struct translator *t, struct unit *u);

/* Emits, at the cache's end, a jump to token by way of the jump table; returns where it runs. */
#define BACKEND_JUMP_ROOM 64
const uint8_t *backend_emit_jump(struct translator *t, uint32_t token);

/* u's eip grew by a multiple of the page size: brings its host code up to date. */
void backend_move(struct translator *t, const struct unit *u, uint32_t by);

/* Has the jump of u's link go to the host address to. */
void backend_patch(struct translator *t, const struct unit *u, const struct unit_link *link,
                   const uint8_t *to);

/* Between these, faults of t's host code in the calling thread are taken. begin: false when the
 * host refuses. */
must_use bool backend_faults_begin(struct translator *t);
void backend_faults_end(struct translator *t);
void backend_faults_free(struct translator *t);

#endif
