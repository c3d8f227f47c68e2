/* partition/breakpoints.c: see breakpoints.h. What cpu/stops.h is told is the union of the enabled
 * breakpoints: two at one place are one there. */
#include "partition/breakpoints.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "partition/debug.h"
#include "partition/text.h"

static const char *const kind_names[BREAK_KINDS] = {
    [BREAK_AT] = "at",
    [BREAK_DATA] = "data",
    [BREAK_PORT] = "port",
    [BREAK_INTERRUPT] = "interrupt",
    [BREAK_EXCEPTION] = "exception",
    [BREAK_SOFTWARE] = "int",
    [BREAK_IRET] = "iret",
    [BREAK_MODE] = "mode",
    [BREAK_CR3] = "cr3",
    [BREAK_DMA_DENIED] = "dma",
};

const char *break_kind_name(enum break_kind kind)
{
    return kind_names[kind];
}

static uint32_t event_of(enum break_kind kind)
{
    static const uint16_t events[BREAK_KINDS] = {
        [BREAK_PORT] = STOP_ON_PORT,
        [BREAK_INTERRUPT] = STOP_ON_INTERRUPT,
        [BREAK_EXCEPTION] = STOP_ON_EXCEPTION,
        [BREAK_SOFTWARE] = STOP_ON_SOFTWARE,
        [BREAK_IRET] = STOP_ON_IRET,
        [BREAK_MODE] = STOP_ON_MODE,
        [BREAK_CR3] = STOP_ON_CR3,
        [BREAK_DMA_DENIED] = STOP_ON_DMA_DENIED,
    };
    return events[kind];
}

/* --- What the engine is told ------------------------------------------------------------------ */

static bool same_place(const struct stop_place *a, const struct stop_place *b)
{
    return a->kind == b->kind && a->address == b->address && a->len == b->len &&
           (a->kind != STOP_SEGMENTED || a->selector == b->selector);
}

static bool same_watch(const struct stop_watch *a, const struct stop_watch *b)
{
    return a->address == b->address && a->len == b->len && a->read == b->read &&
           a->write == b->write && a->physical == b->physical;
}

/* Is it the same to the engine? */
static bool is_twin(const struct breakpoint *a, const struct breakpoint *b)
{
    if (a->spec.kind != b->spec.kind || !a->enabled || !b->enabled)
        return false;
    return a->spec.kind == BREAK_AT     ? same_place(&a->spec.place, &b->spec.place)
           : a->spec.kind == BREAK_DATA ? same_watch(&a->spec.watch, &b->spec.watch)
                                        : true;
}

static void want_events(struct debug *d)
{
    uint32_t events = 0;
    for (unsigned n = 0; n < d->breaks.count; n++) {
        if (d->breaks.at[n].enabled)
            events |= event_of(d->breaks.at[n].spec.kind);
    }
    if (events != d->stops.events)
        stops_want_events(&d->stops, events);
}

static bool arm(struct debug *d, struct breakpoint *b)
{
    b->enabled = true;
    if (b->spec.kind == BREAK_AT)
        b->enabled = stops_break_add(&d->stops, b->spec.place);
    else if (b->spec.kind == BREAK_DATA)
        b->enabled = stops_watch_add(&d->stops, b->spec.watch);
    want_events(d);
    return b->enabled;
}

static void disarm(struct debug *d, struct breakpoint *b)
{
    if (!b->enabled)
        return;
    bool twin = false;
    for (unsigned n = 0; n < d->breaks.count; n++)
        twin |= &d->breaks.at[n] != b && is_twin(&d->breaks.at[n], b);
    b->enabled = false;
    if (!twin && b->spec.kind == BREAK_AT)
        stops_break_remove(&d->stops, b->spec.place);
    if (!twin && b->spec.kind == BREAK_DATA)
        stops_watch_remove(&d->stops, b->spec.watch);
    want_events(d);
}

/* --- The table -------------------------------------------------------------------------------- */

void breakpoints_init(struct debug *d)
{
    d->stops.wanted = breakpoints_wanted;
    d->stops.wanted_ctx = d;
}

static struct breakpoint *find(struct debug *d, unsigned id)
{
    for (unsigned n = 0; n < d->breaks.count; n++) {
        if (d->breaks.at[n].id == id)
            return &d->breaks.at[n];
    }
    return NULL;
}

const struct breakpoint *debug_break_find(const struct debug *d, unsigned id)
{
    return find((struct debug *)d, id);
}

const struct breakpoint *debug_break_at(const struct debug *d, const void *owner, unsigned index)
{
    for (unsigned n = 0; n < d->breaks.count; n++) {
        if (d->breaks.at[n].spec.owner == owner && index-- == 0)
            return &d->breaks.at[n];
    }
    return NULL;
}

