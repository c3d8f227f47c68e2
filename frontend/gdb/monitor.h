/* frontend/gdb/monitor.h: gdb's "monitor" commands. */
#ifndef UMBRA_FRONTEND_GDB_MONITOR_H
#define UMBRA_FRONTEND_GDB_MONITOR_H

#include "partition/partition.h"

enum monitor_result { MONITOR_DONE, MONITOR_QUIT };

/* Runs one command line; its answer, whole lines of text, is appended to out. The partition's
 * thread. */
enum monitor_result monitor_run(struct partition *p, const char *line, struct bytes *out);

#endif
