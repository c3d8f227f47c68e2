/* translator/units.h: making and dropping units. */
#ifndef UMBRA_TRANSLATOR_UNITS_H
#define UMBRA_TRANSLATOR_UNITS_H

#include "translator/translator.h"

/* Has t told of blocks that go. */
void units_listen(struct translator *t);

/* Is b, which has no unit that serves, to be interpreted once more? Each time counts. */
bool block_is_cold(struct block *b);

/* The unit at c->eip for key, made if need be; NULL when there is none (code that is not hot yet or
 * not kept, a debugger's breakpoint, no memory). Raises what fetching raises. Frees what was
 * dropped: none of it may be in use. */
struct unit *unit_for(struct translator *t, uint32_t key);

/* Frees what was dropped. */
void units_free_dead(struct translator *t);

/* Shows u to whoever checks host code. False: it must not run. */
bool unit_passes(struct translator *t, const struct unit *u);

/* u goes; its memory stays until units_free_dead. */
void unit_drop(struct translator *t, struct unit *u);

/* Drops the units that have b in them. */
void units_drop_with(struct translator *t, struct block *b);

/* Drops all; their memory stays until the next one is made. */
void units_drop_all(struct translator *t);

#endif
