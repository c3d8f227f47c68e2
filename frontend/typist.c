#include "frontend/typist.h"

#define KEY_GAP_NS UINT64_C(20000000) /* between two steps: firmware and slow guests keep up */

/* Forgets what is done, so that a list that only grows does not grow for ever. */
static void start_anew(struct typist *t)
{
    if (typist_is_done(t))
        typist_free(t);
}

bool typist_add(struct typist *t, const char *script, char *error, size_t error_len)
{
    start_anew(t);
    return keys_from_script(&t->steps, script, error, error_len);
}

size_t typist_paste(struct typist *t, const char *text)
{
    start_anew(t);
    return keys_from_text(&t->steps, text);
}

void typist_free(struct typist *t)
{
    keys_free(&t->steps);
    watch_free(&t->watch);
    *t = (struct typist){0};
}

/* Makes the watch that of the next text that has not come yet, if there is one. */
static bool watch_next(struct typist *t)
{
    size_t from = t->watched > t->next ? t->watched : t->next;
    while (from < t->steps.count && (!t->steps.step[from].until || t->steps.step[from].seen))
        from++;
    if (from == t->watched && t->watch.text)
        return true;
    watch_free(&t->watch);
    t->watched = from;
    return from < t->steps.count && watch_init(&t->watch, t->steps.step[from].until);
}

void typist_stream(struct typist *t, unsigned stream, const uint8_t *data, size_t len)
{
    while (len && watch_next(t)) {
        size_t taken = watch_stream(&t->watch, stream, data, len);
        t->steps.step[t->watched].seen = t->watch.seen;
        data += taken;
        len -= taken;
    }
}

void typist_tick(struct typist *t, struct partition *p, const struct text_screen *screen)
{
    uint64_t now = partition_now(p);
    if (typist_is_done(t) || now < t->not_before)
        return;
    const struct key_step *step = &t->steps.step[t->next];
    if (step->until) {
        if (!step->seen && !(screen && text_screen_contains(screen, step->until)))
            return;
        t->next++;
        watch_next(t); /* from here on it is the next one's turn */
        return;
    }
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
