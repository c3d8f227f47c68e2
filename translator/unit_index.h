/* translator/unit_index.h: which units there are, by where the guest's code lies and for what.
 *
 * Units are found by the host address of their first byte, their key and their eip, not by a
 * block's list: a library is translated anew for each address that it is loaded at. */
#ifndef UMBRA_TRANSLATOR_UNIT_INDEX_H
#define UMBRA_TRANSLATOR_UNIT_INDEX_H

#include "translator/translator.h"

/* Puts u in, by its code, key and eip; takes it out. */
void unit_index_enter(struct translator *t, struct unit *u);
void unit_index_leave(struct translator *t, const struct unit *u);

/* The unit for key at c->eip without asking for its block, if the TLB knows where that lies; or
 * NULL. */
struct unit *unit_find_quickly(const struct translator *t, uint32_t key);

/* The unit that begins with b at c->eip for key; or NULL. */
struct unit *unit_at(const struct translator *t, const struct block *b, uint32_t key);

/* Does a unit for key begin with b at eip, in the present code segment? */
bool unit_begins(const struct translator *t, const struct block *b, uint32_t eip, uint32_t key);

#endif
