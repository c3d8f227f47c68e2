/* partition/calls.h: functions that other threads have called on the partition's thread, where the
 * guest's state may be looked at and changed: between two instructions, running or stopped. The
 * caller waits for the end of its call. calls_make: any thread but the partition's own. The others:
 * the partition's thread. */
#ifndef UMBRA_PARTITION_CALLS_H
#define UMBRA_PARTITION_CALLS_H

#include <pthread.h>
#include <stdatomic.h>

#include "partition/inbox.h"

struct partition;
typedef void partition_fn(void *ctx, struct partition *p);

struct call;

struct calls {
    pthread_mutex_t lock;
    pthread_cond_t done; /* some call is over, or all are */
    struct call *first;  /* waiting, in order; on their callers' stacks */
    atomic_bool waiting; /* first is not NULL: spares the partition's thread the lock */
    bool closed;
};

void calls_init(struct calls *calls);
void calls_destroy(struct calls *calls);

/* Queues the call, wakes the partition through box, waits until it is done. False when closed: fn
 * was not called. */
bool calls_make(struct calls *calls, struct inbox *box, partition_fn *fn, void *ctx);

void calls_serve(struct calls *calls, struct partition *p);

/* Refuses those that wait and all to come. */
void calls_close(struct calls *calls);

#endif
