/* frontend/control/control.c: finding the verb that is meant, and events. See control.h. */
#include "frontend/control/control.h"

#include <stdio.h>
#include <stdlib.h>

#include "frontend/control/verbs.h"
#include "frontend/symbols/symbols.h"

#define MANY          CONTROL_WORDS
#define COMPLETE_MOST 100 /* symbols */

struct verb {
    const char *name; /* NULL: a heading, in help */
    const char *args;
    unsigned flags, least, most;
    const char *help;
    verb_fn *run;
};

static const struct verb verbs[] = {
#define VERB(id, name, args, flags, least, most, help) \
    {name, args, flags, least, most, help, verb_##id},
#define GROUP(title) {NULL, NULL, 0, 0, 0, title, NULL},
#define ALIAS(name, id)
#include "frontend/control/verbs.def"
#undef VERB
#undef GROUP
#undef ALIAS
};

static const struct {
    const char *name;
    verb_fn *run;
} aliases[] = {
#define VERB(id, name, args, flags, least, most, help)
#define GROUP(title)
#define ALIAS(name, id) {name, verb_##id},
#include "frontend/control/verbs.def"
#undef VERB
#undef GROUP
#undef ALIAS
};

/* --- Which verb? ------------------------------------------------------------------------------ */

/* Words that name takes of those given; 0: it is another. */
static unsigned name_matches(const char *name, unsigned count, const char *const *word)
{
    const char *space = strchr(name, ' ');
    if (!space)
        return count >= 1 && strcmp(name, word[0]) == 0;
    size_t len = (size_t)(space - name);
    return count >= 2 && strlen(word[0]) == len && memcmp(name, word[0], len) == 0 &&
                   strcmp(space + 1, word[1]) == 0
               ? 2
               : 0;
}

static const struct verb *verb_of(verb_fn *run)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (verbs[i].run == run)
            return &verbs[i];
    }
    return NULL;
}

/* The verb with the longest name that the words begin with, NULL when there is none. */
static const struct verb *find_verb(unsigned count, const char *const *word, unsigned *used)
{
    const struct verb *best = NULL;
    *used = 0;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        unsigned n = verbs[i].name ? name_matches(verbs[i].name, count, word) : 0;
        if (n > *used) {
            *used = n;
            best = &verbs[i];
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
        unsigned n = name_matches(aliases[i].name, count, word);
        if (n > *used) {
            *used = n;
            best = verb_of(aliases[i].run);
        }
    }
    return best;
}

/* The first words of two-word verbs that begin with word, for an error's sake. */
static void list_of(const char *word, char *out, size_t size)
{
    size_t len = strlen(word), at = 0;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        const char *name = verbs[i].name;
        if (name && strncmp(name, word, len) == 0 && name[len] == ' ' && at < size)
            at += (size_t)snprintf(out + at, size - at, "%s%s", at ? ", " : "", name);
    }
}

static void unknown_verb(struct answer *a, const char *word)
{
    const char *names[ARRAY_LEN(verbs) + ARRAY_LEN(aliases) + 1];
    unsigned n = 0;
    char family[200] = "";
    list_of(word, family, sizeof family);
    if (*family) {
        answer_fail(a, "'%s' alone is no verb; there are %s", word, family);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (verbs[i].name)
            names[n++] = verbs[i].name;
    }
    names[n] = NULL;
    const char *near = nearest_word(word, names);
    answer_fail(a,
                near ? "there is no verb '%.40s'; did you mean %s? ('help' lists all)"
                     : "there is no verb '%.40s' ('help' lists all)",
                word, near);
}

void control_run_words(struct control_client *client, unsigned count, const char *const *words,
                       struct answer *answer)
{
    unsigned used;
    const struct verb *v = find_verb(count, words, &used);
    struct control *c = client->control;
    if (!v) {
        unknown_verb(answer, count ? words[0] : "");
        return;
    }
    if (v->flags & VERB_RESUMES && client->may_not_run) {
        answer_fail(answer,
                    "'%s' would let the guest run behind gdb's back: use gdb's own commands",
                    v->name);
        return;
    }
    if (count - used < v->least || count - used > v->most) {
        answer_fail(answer, "too %s arguments: %s%s%s", count - used < v->least ? "few" : "many",
                    v->name, *v->args ? " " : "", v->args);
        return;
    }
    struct partition *p = c->config.partition;
    struct command k = {.client = client,
                        .control = c,
                        .partition = p,
                        .debug = partition_debug(p),
                        .vcpu = partition_vcpu(p),
                        .answer = answer,
                        .count = count - used,
                        .word = words + used};
    v->run(&k);
}

