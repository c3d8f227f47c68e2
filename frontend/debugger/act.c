/* frontend/debugger/act.c: what the user does in the window, done to the guest. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "frontend/debugger/look.h"
#include "partition/registers.h"

#define SEARCH_MOST (UINT64_C(64) << 20) /* bytes looked through at once: some 50 ms */

static void say(struct view *v, const char *text)
{
    snprintf(v->answer, sizeof v->answer, "%s", text);
}

/* --- Addresses as the user writes them -------------------------------------------------------- */

/* A hexadecimal number or a register's name at *at; moves *at behind it. */
static bool parse_term(struct vcpu *c, const char **at, uint32_t *value)
{
    char name[16];
    size_t len = 0;
    while (isalnum((unsigned char)(*at)[len]) || (*at)[len] == '_')
        len++;
    if (!len || len >= sizeof name)
        return false;
    for (size_t i = 0; i < len; i++)
        name[i] = (char)tolower((unsigned char)(*at)[i]);
    name[len] = 0;
    int n = debug_register_find(name);
    if (n < 0 && len == 2) { /* sp, di ... */
        char wide[4] = {'e', name[0], name[1], 0};
        n = debug_register_find(wide);
    }
    if (n >= 0) {
        uint8_t bytes[REGISTER_BYTES];
        debug_register_read(c, (unsigned)n, bytes);
        *value = load_le32(bytes);
        *at += len;
        return true;
    }
    char *end;
    unsigned long long number = strtoull(name, &end, 16);
    if (*end == 'h' && !end[1])
        end++;
    if (*end || number > UINT32_MAX)
        return false;
    *value = (uint32_t)number;
    *at += len;
    return true;
}

/* Base of the segment that selector stands for: a loaded one, or as real mode counts. */
static uint32_t base_of(struct vcpu *c, uint32_t selector)
{
    for (unsigned n = 0; n < SEG_COUNT; n++) {
        if (c->seg[n].selector == selector)
            return (uint32_t)c->seg[n].base;
    }
    return selector << 4;
}

/* TERM [+|- TERM ...], or SELECTOR:TERM ... */
static bool parse_address(struct vcpu *c, const char *text, uint32_t *address)
{
    uint32_t value, base = 0;
    while (*text == ' ')
        text++;
    if (!parse_term(c, &text, &value))
        return false;
    if (*text == ':') {
        base = base_of(c, value & 0xFFFF);
        text++;
        if (!parse_term(c, &text, &value))
            return false;
    }
    for (;;) {
        uint32_t more;
        text += strspn(text, " ");
        char sign = *text;
        if (sign != '+' && sign != '-')
            break;
        text += 1 + strspn(text + 1, " ");
        if (!parse_term(c, &text, &more))
            return false;
        value = sign == '+' ? value + more : value - more;
    }
    *address = base + value;
    return !*text;
}

static void find(struct partition *p, const struct view_action *a, struct view *v)
{
    uint32_t address;
    if (!parse_address(partition_vcpu(p), a->text, &address)) {
        snprintf(v->answer, sizeof v->answer,
                 "'%.60s' is no address: write hex, SEG:OFFSET, or registers (ss:esp+8)", a->text);
        return;
    }
    v->place_found = true;
    v->place_panel = a->panel;
    v->place = address;
}

/* --- Memory ----------------------------------------------------------------------------------- */

static size_t peek(struct partition *p, bool physical, uint64_t at, void *buf, size_t len)
{
    if (!physical)
        return debug_read(partition_debug(p), (uint32_t)at, buf, len);
    physmap_peek(partition_physmap(p), at, buf, len);
    return len;
}

static void set_memory(struct partition *p, const struct view_action *a, struct view *v)
{
    uint8_t now[sizeof a->data];
    bool ok =
        a->physical
            ? physmap_poke(partition_physmap(p), a->address, a->data, a->len) == a->len
            : debug_write(partition_debug(p), (uint32_t)a->address, a->data, a->len) == a->len;
    if (!ok || peek(p, a->physical, a->address, now, a->len) != a->len ||
        memcmp(now, a->data, a->len) != 0)
        say(v, "nothing can be written there: no memory, or not mapped");
}

/* Page by page, so that a gap in the mapping is passed over. A find may begin in one page and end
 * in the next. */
