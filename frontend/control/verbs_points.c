/* frontend/control/verbs_points.c: breakpoints of all kinds, by number (partition/breakpoints.h).
 */
#include <stdlib.h>
#include <strings.h>

#include "frontend/control/verbs.h"

#define CONDITION_MOST 2048

/* What stands behind the place in any of these: [if CONDITION] [ignore COUNT], in any order but
 * that CONDITION takes all that is left. first: index of the first such word. */
static bool take_tail(struct command *k, unsigned first, struct break_spec *spec,
                      char condition[CONDITION_MOST])
{
    if (first + 1 < k->count && strcmp(k->word[first], "ignore") == 0) {
        if (!take_value(k, k->word[first + 1], &spec->ignore))
            return false;
        first += 2;
    }
    if (first == k->count)
        return true;
    if (strcmp(k->word[first], "if") != 0 || first + 1 == k->count) {
        answer_fail(k->answer, "'%.40s': [ignore COUNT] [if CONDITION] is what may stand here",
                    k->word[first]);
        return false;
    }
    spec->condition = condition;
    return join_words(k, first + 1, condition, CONDITION_MOST);
}

static void json_point(struct bytes *out, const struct breakpoint *b)
{
    struct bytes text = {0};
    break_text(b, &text);
    json_put_number(out, "number", b->id);
    json_put_string(out, "kind", break_kind_name(b->spec.kind));
    json_put_bytes(out, "text", text.data, text.len);
    json_put_bool(out, "enabled", b->enabled);
    json_put_number(out, "hits", b->hits);
    if (b->condition && *b->condition)
        json_put_string(out, "condition", b->condition);
    bytes_free(&text);
}

static void put_point(struct command *k, const struct breakpoint *b)
{
    break_line(b, &k->answer->text);
    answer_text(k->answer, "\n");
}

static void expression_error(struct command *k, const char *text, const struct expr_error *error)
{
    if (error->column)
        answer_fail(k->answer, "'%.200s', column %u: %s", text, error->column, error->text);
    else
        answer_fail(k->answer, "%s", error->text);
}

static void add(struct command *k, unsigned tail, struct break_spec *spec)
{
    char condition[CONDITION_MOST];
    struct expr_error error = {0};
    if (!take_tail(k, tail, spec, condition))
        return;
    unsigned id = debug_break_add(k->debug, spec, &error);
    if (!id) {
        expression_error(k, spec->condition ? spec->condition : "", &error);
        return;
    }
    const struct breakpoint *b = debug_break_find(k->debug, id);
    put_point(k, b);
    json_point(&k->answer->data, b);
}

void verb_break(struct command *k)
{
    struct place place;
    struct break_spec spec = {.kind = BREAK_AT};
    if (!take_place(k, k->word[0], &place))
        return;
    spec.place = stop_place_of(&place);
    add(k, 1, &spec);
}

/* watch ADDRESS [LENGTH] [r|w|rw] */
void verb_watch(struct command *k)
{
    struct place place;
    struct break_spec spec = {.kind = BREAK_DATA, .watch = {.len = 1, .write = true}};
    unsigned at = 1;
    uint64_t len = 1;
    if (!take_memory(k, k->word[0], &place))
        return;
    if (at < k->count && strcmp(k->word[at], "if") != 0 && strcmp(k->word[at], "ignore") != 0 &&
        !strspn(k->word[at], "rw") && !take_value(k, k->word[at++], &len))
        return;
    if (at < k->count && (strcmp(k->word[at], "r") == 0 || strcmp(k->word[at], "w") == 0 ||
                          strcmp(k->word[at], "rw") == 0)) {
        spec.watch.read = strchr(k->word[at], 'r') != NULL;
        spec.watch.write = strchr(k->word[at], 'w') != NULL;
        at++;
    }
    if (!len || len > UINT32_MAX) {
        answer_fail(k->answer, "1 byte to 4 GiB - 1");
        return;
    }
    spec.watch.address = place.address;
    spec.watch.physical = place.physical;
    spec.watch.len = (uint32_t)len;
    add(k, at, &spec);
}

/* FIRST[-LAST] */
static bool take_ports(struct command *k, const char *text, struct break_spec *spec)
{
    char first[128];
    const char *dash = strchr(text, '-');
    uint64_t a, b;
    size_t len = dash ? (size_t)(dash - text) : strlen(text);
    if (len >= sizeof first) {
        answer_fail(k->answer, "that is no port");
        return false;
    }
    memcpy(first, text, len);
    first[len] = 0;
    if (!take_value(k, first, &a) || !take_value(k, dash ? dash + 1 : first, &b))
        return false;
    if (a > 0xFFFF || b > 0xFFFF || a > b) {
        answer_fail(k->answer, "ports are 0 to 0xFFFF, the lower one first");
        return false;
    }
    spec->first = (uint16_t)a;
    spec->last = (uint16_t)b;
    return true;
}

/* An exception by its mnemonic: #PF, or a vector's number. */
static bool take_vector(struct command *k, const char *text, uint64_t *vector)
{
    for (unsigned n = 0; n < 32; n++) {
        const char *name = vector_mnemonic(n);
        if (name && (strcasecmp(name, text) == 0 || strcasecmp(name + 1, text) == 0)) {
            *vector = n;
            return true;
        }
    }
    if (!take_value(k, text, vector))
        return false;
    if (*vector > 255)
        answer_fail(k->answer, "vectors are 0 to 255");
    return *vector <= 255;
}

