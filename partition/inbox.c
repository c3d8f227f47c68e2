#include "partition/inbox.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

bool inbox_init(struct inbox *box)
{
    box->head = box->count = 0;
    pthread_mutex_init(&box->lock, NULL);
    box->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return box->wake_fd >= 0;
}

void inbox_destroy(struct inbox *box)
{
    if (box->wake_fd >= 0)
        close(box->wake_fd);
    pthread_mutex_destroy(&box->lock);
}

bool inbox_put(struct inbox *box, const struct partition_event *event)
{
    pthread_mutex_lock(&box->lock);
    bool ok = box->count < INBOX_EVENTS;
    if (ok)
        box->queue[(box->head + box->count++) % INBOX_EVENTS] = *event;
    pthread_mutex_unlock(&box->lock);
    if (ok)
        inbox_wake(box);
    return ok;
}

void inbox_wake(struct inbox *box)
{
    uint64_t one = 1;
    ssize_t n = write(box->wake_fd, &one, sizeof one);
    (void)n; /* a full counter is readable, which is all we want */
}

bool inbox_take(struct inbox *box, struct partition_event *event)
{
    if (!__atomic_load_n(&box->count, __ATOMIC_RELAXED))
        return false;
    pthread_mutex_lock(&box->lock);
    bool ok = box->count > 0;
    if (ok) {
        *event = box->queue[box->head];
        box->head = (box->head + 1) % INBOX_EVENTS;
        box->count--;
    }
    pthread_mutex_unlock(&box->lock);
    return ok;
}

bool inbox_is_empty(struct inbox *box)
{
    return !__atomic_load_n(&box->count, __ATOMIC_RELAXED);
}

void inbox_wait(struct inbox *box, uint64_t ns)
{
    struct pollfd fd = {.fd = box->wake_fd, .events = POLLIN};
    struct timespec timeout = {.tv_sec = (time_t)(ns / 1000000000u),
                               .tv_nsec = (long)(ns % 1000000000u)};
    if (ppoll(&fd, 1, &timeout, NULL) > 0) {
        uint64_t count;
        ssize_t n = read(box->wake_fd, &count, sizeof count);
        (void)n;
    }
}