/* --- Lines ------------------------------------------------------------------------------------ */

/* Is what follows these words an expression? It is taken as it stands, quotes and all. */
static bool expression_follows(unsigned count, const char *const *word)
{
    return (count && strcmp(word[count - 1], "if") == 0) ||
           (count == 1 && (strcmp(word[0], "eval") == 0 || strcmp(word[0], "print") == 0 ||
                           strcmp(word[0], "p") == 0)) ||
           (count == 2 && strcmp(word[0], "condition") == 0);
}

/* Splits text in place: blanks part words, quotes ("..." or '...') keep them together, a backslash
 * before the quote is the quote. # begins a comment. Returns the words, or -1 (*why is said). */
static int split(char *text, const char *words[CONTROL_WORDS], const char **why)
{
    int count = 0;
    char *to = text;
    for (char *at = text;;) {
        at += strspn(at, " \t\r\n");
        if (!*at || *at == '#')
            return count;
        if (count == CONTROL_WORDS) {
            *why = "too many words";
            return -1;
        }
        words[count++] = to;
        if (expression_follows((unsigned)count - 1, words)) {
            size_t len = strlen(at);
            memmove(to, at, len + 1);
            while (len && strchr(" \t\r\n", to[len - 1]))
                to[--len] = 0;
            return count;
        }
        while (*at && !strchr(" \t\r\n", *at)) {
            char quote = *at;
            if (quote != '"' && quote != '\'') {
                *to++ = *at++;
                continue;
            }
            for (at++; *at != quote; *to++ = *at++) {
                if (*at == '\\' && at[1] == quote)
                    at++;
                if (!*at) {
                    *why = "a quote is missing";
                    return -1;
                }
            }
            at++;
        }
        if (*at)
            at++;
        *to++ = 0;
    }
}

struct line {
    char text[CONTROL_LINE];
    const char *word[CONTROL_WORDS];
    int count;
};

static bool split_line(struct line *l, const char *line, const char **why)
{
    size_t len = strlen(line);
    *why = "the line is too long";
    if (len >= sizeof l->text)
        return false;
    memcpy(l->text, line, len + 1);
    l->count = split(l->text, l->word, why);
    return l->count >= 0;
}

void control_run_line(struct control_client *client, const char *line, struct answer *answer)
{
    struct line l;
    const char *why;
    if (!split_line(&l, line, &why))
        answer_fail(answer, "%s", why);
    else if (l.count)
        control_run_words(client, (unsigned)l.count, l.word, answer);
}

bool control_line_resumes(const char *line)
{
    struct line l;
    const char *why;
    unsigned used;
    if (!split_line(&l, line, &why) || !l.count)
        return false;
    const struct verb *v = find_verb((unsigned)l.count, l.word, &used);
    return v && v->flags & VERB_RESUMES;
}

struct call {
    struct control_client *client;
    const char *line; /* or NULL: */
    unsigned count;
    const char *const *words;
    struct answer *answer;
};

static void run_call(void *ctx, struct partition *p)
{
    struct call *call = ctx;
    (void)p;
    if (call->line)
        control_run_line(call->client, call->line, call->answer);
    else
        control_run_words(call->client, call->count, call->words, call->answer);
}

bool control_call_line(struct control_client *client, const char *line, struct answer *answer)
{
    struct call call = {.client = client, .line = line, .answer = answer};
    return partition_call(client->control->config.partition, run_call, &call);
}

bool control_call_words(struct control_client *client, unsigned count, const char *const *words,
                        struct answer *answer)
{
    struct call call = {.client = client, .count = count, .words = words, .answer = answer};
    return partition_call(client->control->config.partition, run_call, &call);
}

/* --- Help ------------------------------------------------------------------------------------- */

