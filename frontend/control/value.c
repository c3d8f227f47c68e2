/* frontend/control/value.c: numbers and places, as users write them. */
#include <stdio.h>
#include <stdlib.h>

#include "frontend/control/verbs.h"
#include "partition/tables.h"

bool take_value(struct command *k, const char *text, uint64_t *value)
{
    struct expr_scope scope = {.vcpu = k->vcpu};
    struct expr_error error;
    int64_t v;
    if (!expr_value(text, &k->debug->symbols, &scope, &v, &error)) {
        answer_fail(k->answer, "'%.200s', column %u: %s", text, error.column, error.text);
        return false;
    }
    *value = (uint64_t)v;
    return true;
}

/* Digits as one writes them in SEGMENT:OFFSET, hexadecimal. */
static bool plain_hex(const char *text, size_t len, size_t most, uint32_t *value)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    char copy[9];
    if (!len || len > most || strspn(text, digits) < len)
        return false;
    memcpy(copy, text, len);
    copy[len] = 0;
    *value = (uint32_t)strtoul(copy, NULL, 16);
    return true;
}

/* The segment register of that name, or -1. */
static int segment_register(const char *name, size_t len)
{
    int n = expr_name_find(name, len);
    return n < 0 ? -1 : expr_name_segment((unsigned)n);
}

/* SEGMENT:OFFSET in plain hex, or with a segment register, whose own base then counts. False: it is
 * something else. */
static bool take_plain(struct command *k, const char *text, struct place *place)
{
    const char *colon = strchr(text, ':');
    uint32_t selector, offset, base;
    if (!colon)
        return false;
    int segment = segment_register(text, (size_t)(colon - text));
    if (segment < 0 && !plain_hex(text, (size_t)(colon - text), 4, &selector))
        return false;
    if (!plain_hex(colon + 1, strlen(colon + 1), 8, &offset)) {
        uint64_t value;
        if (segment < 0 || !take_value(k, colon + 1, &value))
            return false;
        offset = (uint32_t)value;
    }
    if (segment >= 0) {
        selector = k->vcpu->seg[segment].selector;
        base = (uint32_t)k->vcpu->seg[segment].base;
    } else if (!selector_base(k->vcpu, (uint16_t)selector, &base)) {
        base = 0;
        place->no_base = true;
    }
    place->segmented = true;
    place->segment = segment;
    place->selector = (uint16_t)selector;
    place->offset = offset;
    place->address = (uint32_t)(base + offset);
    return true;
}

bool take_place(struct command *k, const char *text, struct place *place)
{
    struct stop_place at;
    struct expr_error error;
    uint32_t base;
    char physical[512];
    *place = (struct place){.segment = -1};
    if (strncmp(text, "phys:", 5) == 0) {
        snprintf(physical, sizeof physical, "phys %s", text + 5);
        text = physical;
    } else if (take_source_line(k, text, &place->address)) {
        return true;
    } else if (take_plain(k, text, place)) {
        return true;
    } else if (k->answer->failed) {
        return false;
    }
    if (!debug_parse_place(k->debug, text, &at, &error)) {
        answer_fail(k->answer, "'%.200s', column %u: %s", text, error.column, error.text);
        return false;
    }
    place->address = at.address;
    place->len = at.len;
    place->physical = at.kind == STOP_PHYSICAL;
    if (at.kind != STOP_SEGMENTED)
        return true;
    place->segmented = true;
    place->selector = at.selector;
    place->offset = (uint32_t)at.address;
    place->no_base = !selector_base(k->vcpu, at.selector, &base);
    place->address = (uint32_t)((place->no_base ? 0 : base) + at.address);
    return true;
}

bool take_memory(struct command *k, const char *text, struct place *place)
{
    if (!take_place(k, text, place))
        return false;
    if (place->no_base)
        answer_fail(k->answer, "there is no segment %04x now", place->selector);
    return !place->no_base;
}

struct stop_place stop_place_of(const struct place *place)
{
    if (place->segmented)
        return (struct stop_place){.kind = STOP_SEGMENTED,
                                   .selector = place->selector,
                                   .address = place->offset,
                                   .len = place->len};
    return (struct stop_place){.kind = place->physical ? STOP_PHYSICAL : STOP_LINEAR,
                               .address = place->address,
                               .len = place->len};
}

bool join_words(struct command *k, unsigned first, char *text, size_t size)
{
    size_t at = 0;
    text[0] = 0;
    for (unsigned i = first; i < k->count; i++) {
        size_t len = strlen(k->word[i]);
        if (at + len + 2 > size) {
            answer_fail(k->answer, "that is too long");
            return false;
        }
        if (i > first)
            text[at++] = ' ';
        memcpy(text + at, k->word[i], len + 1);
        at += len;
    }
    return true;
}
