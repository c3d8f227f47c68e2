/* translator/x86_64/emit.h: making host code from a unit's instructions.
 *
 * Registers in host code
 *     eax ecx edx ebx ebp esi edi   the guest's, in the host registers of the same number, so that
 *                                   ah..bh work; the upper halves of the 64 bits are zero
 *     r8    guest esp               r14   counter (translator/flow.c)
 *     r15   the vCPU                gs    the window
 *     r9 r10 r11 r12                free within an instruction
 *     rsp   the stack of returns (translator/returns.h); flags: the guest's arithmetic ones, always
 *     xmm0..7, x87, MXCSR   the guest's while fpu.h says so; r13 tells host code
 *
 * Rule for every instruction: its host code changes no guest register or flag before its last
 * access that can fault, and nothing but the instruction itself changes flags. So at a fault the
 * signal context is the guest's state, and the interpreter can run the instruction anew. */
#ifndef UMBRA_TRANSLATOR_X86_64_EMIT_H
#define UMBRA_TRANSLATOR_X86_64_EMIT_H

#include "translator/translator.h"
#include "translator/x86_64/asm.h"

#define VCPU      R15
#define COUNTER   R14
#define FPU_GUARD R13

/* A slow path to be put behind the unit: the jump at patch comes here when the fast one does not
 * serve; the instruction is then run by its handler. */
struct slow_path {
    uint8_t *patch;
    unsigned insn;
    bool restore_ecx; /* it stands in r12 */
};

/* Slow paths of one instruction at most: two operands of two and three, a count or a code limit,
 * two spare. */
#define SLOW_MAX 8

struct emit {
    struct code code;
    struct translator *t;
    struct unit *u;
    unsigned n;           /* the instruction being emitted */
    const struct insn *i; /* the same */
    unsigned slow_count;
    uint8_t fpu;   /* enum fpu_level that holds from here on */
    int32_t esp;   /* the guest's ESP is r8 + this: see stack.c */
    uint8_t *same; /* a jump to the end of the instruction: its store changes nothing */
    struct slow_path slow[UNIT_MAX_INSNS * SLOW_MAX];
};

static inline unsigned host_reg(unsigned guest)
{
    return guest == ESP ? R8 : guest;
}

static inline struct place vcpu_field(size_t offset)
{
    return place_mem(VCPU, (int32_t)offset);
}
#define FIELD_OF(member) vcpu_field(offsetof(struct vcpu, member))

/* --- memory.c */

/* A guest address as an instruction forms it. Registers are the guest's. */
struct ea {
    uint8_t base, index; /* REG_NONE: none */
    uint8_t scale;
    uint8_t asize; /* 2 or 4 */
    uint32_t disp;
    uint8_t seg;
};

struct ea insn_place(const struct insn *i);

/* Code that makes [ea, ea + size) accessible; returns the operand to access it with. Uses r9 to
 * r12. write: it may be written. Where the instruction is a store into code that leaves it as it
 * was (plain_is_store), same is the way on. */
struct place emit_memory(struct emit *e, struct ea ea, unsigned size, bool write);

/* The same for the offset in r10. */
struct place emit_memory_r10(struct emit *e, unsigned seg, unsigned asize, unsigned size,
                             bool write);

/* Is r10 + size <= the length (of 33 bits) in the vCPU's field? If not: the slow way. Uses r11,
 * r12.
 */
void emit_check_length(struct emit *e, size_t field, unsigned size);

/* ECX is put aside in r12 and holds a number: is it 0? If not: the slow way. ECX is put back. */
void emit_check_zero(struct emit *e);

/* The offset of ea, in the segment, into a host register (not RCX). */
void emit_offset(struct emit *e, unsigned to, struct ea ea);

/* --- stack.c */

#define STACK_WAITS 96 /* bytes: displacements stay short */