static void help_line(struct answer *a, const struct verb *v)
{
    char left[64];
    snprintf(left, sizeof left, "%s%s%s", v->name, *v->args ? " " : "", v->args);
    if (strlen(left) > 26)
        answer_text(a, "  %s\n  %26s %s\n", left, "", v->help);
    else
        answer_text(a, "  %-26s %s\n", left, v->help);
}

static void help_on(struct command *k)
{
    unsigned used;
    const struct verb *one = find_verb(k->count, k->word, &used);
    size_t len = strlen(k->word[0]), found = 0;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        const char *name = verbs[i].name;
        bool family = name && strncmp(name, k->word[0], len) == 0 && name[len] == ' ' && !one;
        if (&verbs[i] != one && !family)
            continue;
        found++;
        help_line(k->answer, &verbs[i]);
        for (size_t n = 0; n < ARRAY_LEN(aliases); n++) {
            if (aliases[n].run == verbs[i].run)
                answer_text(k->answer, "  %26s also: %s\n", "", aliases[n].name);
        }
    }
    if (!found)
        unknown_verb(k->answer, k->word[0]);
}

void verb_help(struct command *k)
{
    if (k->count) {
        help_on(k);
        return;
    }
    json_open(&k->answer->data, "verbs", '[');
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        const struct verb *v = &verbs[i];
        if (!v->name) {
            answer_text(k->answer, "%s%s\n", i ? "\n" : "", v->help);
            continue;
        }
        help_line(k->answer, v);
        json_open(&k->answer->data, NULL, '{');
        json_put_string(&k->answer->data, "name", v->name);
        json_put_string(&k->answer->data, "arguments", v->args);
        json_put_string(&k->answer->data, "help", v->help);
        json_close(&k->answer->data, '}');
    }
    json_close(&k->answer->data, ']');
}

struct completion {
    const char *line, *last; /* last: its last word */
    void (*found)(void *ctx, const char *word);
    void *ctx;
};

static void complete_verbs(const struct completion *t)
{
    bool about = strncmp(t->line, "help ", 5) == 0;
    const char *text = about ? t->line + 5 : t->line;
    size_t skip = (size_t)(t->last - text), len = strlen(text);
    char told[64] = "", word[64];
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        const char *name = verbs[i].name;
        if (!name || strncmp(name, text, len) != 0)
            continue;
        snprintf(word, sizeof word, "%s", name + skip);
        word[strcspn(word, " ")] = 0;
        if (strcmp(word, told) != 0) /* two verbs of one family stand together */
            t->found(t->ctx, word);
        memcpy(told, word, sizeof told);
    }
}

static void complete_word(const struct completion *t, const char *word)
{
    if (strncmp(word, t->last, strlen(t->last)) == 0)
        t->found(t->ctx, word);
}

static void complete_line(void *ctx, struct partition *p)
{
    const struct completion *t = ctx;
    const struct debug_register *r;
    complete_verbs(t);
    if (strncmp(t->line, "regs ", 5) == 0 || strncmp(t->line, "set ", 4) == 0) {
        for (unsigned n = 0; (r = debug_register(n)); n++)
            complete_word(t, r->name);
    } else if (strncmp(t->line, "devices ", 8) == 0) {
        const struct board *b = partition_board(p);
        for (unsigned n = 0; n < b->device_count; n++)
            complete_word(t, b->device[n]->cls->name);
    } else if (t->last > t->line && *t->last) {
        const struct symbols *s = symbols_of(partition_debug(p));
        const char *name;
        for (size_t n = 0; s && n < COMPLETE_MOST && (name = symbols_complete(s, t->last, n)); n++)
            t->found(t->ctx, name);
    }
}

void control_complete(struct control *c, const char *line,
                      void (*found)(void *ctx, const char *word), void *ctx)
{
    struct completion t = {.found = found, .ctx = ctx};
    t.line = line + strspn(line, " \t");
    const char *space = strrchr(t.line, ' ');
    t.last = space ? space + 1 : t.line;
    partition_call(c->config.partition, complete_line, &t);
}

/* --- Making and events ------------------------------------------------------------------------ */

struct control *control_create(const struct control_config *config)
{
    struct control *c = calloc(1, sizeof *c);
    if (c)
        c->config = *config;
    return c;
}