const struct breakpoint *debug_break_at_place(const struct debug *d, struct stop_place place)
{
    for (unsigned n = 0; n < d->breaks.count; n++) {
        const struct breakpoint *b = &d->breaks.at[n];
        if (b->spec.kind == BREAK_AT && b->enabled && same_place(&b->spec.place, &place))
            return b;
    }
    return NULL;
}

static bool no_memory(struct expr_error *error)
{
    *error = (struct expr_error){.text = "out of memory"};
    return false;
}

static void set_condition(struct breakpoint *b, char *text, struct expr *e)
{
    free(b->condition);
    expr_free(b->expr);
    b->condition = text;
    b->spec.condition = text;
    b->expr = e;
}

static bool compile(struct debug *d, const char *text, char **copy, struct expr **e,
                    struct expr_error *error)
{
    *copy = NULL;
    *e = NULL;
    if (!text || !text[strspn(text, " \t")])
        return true;
    *e = expr_parse(text, &d->symbols, error);
    if (!*e)
        return false;
    *copy = strdup(text);
    if (*copy)
        return true;
    expr_free(*e);
    *e = NULL;
    return no_memory(error);
}

static void normalize(struct break_spec *s)
{
    if (s->place.len == 1)
        s->place.len = 0;
    if (s->kind == BREAK_DATA && !s->watch.len)
        s->watch.len = 1;
    if (s->kind == BREAK_DATA && !s->watch.read && !s->watch.write)
        s->watch.read = s->watch.write = true;
    if (s->kind == BREAK_PORT && !s->read && !s->write)
        s->read = s->write = true;
    if (s->last < s->first)
        s->last = s->first;
}

unsigned debug_break_add(struct debug *d, const struct break_spec *spec, struct expr_error *error)
{
    struct breakpoints *t = &d->breaks;
    struct breakpoint b = {.id = t->last_id + 1, .spec = *spec};
    *error = (struct expr_error){0};
    normalize(&b.spec);
    b.spec.condition = NULL;
    char *text;
    struct expr *e;
    if (!compile(d, spec->condition, &text, &e, error))
        return 0;
    set_condition(&b, text, e);
    struct breakpoint *more = realloc(t->at, (t->count + 1) * sizeof *more);
    if (more)
        t->at = more;
    if (!more || (!spec->disabled && !arm(d, &b))) {
        set_condition(&b, NULL, NULL);
        no_memory(error);
        return 0;
    }
    t->at[t->count++] = b;
    t->last_id = b.id;
    want_events(d);
    return b.id;
}

static void remove_at(struct debug *d, unsigned n)
{
    struct breakpoints *t = &d->breaks;
    disarm(d, &t->at[n]);
    set_condition(&t->at[n], NULL, NULL);
    t->count--;
    memmove(&t->at[n], &t->at[n + 1], (t->count - n) * sizeof t->at[0]);
}

bool debug_break_remove(struct debug *d, unsigned id)
{
    struct breakpoint *b = find(d, id);
    if (b)
        remove_at(d, (unsigned)(b - d->breaks.at));
    return b != NULL;
}

void debug_break_remove_all(struct debug *d, const void *owner)
{
    for (unsigned n = d->breaks.count; n-- > 0;) {
        if (d->breaks.at[n].spec.owner == owner)
            remove_at(d, n);
    }
}

void breakpoints_free(struct debug *d)
{
    while (d->breaks.count)
        remove_at(d, d->breaks.count - 1);
    free(d->breaks.at);
    d->breaks.at = NULL;
}

void breakpoints_stopped(struct debug *d)
{
    for (unsigned n = d->breaks.count; n-- > 0;) {
        if (d->breaks.at[n].spec.temporary)
            remove_at(d, n);
    }
}

bool debug_break_enable(struct debug *d, unsigned id, bool on)
{
    struct breakpoint *b = find(d, id);
    if (!b)
        return false;
    if (!on)
        disarm(d, b);
    else if (!b->enabled)
        return arm(d, b);
    return true;
}

bool debug_break_ignore(struct debug *d, unsigned id, uint64_t count)
{
    struct breakpoint *b = find(d, id);
    if (b)
        b->spec.ignore = count;
    return b != NULL;
}

bool debug_break_condition(struct debug *d, unsigned id, const char *text, struct expr_error *error)
{
    struct breakpoint *b = find(d, id);
    char *copy;
    struct expr *e;
    *error = (struct expr_error){0};
    if (!b) {
        snprintf(error->text, sizeof error->text, "there is no breakpoint %u", id);
        return false;
    }
    if (!compile(d, text, &copy, &e, error))
        return false;
    set_condition(b, copy, e);
    return true;
}

/* --- Hits ------------------------------------------------------------------------------------- */

