/* translator/unit_links.h: the jumps between units.
 *
 * A branch to another unit of the same page is a host jump that leads, at first, to an exit in the
 * unit's cold part and from there to translator_link (translator/translator.h), which connects it
 * to its target: same page, same mapping, so nothing need be asked on the way. A unit knows the
 * links that lead to it, so that they lead to their exits again when it goes. */
#ifndef UMBRA_TRANSLATOR_UNIT_LINKS_H
#define UMBRA_TRANSLATOR_UNIT_LINKS_H

#include "translator/translator.h"

/* Has link jump straight to a unit. */
void unit_connect(struct translator *t, struct unit_link *link, struct unit *to);

/* u goes: nothing leads to it or from it any more, landings lead to stub `again`. */
void unit_disconnect(struct translator *t, struct unit *u);

/* u's ways out lead to translator_link again. */
void unit_cut_ways_out(struct translator *t, struct unit *u);

/* u moved to another page (unit_moves.h): links from and to units that did not are cut. */
void unit_cut_other_pages(struct translator *t, struct unit *u);

#endif
