/* partition/inbox.h: the one door through which other threads reach a partition: a bounded queue of
 * events and a wake-up for the sleeping vCPU. inbox_put, inbox_wake: any thread. The others: the
 * partition's thread. */
#ifndef UMBRA_PARTITION_INBOX_H
#define UMBRA_PARTITION_INBOX_H

#include <pthread.h>

#include "base/bits.h"

#define INBOX_EVENTS 4096

/* Input from outside; enters the guest at a point of virtual time. */
enum partition_event_kind {
    PARTITION_KEY,    /* key, down */
    PARTITION_MOUSE,  /* dx, dy, dz, buttons */
    PARTITION_SERIAL, /* byte for COM port 0 or 1 */
    PARTITION_POWER_BUTTON,
    PARTITION_RESET,
};

struct partition_event {
    enum partition_event_kind kind;
    uint16_t key; /* see devices/i8042.h */
    bool down;
    int16_t dx, dy, dz;
    uint8_t buttons;
    uint8_t port, byte;
};

struct inbox {
    int wake_fd; /* eventfd: readable when somebody wants the partition */
    pthread_mutex_t lock;
    struct partition_event queue[INBOX_EVENTS];
    unsigned head, count;
};

/* False when the host is out of descriptors. */
bool inbox_init(struct inbox *box);
void inbox_destroy(struct inbox *box);

/* False when the queue is full: try again later. */
bool inbox_put(struct inbox *box, const struct partition_event *event);

/* Async-signal-safe. */
void inbox_wake(struct inbox *box);

bool inbox_take(struct inbox *box, struct partition_event *event);
bool inbox_is_empty(struct inbox *box);

/* Sleeps until woken or for ns nanoseconds. */
void inbox_wait(struct inbox *box, uint64_t ns);

#endif