/* Are pushes and pops one host instruction (a flat stack in the window), without a slow path? */
bool stack_is_direct(const struct emit *e);
/* Is the instruction's ModRM memory operand accessed in that way, too? */
bool place_is_direct(const struct emit *e);
/* [ESP + disp], [SP + disp] */
struct ea stack_place(const struct emit *e, int32_t disp);
/* ESP, or SP, += n; where the stack is direct, that waits. Uses r12. */
void move_stack(struct emit *e, int32_t n);
/* Code that makes r8 the guest's ESP, if something waits. */
void settle_stack(struct emit *e);
/* May the instruction be emitted while r8 is not the guest's ESP? */
bool stack_may_wait(const struct emit *e);

/* --- forms.c: how each opcode row is emitted */

enum lowering {
    LOWER_HELP,   /* x87, MMX, SSE: by fpu.c; else by a function of narrow_*.c or its handler */
    LOWER_LEAVE,  /* by one of these two, and then the unit ends: mode or eip may have changed */
    LOWER_NONE,   /* no memory operand, or never in memory: emitted as it is */
    LOWER_READ,   /* ... its ModRM memory operand is read */
    LOWER_WRITE,  /* ... written */
    LOWER_UPDATE, /* ... read and written */
    LOWER_OWN,    /* by a function of own.c */
    LOWER_STRING, /* by string.c */
    LOWER_BRANCH, /* ends its block: a function of branch.c */
};

/* A conditional jump by flags. */
static inline bool insn_is_jcc(const struct insn *i)
{
    const struct opcode *row = opcode_row(i->op);
    return row->map == MAP_1B ? (row->opcode & 0xF0) == 0x70
                              : row->map == MAP_0F && (row->opcode & 0xF0) == 0x80;
}

enum lowering lowering_of(const struct unit *u, const struct insn *i);
/* LOWER_NONE to LOWER_UPDATE. */
bool emitted_as_is(const struct insn *i);
/* Bytes of the ModRM memory operand. */
unsigned memory_size(const struct insn *i);

/* --- The parts, each for one kind of lowering */

void emit_plain(struct emit *e, enum lowering how); /* plain.c */
bool plain_names_esp(const struct insn *i);         /* as a register */
bool plain_is_store(const struct insn *i);          /* MOV to memory, of a register or constant */
/* Its host code reads the operand before it writes it: the first host fault is not yet a write. */
bool plain_loads_first(const struct insn *i);
void emit_own(struct emit *e);    /* own.c */
void emit_branch(struct emit *e); /* branch.c */
/* fpu.c: x87, MMX, SSE. False: by its handler. */
bool emit_fpu(struct emit *e);
void emit_string(struct emit *e); /* string.c */
/* flags.c. False: by a C function. */
bool emit_push_flags(struct emit *e);
void emit_cli(struct emit *e);
bool emit_sti(struct emit *e);
/* 8086.c: segment loads and far transfers of real and V86 mode. False: by a C function. */
bool emit_8086(struct emit *e);

/* The instruction is run by its handler; then the next one, or the unit is left. */
void emit_help(struct emit *e);
/* Leaves the unit for eip: a jump to be linked. */
void emit_link_jump(struct emit *e, uint32_t eip);
void emit_link_jcc(struct emit *e, unsigned cc, uint32_t eip);
/* The jump table's slot for the token in r10. */
struct place emit_jump_slot(struct code *c);
/* Makes the eip in r10 a token of the unit's code segment (unit_token). */
void emit_token(struct emit *e);
/* Goes to the unit for the token in r10. */
void emit_indirect(struct emit *e);
/* Goes to the unit for a token by way of the jump table. */
void emit_far_jump(struct emit *e, uint32_t token);
void emit_far_call(struct emit *e, uint32_t token, uint32_t next);
/* The same as calls that return to the eip `next`: see translator/returns.h. */
void emit_link_call(struct emit *e, uint32_t eip, uint32_t next);
void emit_indirect_call(struct emit *e, uint32_t next);
/* Returns to the token in r10. */
void emit_return(struct emit *e);

void emit_slow(struct emit *e, uint8_t *patch, bool restore_ecx);

/* The last four bytes are an eip of the unit's page: backend_move brings them up to date. */
void emit_note_eip(struct emit *e);

#endif
