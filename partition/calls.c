#include "partition/calls.h"

enum call_state { CALL_WAITS, CALL_DONE, CALL_REFUSED };

struct call {
    partition_fn *fn;
    void *ctx;
    enum call_state state;
    struct call *next;
};

void calls_init(struct calls *calls)
{
    *calls = (struct calls){0};
    pthread_mutex_init(&calls->lock, NULL);
    pthread_cond_init(&calls->done, NULL);
}

void calls_destroy(struct calls *calls)
{
    pthread_cond_destroy(&calls->done);
    pthread_mutex_destroy(&calls->lock);
}

bool calls_make(struct calls *calls, struct inbox *box, partition_fn *fn, void *ctx)
{
    struct call call = {.fn = fn, .ctx = ctx};
    pthread_mutex_lock(&calls->lock);
    if (calls->closed) {
        pthread_mutex_unlock(&calls->lock);
        return false;
    }
    struct call **end = &calls->first;
    while (*end)
        end = &(*end)->next;
    *end = &call;
    atomic_store(&calls->waiting, true);
    inbox_wake(box);
    while (call.state == CALL_WAITS)
        pthread_cond_wait(&calls->done, &calls->lock);
    pthread_mutex_unlock(&calls->lock);
    return call.state == CALL_DONE;
}

void calls_serve(struct calls *calls, struct partition *p)
{
    if (!atomic_load_explicit(&calls->waiting, memory_order_relaxed))
        return;
    pthread_mutex_lock(&calls->lock);
    while (calls->first) {
        struct call *call = calls->first;
        calls->first = call->next;
        pthread_mutex_unlock(&calls->lock);
        call->fn(call->ctx, p);
        pthread_mutex_lock(&calls->lock);
        call->state = CALL_DONE;
    }
    atomic_store(&calls->waiting, false);
    pthread_cond_broadcast(&calls->done);
    pthread_mutex_unlock(&calls->lock);
}

void calls_close(struct calls *calls)
{
    pthread_mutex_lock(&calls->lock);
    calls->closed = true;
    for (; calls->first; calls->first = calls->first->next)
        calls->first->state = CALL_REFUSED;
    pthread_cond_broadcast(&calls->done);
    pthread_mutex_unlock(&calls->lock);
}
