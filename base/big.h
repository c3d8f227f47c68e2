/* base/big.h: large tables that are accessed all over, in memory that the host's TLB reaches far
 * in.
 *
 * The host is asked to use large pages (2 MiB); it gives what it can. Memory that is never touched
 * costs nothing but for that granularity. */
#ifndef UMBRA_BASE_BIG_H
#define UMBRA_BASE_BIG_H

#include <stddef.h>

/* bytes zeros, or NULL. */
void *big_alloc(size_t bytes);
/* What big_alloc gave, or NULL; bytes as then. */
void big_free(void *p, size_t bytes);

#endif