void control_destroy(struct control *c)
{
    free(c);
}

void control_event(struct control *c, const char *name, const struct bytes *text,
                   const struct bytes *data)
{
    for (struct control_listener *l = c->listeners; l; l = l->next)
        l->event(l->ctx, name, text, data);
}

static void stopped(void *ctx)
{
    struct control *c = ctx;
    struct debug *d = partition_debug(c->config.partition);
    if (c->steps_left && d->stop.reason == DEBUG_STEPPED && --c->steps_left) {
        debug_step(d);
        return;
    }
    c->steps_left = 0;
    struct answer a = {0};
    control_describe(c, &a);
    control_event(c, "stopped", &a.text, &a.data);
    answer_free(&a);
}

static void resumed(void *ctx)
{
    struct control *c = ctx;
    struct bytes nothing = {0}, text = {0};
    if (c->steps_left)
        return;
    text_put(&text, "running\n");
    control_event(c, "resumed", &text, &nothing);
    bytes_free(&text);
}

void control_listen(struct control *c, struct control_listener *listener)
{
    if (!c->listeners) {
        c->stops = (struct debug_listener){.stopped = stopped, .resumed = resumed, .ctx = c};
        debug_listen(partition_debug(c->config.partition), &c->stops);
    }
    listener->next = c->listeners;
    c->listeners = listener;
}

void control_unlisten(struct control *c, struct control_listener *listener)
{
    struct control_listener **at = &c->listeners;
    while (*at && *at != listener)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = listener->next;
    if (!c->listeners)
        debug_unlisten(partition_debug(c->config.partition), &c->stops);
}

static void tell_reset(struct control *c)
{
    struct bytes text = {0}, data = {0};
    c->resets = partition_resets(c->config.partition);
    text_put(&text, "the machine was reset\n");
    json_put_number(&data, "resets", c->resets);
    control_event(c, "reset", &text, &data);
    bytes_free(&text);
    bytes_free(&data);
}

static void tell_denial(struct control *c, const struct dma_denial *n)
{
    struct bytes text = {0}, data = {0};
    const char *direction = n->direction == DMA_READ ? "read" : "write";
    text_put(&text, "DMA denied: %s may not %s %llu bytes at %09llx: %s\n", n->device, direction,
             (unsigned long long)n->len, (unsigned long long)n->gpa, dma_reason_name(n->reason));
    json_put_string(&data, "device", n->device);
    json_put_string(&data, "direction", direction);
    json_put_number(&data, "address", n->gpa);
    json_put_number(&data, "length", n->len);
    json_put_string(&data, "reason", dma_reason_name(n->reason));
    json_put_number(&data, "time_ns", n->time_ns);
    control_event(c, "dma-denied", &text, &data);
    bytes_free(&text);
    bytes_free(&data);
}

/* Denials of one device since the last look, oldest first, as far as its log still has them. */
static void tell_denials(struct control *c, unsigned device, const struct dma_domain *domain)
{
    uint64_t now = dma_domain_counters(domain).denials, new = now - c->denied[device];
    struct dma_denial denial;
    c->denied[device] = now;
    for (uint64_t n = new < 64 ? new : 64; n-- > 0;) {
        if (dma_domain_denial(domain, (unsigned)n, &denial))
            tell_denial(c, &denial);
    }
}

void control_tick(struct control *c)
{
    const struct board *b = partition_board(c->config.partition);
    if (partition_resets(c->config.partition) != c->resets)
        tell_reset(c);
    for (unsigned i = 0; i < b->device_count; i++) {
        if (b->device[i]->dma && dma_domain_counters(b->device[i]->dma).denials != c->denied[i])
            tell_denials(c, i, b->device[i]->dma);
    }
}

void control_ended(struct control *c, const char *why, int status)
{
    struct bytes text = {0}, data = {0};
    if (strcmp(why, "powered-off") == 0)
        control_event(c, why, &text, &data);
    text_put(&text, "the run has ended: %s\n", why);
    json_put_string(&data, "why", why);
    json_put_signed(&data, "status", status);
    control_event(c, "ended", &text, &data);
    bytes_free(&text);
    bytes_free(&data);
}
