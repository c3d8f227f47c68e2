/* translator/unit_moves.h: units that go with their code to another address.
 *
 * A library lies elsewhere in each process, so each start of a program would have its units made
 * anew. But host code differs by a few numbers only: the eip that it compares with when it is
 * entered, what a CALL pushes, and where the targets in other pages have their slots. So when
 * code is entered that has a unit for another address, and nothing lies there any more in the
 * address space that the unit was made in (the process ended), the unit moves: these numbers are
 * brought up to date where they stand (unit.fix), and it is found by its new eip. What it jumps to
 * by links in the same page moves with it, and the links stay as they are.
 *
 *     page of a library      process 1, gone: at B7D12000       process 2: at B7E05000
 *     f:  ..  jne g          unit f --link--> unit g            unit f --link--> unit g
 *
 * That is right whatever the old address space does: a unit is only a copy of code, and who wants
 * it at the old address again will find none, and have one made. So "nothing lies there" need not
 * hold exactly; it is asked so that two processes do not take units from each other in turn.
 *
 * Jump tables forget a unit that moves: some outlast MOV CR3. Stacks of returns need not be
 * emptied: a landing asks for its (new) eip, and one in the stack of another address space is not
 * reached again, as those stacks are emptied on the way there (jumps.c). */
#ifndef UMBRA_TRANSLATOR_UNIT_MOVES_H
#define UMBRA_TRANSLATOR_UNIT_MOVES_H

#include "translator/translator.h"

/* Is u's code no longer mapped where u expects it, in the address space that it was made in? */
bool unit_is_departed(const struct translator *t, const struct unit *u);

/* A unit for key of this code, which stands at c->eip, that may move there; or NULL. (There is none
 * for that address.) */
struct unit *unit_to_move(const struct translator *t, const uint8_t *code, uint32_t key);

/* Moves u, of unit_to_move, to c->eip, and with it what it leads to. False: it went instead, as
 * the checker refused it. */
bool unit_move(struct translator *t, struct unit *u);

#endif
