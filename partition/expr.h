/* partition/expr.h: expressions of the debugger: conditions of breakpoints, addresses, watches.
 *
 *     eax == 3 && byte [ds:esi+4] != 0          dword phys [0x9000] & cr0.pg
 *     zf ? ecx : edx                            cs.base + 0x10, word [0040:006C], [main_counter]
 *
 * Numbers: 0x1F, 1Fh, 0b101, 31, 'A'. Names, any case: all registers and their parts (eax ax al
 * ah), eip (offset in CS, as the manuals have it) and pc (linear), cs ds ... with .base .limit
 * .attr .dpl, gdtr idtr ldtr tr with .base .limit, cr0 cr2 cr3 cr4 with bits as cr0.pe, flags
 * (eflags; cf zf if iopl ...), cpl, dr0 ..., insns, now (virtual ns). In a breakpoint's condition
 * also what happened: vector error port value size address write from old hits (see cpu/stops.h).
 * Anything else is a symbol; @NAME is one always. Memory: [linear], [seg:offset] (a segment
 * register's own base, or a selector's), with byte, word, dword (default), qword, sbyte, sword,
 * sdword before, and phys for guest physical addresses. Operators are C's, but for assignment, ++
 * and --.
 *
 * All values are 64-bit signed: registers and memory come zero-extended, so eax - 1 < 0 when eax is
 * 0. Looking never has side effects; a page that is not mapped is an error, and so is a division by
 * zero. A program is bounded in size and has no loops. */
#ifndef UMBRA_PARTITION_EXPR_H
#define UMBRA_PARTITION_EXPR_H

#include "cpu/stops.h"

/* Where symbols come from; each may be NULL. find is called when an expression is parsed; name
 * gives the text for an address, "start_kernel+4", for those who show one. */
struct expr_symbols {
    bool (*find)(void *ctx, const char *name, uint64_t *value);
    bool (*name)(void *ctx, uint64_t address, char *out, size_t len);
    void *ctx;
};

struct expr_error {
    unsigned column; /* from 1: of the text that was parsed */
    char text[120];  /* what is wrong, without the column */
};

/* What an expression is about. */
struct expr_scope {
    struct vcpu *vcpu;
    const struct stop_hit *hit; /* what happened, or NULL */
    uint64_t hits;              /* times that the breakpoint was reached, this one included */
};

struct expr;

/* NULL, *error filled, when text is no expression. symbols may be NULL. */
struct expr *expr_parse(const char *text, const struct expr_symbols *symbols,
                        struct expr_error *error);
void expr_free(struct expr *e);

/* False, *error filled: it has no value now. */
must_use bool expr_eval(const struct expr *e, const struct expr_scope *scope, int64_t *out,
                        struct expr_error *error);

/* Both in one. */
must_use bool expr_value(const char *text, const struct expr_symbols *symbols,
                         const struct expr_scope *scope, int64_t *out, struct expr_error *error);

/* --- Names, for expr*.c and for completion */

/* The number of a name, any case, or -1. */
int expr_name_find(const char *name, size_t len);
/* NULL beyond the last. */
const char *expr_name(unsigned n);
/* False: it means nothing here (a hit's part without a hit). */
must_use bool expr_name_value(unsigned n, const struct expr_scope *scope, int64_t *out);
/* The segment register (enum seg_reg) that name n is, or -1. */
int expr_name_segment(unsigned n);

#endif