static bool has_vector(const struct break_spec *s, uint8_t vector)
{
    bool any = !(s->vectors[0] | s->vectors[1] | s->vectors[2] | s->vectors[3]);
    return any || (s->vectors[vector / 64] >> vector % 64 & 1);
}

static bool matches_event(const struct break_spec *s, const struct stop_event *e)
{
    if (event_of(s->kind) != (uint32_t)e->kind)
        return false;
    switch (s->kind) {
    case BREAK_PORT: {
        unsigned end = e->port + e->size - 1u;
        return (e->write ? s->write : s->read) && e->port <= s->last && end >= s->first;
    }
    case BREAK_INTERRUPT:
    case BREAK_EXCEPTION:
    case BREAK_SOFTWARE:
        return has_vector(s, e->vector);
    default:
        return true;
    }
}

static bool matches(const struct breakpoint *b, const struct stop_hit *hit)
{
    const struct break_spec *s = &b->spec;
    if (!b->enabled)
        return false;
    if (hit->reason == STOP_BREAKPOINT)
        return s->kind == BREAK_AT && same_place(&s->place, &hit->place);
    if (hit->reason == STOP_WATCHPOINT)
        return s->kind == BREAK_DATA && same_watch(&s->watch, &hit->watch);
    return matches_event(s, &hit->event);
}

/* The condition; one that has no value is told and counts as true. */
static bool holds(struct debug *d, struct breakpoint *b, const struct stop_hit *hit)
{
    if (!b->expr)
        return true;
    struct expr_scope scope = {.vcpu = d->vcpu, .hit = hit, .hits = b->reached};
    int64_t value;
    if (expr_eval(b->expr, &scope, &value, &d->trouble))
        return value != 0;
    return true;
}

bool breakpoints_wanted(void *ctx, struct stop_hit *hit)
{
    struct debug *d = ctx;
    bool known = false, fired = false;
    d->trouble = (struct expr_error){0};
    hit->id = 0;
    for (unsigned n = 0; n < d->breaks.count; n++) {
        struct breakpoint *b = &d->breaks.at[n];
        if (!matches(b, hit))
            continue;
        known = true;
        b->reached++;
        if (!holds(d, b, hit))
            continue;
        b->hits++;
        if (b->spec.ignore) {
            b->spec.ignore--;
            continue;
        }
        fired = true;
        if (!hit->id && !b->spec.temporary && !b->spec.owner)
            hit->id = b->id;
    }
    /* Places and watchpoints may be set in stops directly. */
    return fired || (!known && hit->reason != STOP_EVENT);
}

/* --- Text ------------------------------------------------------------------------------------- */

static void put_vectors(const struct break_spec *s, struct bytes *out)
{
    const char *before = " ";
    if (!(s->vectors[0] | s->vectors[1] | s->vectors[2] | s->vectors[3]))
        return;
    for (unsigned n = 0; n < 256; n++) {
        if (!has_vector(s, (uint8_t)n))
            continue;
        text_put(out, "%s%02Xh", before, n);
        before = ",";
    }
}

void break_text(const struct breakpoint *b, struct bytes *out)
{
    const struct break_spec *s = &b->spec;
    text_put(out, "%s", break_kind_name(s->kind));
    switch (s->kind) {
    case BREAK_AT:
        if (s->place.kind == STOP_SEGMENTED)
            text_put(out, " %04X:%08X", s->place.selector, (uint32_t)s->place.address);
        else
            text_put(out, "%s %08llX", s->place.kind == STOP_PHYSICAL ? " phys" : "",
                     (unsigned long long)s->place.address);
        if (s->place.len)
            text_put(out, "..%08llX", (unsigned long long)(s->place.address + s->place.len - 1));
        break;
    case BREAK_DATA:
        text_put(out, "%s %08llX len %u %s%s", s->watch.physical ? " phys" : "",
                 (unsigned long long)s->watch.address, s->watch.len, s->watch.read ? "r" : "",
                 s->watch.write ? "w" : "");
        break;
    case BREAK_PORT:
        text_put(out, " %04Xh", s->first);
        if (s->last != s->first)
            text_put(out, "..%04Xh", s->last);
        text_put(out, " %s%s", s->read ? "r" : "", s->write ? "w" : "");
        break;
    default:
        put_vectors(s, out);
        break;
    }
    if (b->condition)
        text_put(out, " if %s", b->condition);
}

void break_line(const struct breakpoint *b, struct bytes *out)
{
    text_put(out, "%-3u %-3s ", b->id, b->enabled ? "on" : "off");
    break_text(b, out);
    text_put(out, "  hits %llu", (unsigned long long)b->hits);
    if (b->spec.ignore)
        text_put(out, "  ignore %llu", (unsigned long long)b->spec.ignore);
}

/* --- Places ----------------------------------------------------------------------------------- */

