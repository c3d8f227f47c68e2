/* translator/jumps.h: where indirect jumps, and jumps to other pages, go: host code by eip, or by
 * CS:IP (unit_token).
 *
 * There is a table for each code segment (one for all of 8086 code), address space and key met
 * lately. It is as good as a TLB: what the guest flushes is dropped from it before it is used
 * again. INVLPG drops that page's entries alone. At MOV CR3 a CPU may take up again at once what
 * the page tables say of pages that were accessed before: so a table remembers the pages of code
 * that it leads to, with their page table entries, and keeps those whose entries are as they were.
 * (A process that is switched to finds its code where it left it: two loads for each page in place
 * of a miss for each target.) With CR4.PGE the tables of supervisor code serve all address spaces,
 * as the TLB's global entries do: a kernel's code stays known over process switches.
 *
 * A table's index is the sum of the target's halves (jump_slot). There must be many: programs jump
 * to aligned addresses in many pages, and two targets that share an index take turns in missing. */
#ifndef UMBRA_TRANSLATOR_JUMPS_H
#define UMBRA_TRANSLATOR_JUMPS_H

#include "translator/translator.h"

must_use bool jumps_init(struct translator *t);
void jumps_free(struct translator *t);

/* Indirect jumps go through the table for key, address space and code segment from now on. */
void jumps_choose(struct translator *t, uint32_t key);

/* The same when that is table, which was chosen for key before, and nothing but single pages was
 * flushed since. */
void jumps_use(struct translator *t, struct jump_table *table, uint32_t key);

/* The table chosen leads to u from now on. */
void jumps_note(struct translator *t, struct unit *u);

/* u goes. */
void jumps_forget(struct translator *t, const struct unit *u);
void jumps_forget_all(struct translator *t);

#endif
