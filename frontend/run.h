/* frontend/run.h: `umbra run`: from options to a running machine and back to an exit status. */
#ifndef UMBRA_FRONTEND_RUN_H
#define UMBRA_FRONTEND_RUN_H

#include "frontend/options.h"

/* Runs the guest that the options describe; returns the process's exit status, which `umbra --help`
 * lists at its end. */
int run_guest(const struct options *options);

#endif
