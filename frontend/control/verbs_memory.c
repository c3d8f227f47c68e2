/* frontend/control/verbs_memory.c: registers and memory. */
#include <stdio.h>

#include "frontend/control/verbs.h"

#define MEM_READ_MOST 4096

/* --- Registers -------------------------------------------------------------------------------- */

static uint32_t word(struct vcpu *c, const char *name)
{
    uint8_t value[REGISTER_BYTES];
    debug_register_read(c, (unsigned)debug_register_find(name), value);
    return load_le32(value);
}

static void put_segment(struct answer *a, const char *name, const struct segment *s)
{
    answer_text(a, "%-4s %04x  base %08x  limit %08x  attributes %04x\n", name, s->selector,
                (unsigned)s->base, s->limit, s->attr);
}

static const char *mode_name(struct vcpu *c)
{
    return vcpu_is_real(c)  ? "real mode"
           : vcpu_is_v86(c) ? "virtual-8086 mode"
           : c->code32      ? "32-bit protected mode"
                            : "16-bit protected mode";
}

static void json_register(struct answer *a, struct vcpu *c, unsigned n)
{
    const struct debug_register *r = debug_register(n);
    uint8_t value[REGISTER_BYTES];
    debug_register_read(c, n, value);
    if (r->bits <= 32)
        json_put_number(&a->data, r->name, load_le32(value));
    else
        json_put_hex(&a->data, r->name, value, r->bits / 8u);
}

/* The CPU at a glance. */
static void put_glance(struct command *k)
{
    static const char *const names[] = {"eax", "ebx", "ecx", "edx", "esi", "edi", "ebp",
                                        "esp", "cr0", "cr2", "cr3", "cr4", "dr6", "dr7"};
    static const char *const segments[] = {"es", "cs", "ss", "ds", "fs", "gs"};
    struct vcpu *c = k->vcpu;
    struct answer *a = k->answer;
    for (size_t n = 0; n < ARRAY_LEN(names); n++)
        answer_text(a, "%s %08x%s", names[n], word(c, names[n]), n % 4 == 3 ? "\n" : "  ");
    answer_text(a, "\ncs:eip %04x:%08x (linear %08x)  eflags %08x  cpl %u  %s%s\n",
                c->seg[SEG_CS].selector, (unsigned)c->eip, debug_pc(c), word(c, "eflags"), c->cpl,
                mode_name(c), c->halted ? ", halted" : "");
    for (unsigned n = 0; n < SEG_COUNT; n++)
        put_segment(a, segments[n], &c->seg[n]);
    put_segment(a, "ldtr", &c->ldtr);
    put_segment(a, "tr", &c->tr);
    answer_text(a, "gdt  base %08x  limit %04x\nidt  base %08x  limit %04x\n",
                (unsigned)c->gdtr.base, c->gdtr.limit, (unsigned)c->idtr.base, c->idtr.limit);
}

static void put_register(struct command *k, unsigned n)
{
    const struct debug_register *r = debug_register(n);
    uint8_t value[REGISTER_BYTES];
    debug_register_read(k->vcpu, n, value);
    answer_text(k->answer, "%-9s ", r->name);
    for (unsigned i = r->bits / 8u; i-- > 0;)
        answer_text(k->answer, "%02x", value[i]);
    answer_text(k->answer, "\n");
}

static int find_register(struct command *k, const char *name)
{
    int n = strcmp(name, "pc") == 0 ? debug_register_find("eip") : debug_register_find(name);
    if (n < 0)
        answer_fail(k->answer, "there is no register '%.40s' ('regs all' shows their names)", name);
    return n;
}

void verb_regs(struct command *k)
{
    bool all = k->count == 1 && strcmp(k->word[0], "all") == 0;
    if (!k->count || all) {
        for (unsigned n = 0; debug_register(n); n++) {
            json_register(k->answer, k->vcpu, n);
            if (all)
                put_register(k, n);
        }
        json_put_string(&k->answer->data, "mode", mode_name(k->vcpu));
        if (!all)
            put_glance(k);
        return;
    }
    for (unsigned i = 0; i < k->count; i++) {
        int n = find_register(k, k->word[i]);
        if (n < 0)
            return;
        put_register(k, (unsigned)n);
        json_register(k->answer, k->vcpu, (unsigned)n);
    }
}

/* Two hex digits a byte, highest first: for what is wider than a number. */
static bool wide_value(const char *text, uint8_t *value, unsigned bytes)
{
    if (strncmp(text, "0x", 2) == 0)
        text += 2;
    if (strlen(text) != bytes * 2 || strspn(text, "0123456789abcdefABCDEF") != bytes * 2)
        return false;
    for (unsigned i = 0; i < bytes; i++) {
        unsigned v;
        if (sscanf(text + i * 2, "%2x", &v) != 1)
            return false;
        value[bytes - 1 - i] = (uint8_t)v;
    }
    return true;
}