/* The colon of SEG:OFFSET, or NULL: not one within brackets or of a ?: */
static const char *find_colon(const char *text)
{
    int depth = 0;
    for (const char *at = text; *at; at++) {
        if (*at == '(' || *at == '[')
            depth++;
        else if (*at == ')' || *at == ']')
            depth--;
        else if (*at == '?')
            return NULL;
        else if (*at == ':' && depth == 0)
            return at;
    }
    return NULL;
}

/* A part of SEG:OFFSET: plain digits are hexadecimal there, as in every manual. */
static bool place_part(struct debug *d, const char *text, size_t len, unsigned column, int64_t *out,
                       struct expr_error *error)
{
    char part[256];
    size_t digits = 0;
    while (len && isspace((unsigned char)*text))
        text++, len--, column++;
    while (len && isspace((unsigned char)text[len - 1]))
        len--;
    if (len + 3 > sizeof part) {
        *error = (struct expr_error){.column = column, .text = "the address is too long"};
        return false;
    }
    while (digits < len && isxdigit((unsigned char)text[digits]))
        digits++;
    bool hex = len && len <= 8 && digits == len && expr_name_find(text, len) < 0;
    snprintf(part, sizeof part, "%s%.*s", hex ? "0x" : "", (int)len, text);
    struct expr_scope scope = {.vcpu = d->vcpu};
    if (expr_value(part, &d->symbols, &scope, out, error))
        return true;
    error->column += column - 1;
    return false;
}

/* "..": what comes behind it is the last address of a range. NULL: it is one address. */
static const char *find_range(const char *text)
{
    int depth = 0;
    for (const char *at = text; *at; at++) {
        if (*at == '(' || *at == '[')
            depth++;
        else if (*at == ')' || *at == ']')
            depth--;
        else if (depth == 0 && at[0] == '.' && at[1] == '.')
            return at;
    }
    return NULL;
}

static bool fail_at(struct expr_error *error, unsigned column, const char *why)
{
    *error = (struct expr_error){.column = column};
    snprintf(error->text, sizeof error->text, "%s", why);
    return false;
}

/* An expression, which begins at text + behind. */
static bool linear_part(struct debug *d, const char *text, size_t behind, int64_t *out,
                        struct expr_error *error)
{
    struct expr_scope scope = {.vcpu = d->vcpu};
    if (expr_value(text + behind, &d->symbols, &scope, out, error))
        return true;
    error->column += (unsigned)behind;
    return false;
}

static bool parse_one(struct debug *d, const char *text, struct stop_place *out,
                      struct expr_error *error)
{
    size_t space = strspn(text, " \t"), behind = space + 4;
    const char *colon;
    int64_t value, selector;
    if (strncasecmp(text + space, "phys", 4) == 0 && isspace((unsigned char)text[behind])) {
        behind += strspn(text + behind, " \t");
        if (text[behind] != '[') {
            if (!linear_part(d, text, behind, &value, error))
                return false;
            *out = (struct stop_place){.kind = STOP_PHYSICAL, .address = (uint64_t)value};
            return true;
        }
    }
    colon = find_colon(text);
    if (!colon) {
        if (!linear_part(d, text, 0, &value, error))
            return false;
        *out = (struct stop_place){.kind = STOP_LINEAR, .address = (uint32_t)value};
        return true;
    }
    if (!place_part(d, text, (size_t)(colon - text), 1, &selector, error) ||
        !place_part(d, colon + 1, strlen(colon + 1), (unsigned)(colon - text) + 2, &value, error))
        return false;
    *out = (struct stop_place){
        .kind = STOP_SEGMENTED, .selector = (uint16_t)selector, .address = (uint32_t)value};
    return true;
}

bool debug_parse_place(struct debug *d, const char *text, struct stop_place *out,
                       struct expr_error *error)
{
    char first[256];
    int64_t last;
    *error = (struct expr_error){0};
    const char *dots = find_range(text);
    if (!dots)
        return parse_one(d, text, out, error);
    size_t len = (size_t)(dots - text), behind = len + 2;
    if (len >= sizeof first)
        return fail_at(error, 1, "the address is too long");
    snprintf(first, sizeof first, "%.*s", (int)len, text);
    if (!parse_one(d, first, out, error))
        return false;
    bool plain = out->kind == STOP_SEGMENTED;
    if (plain ? !place_part(d, text + behind, strlen(text + behind), (unsigned)behind + 1, &last,
                            error)
              : !linear_part(d, text, behind, &last, error))
        return false;
    if ((uint64_t)last < out->address || (uint64_t)last - out->address > UINT32_MAX - 1)
        return fail_at(error, (unsigned)behind + 1, "the range ends before it begins");
    out->len = (uint32_t)((uint64_t)last - out->address) + 1;
    return true;
}