static void search(struct partition *p, const struct view_action *a, struct view *v)
{
    uint8_t page[PAGE_SIZE + sizeof a->data];
    uint64_t at = a->address;
    for (uint64_t done = 0; done < SEARCH_MOST && a->len;) {
        size_t step = PAGE_SIZE - (at & PAGE_MASK);
        size_t len = peek(p, a->physical, at, page, step + a->len - 1u);
        const uint8_t *hit = len ? memmem(page, len, a->data, a->len) : NULL;
        if (hit) {
            v->place_found = true;
            v->place_panel = a->panel;
            v->place = at + (uint64_t)(hit - page);
            return;
        }
        at += step;
        done += step;
        if (!a->physical)
            at &= UINT32_MAX;
    }
    say(v, "not found in the next 64 MiB");
}

/* --- Breakpoints ------------------------------------------------------------------------------ */

static struct stop_place place_of(const struct view_break *b)
{
    return (struct stop_place){.kind = b->kind == VIEW_BREAK_PHYSICAL    ? STOP_PHYSICAL
                                       : b->kind == VIEW_BREAK_SEGMENTED ? STOP_SEGMENTED
                                                                         : STOP_LINEAR,
                               .selector = b->selector,
                               .address = b->address};
}

static struct stop_watch watch_of(const struct view_break *b)
{
    return (struct stop_watch){
        .address = (uint32_t)b->address, .len = b->len, .read = b->read, .write = b->write};
}

static bool add(struct stops *s, const struct view_break *b)
{
    return b->kind == VIEW_WATCH ? stops_watch_add(s, watch_of(b))
                                 : stops_break_add(s, place_of(b));
}

static void remove_stop(struct stops *s, const struct view_break *b)
{
    if (b->kind == VIEW_WATCH)
        stops_watch_remove(s, watch_of(b));
    else
        stops_break_remove(s, place_of(b));
}

static bool toggle(struct stops *s, uint64_t address)
{
    struct stop_place place = {.kind = STOP_LINEAR, .address = address};
    return stops_break_remove(s, place) || stops_break_add(s, place);
}

/* --- Registers -------------------------------------------------------------------------------- */

static void set_register(struct partition *p, const struct view_action *a, struct view *v)
{
    struct vcpu *c = partition_vcpu(p);
    if (!debug_is_stopped(partition_debug(p))) {
        say(v, "registers can be changed while the guest is stopped (F6)");
        return;
    }
    int n = debug_register_find(a->text);
    if (n < 0 || !debug_register_write(c, (unsigned)n, a->data))
        snprintf(v->answer, sizeof v->answer, "the CPU would not take this value for %.20s",
                 a->text);
}

static void step_out(struct partition *p, struct view *v)
{
    (void)p;
    say(v, "step out is not there yet");
}

void debugger_act(struct partition *p, const struct view_action *a, struct view *v)
{
    struct debug *d = partition_debug(p);
    switch ((enum view_action_kind)a->kind) {
    case ACTION_CONTINUE:
        debug_continue(d);
        break;
    case ACTION_PAUSE:
        debug_pause(d);
        break;
    case ACTION_STEP:
        debug_step(d);
        break;
    case ACTION_STEP_OVER:
        if (debug_is_stopped(d))
            debug_step_over(d);
        break;
    case ACTION_STEP_OUT:
        step_out(p, v);
        break;
    case ACTION_RUN_TO:
        debug_run_to(d, (struct stop_place){.kind = STOP_LINEAR, .address = a->address});
        break;
    case ACTION_BREAK_TOGGLE:
        if (!toggle(&d->stops, a->address))
            say(v, "out of memory");
        break;
    case ACTION_BREAK_ADD:
        if (!add(&d->stops, &a->stop))
            say(v, "out of memory");
        break;
    case ACTION_BREAK_REMOVE:
        remove_stop(&d->stops, &a->stop);
        break;
    case ACTION_BREAK_CLEAR:
        stops_remove_all(&d->stops);
        break;
    case ACTION_SET_REGISTER:
        set_register(p, a, v);
        break;
    case ACTION_SET_MEMORY:
        set_memory(p, a, v);
        break;
    case ACTION_FIND:
        find(p, a, v);
        break;
    case ACTION_SEARCH:
        search(p, a, v);
        break;
    case ACTION_RESET:
        partition_reset(p);
        break;
    }
}