static int kind_by_name(const char *name)
{
    for (int kind = 0; kind < BREAK_KINDS; kind++) {
        if (strcmp(break_kind_name((enum break_kind)kind), name) == 0)
            return kind;
    }
    return -1;
}

/* KIND and what goes with it; *used: words. */
static bool take_event(struct command *k, struct break_spec *spec, unsigned *used)
{
    int kind = kind_by_name(k->word[0]);
    unsigned at = 1;
    if (kind < 0 || kind == BREAK_AT || kind == BREAK_DATA) {
        answer_fail(k->answer, "'%.40s': port, interrupt, exception, int, iret, mode, cr3 or dma",
                    k->word[0]);
        return false;
    }
    spec->kind = (enum break_kind)kind;
    if (kind == BREAK_PORT) {
        if (at == k->count) {
            answer_fail(k->answer, "which port?");
            return false;
        }
        if (!take_ports(k, k->word[at++], spec))
            return false;
        if (at < k->count && (strcmp(k->word[at], "in") == 0 || strcmp(k->word[at], "out") == 0)) {
            spec->read = *k->word[at] == 'i';
            spec->write = !spec->read;
            at++;
        }
    }
    while ((kind == BREAK_INTERRUPT || kind == BREAK_EXCEPTION || kind == BREAK_SOFTWARE) &&
           at < k->count && strcmp(k->word[at], "if") != 0 && strcmp(k->word[at], "ignore") != 0) {
        uint64_t vector;
        if (!take_vector(k, k->word[at++], &vector))
            return false;
        break_vector(spec, (uint8_t)vector);
    }
    *used = at;
    return true;
}

void verb_break_on(struct command *k)
{
    struct break_spec spec = {0};
    unsigned used;
    if (take_event(k, &spec, &used))
        add(k, used, &spec);
}

void verb_until_on(struct command *k)
{
    struct break_spec spec = {0};
    struct expr_error error = {0};
    char condition[CONDITION_MOST];
    unsigned used;
    if (!debug_is_stopped(k->debug)) {
        answer_fail(k->answer, "the guest is running: pause first");
        return;
    }
    if (!take_event(k, &spec, &used) || !take_tail(k, used, &spec, condition))
        return;
    if (!debug_run_until(k->debug, &spec, &error))
        expression_error(k, spec.condition ? spec.condition : "", &error);
}

/* --- What there is ---------------------------------------------------------------------------- */

void verb_list(struct command *k)
{
    const struct breakpoint *b;
    json_open(&k->answer->data, "breakpoints", '[');
    for (unsigned n = 0; (b = debug_break_at(k->debug, NULL, n)); n++) {
        put_point(k, b);
        json_open(&k->answer->data, NULL, '{');
        json_point(&k->answer->data, b);
        json_close(&k->answer->data, '}');
    }
    json_close(&k->answer->data, ']');
    if (!k->answer->text.len)
        answer_text(k->answer, "there are no breakpoints\n");
}

/* A number of the user's own (a gdb's are gdb's). */
static bool take_number(struct command *k, const char *text, unsigned *id)
{
    uint64_t n;
    if (!take_value(k, text, &n))
        return false;
    const struct breakpoint *b = n <= UINT32_MAX ? debug_break_find(k->debug, (unsigned)n) : NULL;
    if (!b || b->spec.owner) {
        answer_fail(k->answer, "there is no breakpoint %.40s", text);
        return false;
    }
    *id = b->id;
    return true;
}

enum change { CHANGE_DELETE, CHANGE_ENABLE, CHANGE_DISABLE };

static void change(struct command *k, unsigned id, enum change what)
{
    if (what == CHANGE_DELETE)
        debug_break_remove(k->debug, id);
    else if (!debug_break_enable(k->debug, id, what == CHANGE_ENABLE))
        answer_fail(k->answer, "out of memory");
}

/* Numbers, or "all". Nothing is changed when one of them is none. */
static void change_all(struct command *k, enum change what)
{
    unsigned id[CONTROL_WORDS], count = 0;
    const struct breakpoint *b;
    if (k->count == 1 && strcmp(k->word[0], "all") == 0) {
        if (what == CHANGE_DELETE)
            debug_break_remove_all(k->debug, NULL);
        for (unsigned n = 0; (b = debug_break_at(k->debug, NULL, n)); n++)
            change(k, b->id, what);
        return;
    }
    for (; count < k->count; count++) {
        if (!take_number(k, k->word[count], &id[count]))
            return;
    }
    for (unsigned n = 0; n < count; n++)
        change(k, id[n], what);
}

void verb_delete(struct command *k)
{
    change_all(k, CHANGE_DELETE);
}

void verb_enable(struct command *k)
{
    change_all(k, CHANGE_ENABLE);
}

void verb_disable(struct command *k)
{
    change_all(k, CHANGE_DISABLE);
}

void verb_condition(struct command *k)
{
    char text[CONDITION_MOST];
    struct expr_error error = {0};
    unsigned id;
    if (!take_number(k, k->word[0], &id) || !join_words(k, 1, text, sizeof text))
        return;
    if (!debug_break_condition(k->debug, id, text, &error))
        expression_error(k, text, &error);
    else
        put_point(k, debug_break_find(k->debug, id));
}

void verb_ignore(struct command *k)
{
    uint64_t count;
    unsigned id;
    if (take_number(k, k->word[0], &id) && take_value(k, k->word[1], &count))
        debug_break_ignore(k->debug, id, count);
}
