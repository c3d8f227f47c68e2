/* translator/faults.h: what the backend's signal handler asks the translator. */
#ifndef UMBRA_TRANSLATOR_FAULTS_H
#define UMBRA_TRANSLATOR_FAULTS_H

#include "translator/translator.h"

/* Instruction n of u faulted at a host address. True: the page is there now, run it again. False:
 * its handler must run it. */
bool translator_fault(struct translator *t, struct unit *u, unsigned n, uint64_t address,
                      bool write);

/* The handler runs instruction n of u next, for a fault of its host code. */
void translator_note_fault(struct translator *t, struct unit *u, unsigned n);

#endif
