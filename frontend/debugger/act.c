/* frontend/debugger/act.c: what the user does in the window, done to the guest. */
#include <stdio.h>

#include "frontend/debugger/look.h"
#include "partition/registers.h"
#include "partition/tables.h"

#define SEARCH_MOST (UINT64_C(64) << 20) /* bytes looked through at once: some 50 ms */

static void say(struct view *v, const char *text)
{
    snprintf(v->answer, sizeof v->answer, "%s", text);
}

/* --- Addresses as the user writes them -------------------------------------------------------- */

/* Hex digits alone, or two such numbers with a colon, need no 0x. */
static bool parse_plain(struct vcpu *c, const char *text, uint32_t *address)
{
    unsigned long long first, second;
    uint32_t base = 0;
    int end = 0;
    if (sscanf(text, " %8llx%n", &first, &end) == 1 && !text[end + (int)strspn(text + end, " ")]) {
        *address = (uint32_t)first;
        return true;
    }
    if (sscanf(text, " %4llx:%8llx%n", &first, &second, &end) != 2 || text[end])
        return false;
    if (!selector_base(c, (uint16_t)first, &base))
        base = (uint32_t)first << 4;
    *address = base + (uint32_t)second;
    return true;
}

static bool place_address(struct debug *d, const struct stop_place *place, uint64_t *address)
{
    uint32_t base = 0;
    if (place->kind == STOP_SEGMENTED && !selector_base(d->vcpu, place->selector, &base))
        return false;
    *address = place->kind == STOP_PHYSICAL ? place->address : (uint32_t)(base + place->address);
    return true;
}

