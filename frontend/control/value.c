/* frontend/control/value.c: numbers and places, as users write them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "frontend/control/verbs.h"

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '.';
}

/* 123, 0x7c, 7ch */
static bool number(const char *text, uint64_t *value)
{
    char *end;
    size_t len = strlen(text);
    bool suffix = len > 1 && (text[len - 1] | 0x20) == 'h';
    bool prefix = text[0] == '0' && (text[1] | 0x20) == 'x';
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, suffix || prefix ? 16 : 10);
    return !errno && *(end + (suffix && !prefix)) == 0;
}

/* A general register's low word ("ax"), or a register of the table. */
static bool register_value(struct vcpu *c, const char *name, uint64_t *value)
{
    static const char words[8][3] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
    uint8_t raw[REGISTER_BYTES];
    for (unsigned i = 0; i < 8; i++) {
        if (strcmp(name, words[i]) == 0) {
            *value = c->reg[i].w;
            return true;
        }
    }
    int n = strcmp(name, "pc") == 0 ? debug_register_find("eip") : debug_register_find(name);
    if (n < 0 || debug_register((unsigned)n)->bits > 64)
        return false;
    debug_register_read(c, (unsigned)n, raw);
    *value = load_le64(raw);
    return true;
}

static bool take_term(struct command *k, const char **text, uint64_t *value)
{
    char word[64];
    size_t len = 0;
    while (is_word((*text)[len]))
        len++;
    if (len && len < sizeof word) {
        memcpy(word, *text, len);
        word[len] = 0;
        if (number(word, value) || register_value(k->vcpu, word, value)) {
            *text += len;
            return true;
        }
    }
    answer_fail(k->answer, "'%.60s' is no number (123, 0x7c00, 7c00h) and no register", *text);
    return false;
}

bool take_value(struct command *k, const char *text, uint64_t *value)
{
    uint64_t sum, term;
    if (!take_term(k, &text, &sum))
        return false;
    while (*text == '+' || *text == '-') {
        bool plus = *text++ == '+';
        if (!take_term(k, &text, &term))
            return false;
        sum = plus ? sum + term : sum - term;
    }
    if (*text) {
        answer_fail(k->answer, "what does '%.40s' mean?", text);
        return false;
    }
    *value = sum;
    return true;
}

/* The base that a selector has now: of a segment register that holds it, else as the mode and the
 * tables say. */
static bool selector_base(struct command *k, uint16_t selector, uint64_t *base)
{
    struct vcpu *c = k->vcpu;
    uint8_t raw[8];
    *base = (uint64_t)selector << 4;
    if (vcpu_is_real(c) || vcpu_is_v86(c))
        return true;
    uint64_t table = selector & 4 ? c->ldtr.base : c->gdtr.base;
    uint32_t limit = selector & 4 ? c->ldtr.limit : c->gdtr.limit;
    if ((selector | 7u) > limit ||
        debug_read(k->debug, (uint32_t)(table + (selector & ~7u)), raw, 8) != 8) {
        answer_fail(k->answer, "selector %04x lies beyond its table", selector);
        return false;
    }
    *base = load_le32(raw + 2) & 0xFFFFFF;
    *base |= (uint64_t)raw[7] << 24;
    return true;
}

static bool take_segment(struct command *k, const char *name, struct place *place, uint64_t *base)
{
    static const char names[SEG_COUNT][3] = {"es", "cs", "ss", "ds", "fs", "gs"};
    uint64_t value;
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        if (strcmp(name, names[i]) == 0) {
            place->selector = k->vcpu->seg[i].selector;
            *base = k->vcpu->seg[i].base;
            return true;
        }
    }
    /* Selectors are always written in hex: 07c0:0000. */
    char *end;
    value = strtoull(name, &end, 16);
    if (*end || end == name || value > 0xFFFF) {
        answer_fail(k->answer, "'%.40s' is no segment register and no selector (hex)", name);
        return false;
    }
    place->selector = (uint16_t)value;
    return selector_base(k, place->selector, base);
}

static bool take_segmented(struct command *k, const char *text, const char *colon,
                           struct place *place)
{
    char name[32];
    uint64_t base = 0, offset;
    char *end;
    snprintf(name, sizeof name, "%.*s", (int)(colon - text), text);
    if (!take_segment(k, name, place, &base))
        return false;
    offset = strtoull(colon + 1, &end, 16); /* as selectors are: f000:e05b */
    if ((*end || end == colon + 1) && !take_value(k, colon + 1, &offset))
        return false;
    place->segmented = true;
    place->offset = (uint32_t)offset;
    place->address = (uint32_t)(base + offset);
    return true;
}

bool take_place(struct command *k, const char *text, struct place *place)
{
    *place = (struct place){0};
    const char *colon = strchr(text, ':');
    if (strncmp(text, "phys:", 5) == 0) {
        place->physical = true;
        return take_value(k, text + 5, &place->address);
    }
    if (colon)
        return take_segmented(k, text, colon, place);
    if (!take_value(k, text, &place->address))
        return false;
    if (place->address > UINT32_MAX) {
        answer_fail(k->answer, "%llx is beyond 4 GiB (phys:%s is a physical address)",
                    (unsigned long long)place->address, text);
        return false;
    }
    return true;
}

struct stop_place stop_place_of(const struct place *place)
{
    if (place->segmented)
        return (struct stop_place){
            .kind = STOP_SEGMENTED, .selector = place->selector, .address = place->offset};
    return (struct stop_place){.kind = place->physical ? STOP_PHYSICAL : STOP_LINEAR,
                               .address = place->address};
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