void verb_set(struct command *k)
{
    uint8_t value[REGISTER_BYTES] = {0};
    char text[256];
    int n = find_register(k, k->word[0]);
    if (n < 0 || !join_words(k, 1, text, sizeof text))
        return;
    const struct debug_register *r = debug_register((unsigned)n);
    const char *from = *text == '=' ? text + 1 + strspn(text + 1, " ") : text;
    if (r->bits > 32) {
        if (!wide_value(from, value, r->bits / 8u)) {
            answer_fail(k->answer, "%s takes %u hex digits", r->name, r->bits / 4u);
            return;
        }
    } else {
        uint64_t v;
        if (!take_value(k, from, &v))
            return;
        store_le32(value, (uint32_t)v);
        if ((v >> r->bits) && (v >> r->bits) != UINT64_MAX >> r->bits) {
            answer_fail(k->answer, "%s has %u bits only", r->name, r->bits);
            return;
        }
    }
    if (!debug_register_write(k->vcpu, (unsigned)n, value)) {
        answer_fail(k->answer, "%s cannot take that: the CPU would fault, or it is not settable",
                    r->name);
        return;
    }
    put_register(k, (unsigned)n);
    json_register(k->answer, k->vcpu, (unsigned)n);
}

void verb_eval(struct command *k)
{
    char text[2048];
    uint64_t value;
    if (!join_words(k, 0, text, sizeof text) || !take_value(k, text, &value))
        return;
    answer_text(k->answer, "0x%llx  %lld\n", (unsigned long long)value, (long long)value);
    json_put_signed(&k->answer->data, "value", (int64_t)value);
}

/* --- Memory ----------------------------------------------------------------------------------- */

static void put_dump(struct answer *a, uint64_t address, const uint8_t *data, size_t len,
                     bool physical)
{
    for (size_t at = 0; at < len; at += 16) {
        size_t n = len - at < 16 ? len - at : 16;
        answer_text(a, physical ? "%09llx " : "%08llx ", (unsigned long long)(address + at));
        for (size_t i = 0; i < 16; i++) {
            if (i < n)
                answer_text(a, "%s %02x", i == 8 ? " " : "", data[at + i]);
            else
                answer_text(a, "%s   ", i == 8 ? " " : "");
        }
        answer_text(a, "  ");
        for (size_t i = 0; i < n; i++) {
            uint8_t c = data[at + i];
            answer_text(a, "%c", c >= 0x20 && c < 0x7F ? c : '.');
        }
        answer_text(a, "\n");
    }
}

void verb_mem_read(struct command *k)
{
    struct control_client *client = k->client;
    struct place place = {.physical = client->memory_physical, .address = client->next_memory};
    uint64_t len = 64;
    uint8_t data[MEM_READ_MOST];
    if (k->count && !take_memory(k, k->word[0], &place))
        return;
    if (k->count > 1 && !take_value(k, k->word[1], &len))
        return;
    if (!len || len > sizeof data) {
        answer_fail(k->answer, "1 to %d bytes at a time", MEM_READ_MOST);
        return;
    }
    size_t got = (size_t)len;
    if (place.physical)
        physmap_peek(partition_physmap(k->partition), place.address, data, got);
    else
        got = debug_read(k->debug, (uint32_t)place.address, data, got);
    if (!got) {
        answer_fail(k->answer, "no page is mapped at %08x", (unsigned)place.address);
        return;
    }
    put_dump(k->answer, place.address, data, got, place.physical);
    if (got < len)
        answer_text(k->answer, "no page is mapped at %08x\n", (unsigned)(place.address + got));
    json_put_number(&k->answer->data, "address", place.address);
    json_put_bool(&k->answer->data, "physical", place.physical);
    json_put_hex(&k->answer->data, "bytes", data, got);
    client->next_memory = place.physical ? place.address + got : (uint32_t)(place.address + got);
    client->memory_physical = place.physical;
}

/* Bytes in hex, or text:... */
static bool take_bytes(struct command *k, const char *text, struct bytes *out)
{
    size_t len = strlen(text);
    if (strncmp(text, "text:", 5) == 0) {
        bytes_append(out, text + 5, len - 5);
        return true;
    }
    if (strncmp(text, "0x", 2) == 0) {
        text += 2;
        len -= 2;
    }
    if (!len || strspn(text, "0123456789abcdefABCDEF") != len || (len % 2 && len > 1)) {
        answer_fail(k->answer, "'%.40s': bytes are written in hex, two digits each, or as text:...",
                    text);
        return false;
    }
    for (size_t i = 0; i < len; i += 2) {
        unsigned v;
        if (sscanf(text + i, "%2x", &v) != 1)
            return false;
        uint8_t byte = (uint8_t)v;
        bytes_append(out, &byte, 1);
    }
    return true;
}

void verb_mem_write(struct command *k)
{
    struct place place;
    struct bytes data = {0};
    if (!take_memory(k, k->word[0], &place))
        return;
    for (unsigned i = 1; i < k->count; i++) {
        if (!take_bytes(k, k->word[i], &data)) {
            bytes_free(&data);
            return;
        }
    }
    size_t done =
        place.physical
            ? physmap_poke(partition_physmap(k->partition), place.address, data.data, data.len)
            : debug_write(k->debug, (uint32_t)place.address, data.data, data.len);
    if (done < data.len)
        answer_fail(k->answer, "%zu of %zu bytes written: there is no memory at %llx", done,
                    data.len, (unsigned long long)(place.address + done));
    else
        answer_text(k->answer, "%zu bytes written\n", done);
    json_put_number(&k->answer->data, "written", done);
    bytes_free(&data);
}