static void find(struct partition *p, const struct view_action *a, struct view *v)
{
    struct debug *d = partition_debug(p);
    struct expr_error error = {0};
    struct stop_place place = {.kind = STOP_LINEAR};
    uint32_t plain;
    if (parse_plain(d->vcpu, a->text, &plain)) {
        place.address = plain;
    } else if (!debug_parse_place(d, a->text, &place, &error)) {
        snprintf(v->answer, sizeof v->answer, "%s", error.text);
        return;
    }
    if (!place_address(d, &place, &v->place)) {
        say(v, "there is no such segment");
        return;
    }
    v->place_found = true;
    v->place_physical = place.kind == STOP_PHYSICAL;
    v->place_panel = v->place_physical ? PANEL_MEMORY : a->panel;
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
            v->place_physical = a->physical;
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

/* "14", "0x60-0x64": two numbers in hex. */
static bool parse_range(const char *text, unsigned most, unsigned *first, unsigned *last)
{
    unsigned low, high;
    int count = sscanf(text, " %x - %x", &low, &high);
    if (count < 1 || low > most || (count == 2 && (high < low || high > most)))
        return false;
    *first = low;
    *last = count == 2 ? high : low;
    return true;
}

/* What the user wrote beside the kind. False: *why says what is wrong. */
static bool parse_spec(struct debug *d, const struct view_action *a, struct break_spec *spec,
                       struct expr_error *why)
{
    unsigned first = 0, last = 0;
    uint32_t plain;
    bool any = !a->text[strspn(a->text, " ")];
    switch (spec->kind) {
    case BREAK_AT:
    case BREAK_DATA:
        if (!strchr(a->text, ':') && parse_plain(d->vcpu, a->text, &plain))
            spec->place.address = plain;
        else if (!debug_parse_place(d, a->text, &spec->place, why))
            return false;
        spec->watch = (struct stop_watch){.len = a->len ? a->len : 1,
                                          .read = a->read,
                                          .write = a->write,
                                          .physical = spec->place.kind == STOP_PHYSICAL};
        if (place_address(d, &spec->place, &spec->watch.address))
            return true;
        snprintf(why->text, sizeof why->text, "there is no such segment");
        return false;
    case BREAK_PORT:
        if (parse_range(a->text, 0xFFFF, &first, &last)) {
            spec->first = (uint16_t)first;
            spec->last = (uint16_t)last;
            return true;
        }
        snprintf(why->text, sizeof why->text, "which port, in hex? 60, or 3f0-3f7");
        return false;
    case BREAK_INTERRUPT:
    case BREAK_EXCEPTION:
    case BREAK_SOFTWARE:
        if (any)
            return true;
        if (!parse_range(a->text, 0xFF, &first, &last)) {
            snprintf(why->text, sizeof why->text, "which vector, in hex? e, or 20-2f, or nothing");
            return false;
        }
        for (unsigned n = first; n <= last; n++)
            break_vector(spec, (uint8_t)n);
        return true;
    default:
        return true;
    }
}

static void add(struct debug *d, const struct view_action *a, struct view *v)
{
    struct expr_error why = {0};
    struct break_spec spec = {.kind = a->panel < BREAK_KINDS ? (enum break_kind)a->panel : BREAK_AT,
                              .read = a->read,
                              .write = a->write,
                              .condition = a->condition};
    if (!parse_spec(d, a, &spec, &why) || !debug_break_add(d, &spec, &why))
        say(v, why.text);
}

static void run_until(struct debug *d, const struct view_action *a, struct view *v)
{
    struct expr_error why = {0};
    struct break_spec spec = {.kind = a->panel < BREAK_KINDS ? (enum break_kind)a->panel : BREAK_AT,
                              .last = UINT16_MAX};
    if (debug_is_stopped(d) && !debug_run_until(d, &spec, &why))
        say(v, why.text);
}

static void toggle(struct debug *d, uint64_t address, struct view *v)
{
    struct break_spec spec = {.kind = BREAK_AT, .place = {.kind = STOP_LINEAR, .address = address}};
    const struct breakpoint *b;
    for (unsigned n = 0; (b = debug_break_at(d, NULL, n)); n++) {
        uint64_t at;
        if (b->spec.kind == BREAK_AT && b->spec.place.kind != STOP_PHYSICAL &&
            place_address(d, &b->spec.place, &at) && at == address) {
            debug_break_remove(d, b->id);
            return;
        }
    }
    struct expr_error why = {0};
    if (!debug_break_add(d, &spec, &why))
        say(v, why.text);
}

static void set_condition(struct debug *d, const struct view_action *a, struct view *v)
{
    struct expr_error why = {0};
    if (!debug_break_condition(d, (unsigned)a->address, a->condition, &why))
        say(v, why.text);
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

static void set_policy(struct partition *p, const struct view_action *a)
{
    struct bus *bus = board_find(partition_board(p), a->text);
    if (bus && a->len <= DMA_POLICY_PAUSE)
        dma_domain_policy(bus->dma, (enum dma_policy)a->len);
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
        debug_step_out(d);
        break;
    case ACTION_RUN_TO:
        debug_run_to(d, (struct stop_place){.kind = STOP_LINEAR, .address = a->address});
        break;
    case ACTION_RUN_UNTIL:
        run_until(d, a, v);
        break;
    case ACTION_BREAK_TOGGLE:
        toggle(d, a->address, v);
        break;
    case ACTION_BREAK_ADD:
        add(d, a, v);
        break;
    case ACTION_BREAK_REMOVE:
        debug_break_remove(d, (unsigned)a->address);
        break;
    case ACTION_BREAK_ENABLE:
        debug_break_enable(d, (unsigned)a->address, a->len);
        break;
    case ACTION_BREAK_CONDITION:
        set_condition(d, a, v);
        break;
    case ACTION_BREAK_CLEAR:
        debug_break_remove_all(d, NULL);
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
    case ACTION_SCAN_MAP:
        look_at_map(p, &v->map);
        break;
    case ACTION_DMA_POLICY:
        set_policy(p, a);
        break;
    case ACTION_RESET:
        partition_reset(p);
        break;
    }
}
