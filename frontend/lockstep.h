/* frontend/lockstep.h: `umbra run --lockstep N`: the guest runs twice, on the interpreter and on
 * --engine, compared as it goes (partition/lockstep.h). */
#ifndef UMBRA_FRONTEND_LOCKSTEP_H
#define UMBRA_FRONTEND_LOCKSTEP_H

#include "frontend/options.h"

/* Returns the exit status: EXIT_FINE, --until was seen or the guest ended, with no difference;
 * EXIT_TIMED_OUT; EXIT_DIFFERENT, described on stderr; EXIT_NOT_STARTED. */
int run_lockstep(const struct options *options);

#endif
