/* translator/narrow.h: instructions that are frequent, but too much for host code of their own: a C
 * function does the usual case without the ceremony of a handler (cur, unwinding, lazy flags); all
 * else it leaves to translator_help. */
#ifndef UMBRA_TRANSLATOR_NARROW_H
#define UMBRA_TRANSLATOR_NARROW_H

#include "translator/translator.h"

/* Called from host code through the narrow stub, as translator_help is through its own: guest
 * registers and translated.flags are current. Returns where host code goes on, or NULL. */
typedef const uint8_t *narrow_function(struct vcpu *c, uint32_t site);

/* narrow_system.c: segments and flags. */
narrow_function *narrow_system_for(const struct insn *i);

/* Instruction n of u, which may be dead, has run, with flags as they are in translated.flags; but
 * the unit must not go on. */
const uint8_t *narrow_leave(struct vcpu *c, const struct unit *u, unsigned n);

/* The one for i, or NULL. */
narrow_function *narrow_for(const struct insn *i);

#endif
