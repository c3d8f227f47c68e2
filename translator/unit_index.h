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

/* All are gone. */
void unit_index_empty(struct translator *t);

/* Where the code at c->eip lies in host memory. NULL when it is no memory, beyond the code limit,
 * and where a debugger may want to stop: block_find knows more. Raises #PF as that does. */
const uint8_t *unit_code_here(const struct translator *t);

/* The unit for key of this code, at whatever eip, that was entered or put back longest ago; or
 * NULL. */
struct unit *unit_oldest(const struct translator *t, const uint8_t *code, uint32_t key);

/* u, the oldest, is now the youngest. */
void unit_put_back(const struct translator *t, const struct unit *u);

/* Is there a unit of this code for key and eip? */
bool unit_stands(const struct translator *t, const uint8_t *code, uint32_t key, uint32_t eip);

/* The unit for key of this code, which stands at c->eip; or NULL. If it crosses into another page
 * it serves only when its block does: block_find knows. */
struct unit *unit_find(const struct translator *t, const uint8_t *code, uint32_t key);

/* The unit that begins with b at c->eip for key; or NULL. */
struct unit *unit_at(const struct translator *t, const struct block *b, uint32_t key);

/* Does a unit for key begin with b at eip, in the present code segment? */
bool unit_begins(const struct translator *t, const struct block *b, uint32_t eip, uint32_t key);

#endif
