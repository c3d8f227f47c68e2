/* translator/jumps.h: where indirect jumps, and jumps to other pages, go: host code by eip.
 *
 * There is a table for each code segment, address space and key met lately. It is as good as a TLB:
 * what the guest flushes is dropped from it before it is used again. INVLPG drops that page's
 * entries alone, a flush of all what was filled in. */
#ifndef UMBRA_TRANSLATOR_JUMPS_H
#define UMBRA_TRANSLATOR_JUMPS_H

#include "translator/translator.h"

must_use bool jumps_init(struct translator *t);
void jumps_free(struct translator *t);

/* Has indirect jumps go through the table of the present address space and code segment, for key.
 */
void jumps_choose(struct translator *t, uint32_t key);

/* The table chosen leads to u from now on. */
void jumps_note(struct translator *t, const struct unit *u);

/* u goes. */
void jumps_forget(struct translator *t, const struct unit *u);
void jumps_forget_all(struct translator *t);

#endif
