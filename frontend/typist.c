#include "frontend/typist.h"

#define KEY_GAP_NS UINT64_C(20000000) /* between two steps: firmware and slow guests keep up */

void typist_tick(struct typist *t, struct partition *p)
{
    uint64_t now = partition_now(p);
    if (typist_is_done(t) || now < t->not_before)
        return;
    const struct key_step *step = &t->steps.step[t->next];
    if (step->wait) {
        t->not_before = now + step->wait_ms * UINT64_C(1000000);
        t->next++;
        return;
    }
    if (!partition_keyboard_idle(p))
        return;
    struct partition_event e = {.kind = PARTITION_KEY, .key = step->key, .down = step->down};
    if (partition_post(p, e)) {
        t->next++;
        t->not_before = now + KEY_GAP_NS;
    }
}
