/* partition/lockstep_report.h: what lockstep found, as text for a person. */
#ifndef UMBRA_PARTITION_LOCKSTEP_REPORT_H
#define UMBRA_PARTITION_LOCKSTEP_REPORT_H

#include "partition/lockstep.h"

/* Both machines side by side, what differs marked, and the instructions that ran last. how says
 * when it was seen. */
void report_difference(const struct lockstep_host *host, struct partition *const p[2],
                       const struct trace *trace, const struct differences *d, const char *how);

/* The differences alone. */
void report_list(const struct lockstep_host *host, const struct differences *d);

#endif
