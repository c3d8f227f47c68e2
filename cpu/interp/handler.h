/* cpu/interp/handler.h: how the interpreter's instruction handlers are written and chained.
 *
 *     HANDLER(xchg_eax_r32)          becomes op_xchg_eax_r32, runs the next instruction of the
 * block
 *     {
 *         uint32_t t = c->reg[EAX].d; ...
 *     }
 *     HANDLER_LAST(hlt) { ... }      ends its block: sets c->eip and returns to the engine
 *
 * A block's instructions stand in an array, closed by a sentinel whose handler sets c->eip and
 * returns. A handler ends in a tail call to its successor's handler: the chain needs no
 * loop and no table. Blocks are short (BLOCK_MAX_INSNS), so a build whose compiler does not make
 * tail calls (sanitizers) only nests that deep. */
#ifndef UMBRA_CPU_INTERP_HANDLER_H
#define UMBRA_CPU_INTERP_HANDLER_H

#include "cpu/access.h"
#include "cpu/exception.h"
#include "cpu/flags.h"
#include "cpu/run.h"
#include "cpu/state.h"

#if defined(__clang__)
#define TAIL_CALL __attribute__((musttail)) return
#else
#define TAIL_CALL return
#endif

/* Coverage builds count the rows that run (cpu/interp/rows.c). */
#ifdef UMBRA_COVERAGE
void row_ran(unsigned row);
#define ROW_RAN(i) row_ran((i)->op)
#else
#define ROW_RAN(i) ((void)0)
#endif

#define NEXT(c, i) TAIL_CALL i[1].run(c, &i[1])

/* A handler's body; it need not use i. */
#define HANDLER_BODY(name)                                         \
    static inline __attribute__((always_inline)) void body_##name( \
        struct vcpu *c, __attribute__((unused)) const struct insn *i)

#define HANDLER(name)                                    \
    insn_handler op_##name;                              \
    HANDLER_BODY(name);                                  \
    void op_##name(struct vcpu *c, const struct insn *i) \
    {                                                    \
        ROW_RAN(i);                                      \
        body_##name(c, i);                               \
        NEXT(c, i);                                      \
    }                                                    \
    HANDLER_BODY(name)

/* The same for a body with locals whose address leaves it: kept out of line, since no compiler
 * makes a tail call while such a local is alive (tests/cpu/test_tailcalls.sh finds those that need
 * it). */
#define HANDLER_OUTLINE(name)                                                                 \
    insn_handler op_##name;                                                                   \
    static __attribute__((noinline)) void body_##name(struct vcpu *c, __attribute__((unused)) \
                                                                      const struct insn *i);  \
    void op_##name(struct vcpu *c, const struct insn *i)                                      \
    {                                                                                         \
        ROW_RAN(i);                                                                           \
        body_##name(c, i);                                                                    \
        NEXT(c, i);                                                                           \
    }                                                                                         \
    static __attribute__((noinline)) void body_##name(struct vcpu *c, __attribute__((unused)) \
                                                                      const struct insn *i)

#ifdef UMBRA_COVERAGE
#define HANDLER_LAST(name)                                                \
    insn_handler op_##name;                                               \
    static inline void last_##name(struct vcpu *c, const struct insn *i); \
    void op_##name(struct vcpu *c, const struct insn *i)                  \
    {                                                                     \
        ROW_RAN(i);                                                       \
        last_##name(c, i);                                                \
    }                                                                     \
    static inline void last_##name(struct vcpu *c, const struct insn *i)
#else
#define HANDLER_LAST(name)  \
    insn_handler op_##name; \
    void op_##name(struct vcpu *c, const struct insn *i)
#endif

/* A repeated string instruction is left before its end. What interrupts it sees RF set, so that its
 * own breakpoint does not stop it again (SDM vol. 3, 17.3.1.1). */
static inline void leave_repeated(struct vcpu *c)
{
    if (c->model >= CPU_386)
        c->eflags |= FLAG_RF;
}

/* Elements of the next round of a repeated string instruction with count of them left. */
static inline uint32_t round_length(const struct vcpu *c, uint32_t count)
{
    if (unlikely(c->events & EVENT_STEP))
        return count != 0;
    return count < REP_ROUND ? count : REP_ROUND;
}

/* What is left of a round after some elements: nothing when one of them hit a breakpoint. */
static inline uint32_t round_rest(const struct vcpu *c, uint32_t left)
{
    return unlikely(c->events & (EVENT_TRAP | EVENT_DEBUG)) ? 0 : left;
}

/* eip of the instruction after i. */
static inline uint32_t next_eip(const struct vcpu *c, const struct insn *i)
{
    uint32_t eip = (uint32_t)c->block_eip + i->offset + i->len;
    return c->code32 ? eip : eip & 0xFFFF;
}

#endif
