/* frontend/control/verbs_look.c: code, stack and the way through the page tables. */
#include <stdio.h>

#include "frontend/control/verbs.h"
#include "frontend/disassemble.h"
#include "partition/address.h"

#define CODE_MOST  200 /* instructions at a time */
#define STACK_MOST 256

/* --- Code ------------------------------------------------------------------------------------- */

static void put_instruction(struct command *k, uint32_t address, const uint8_t *bytes, unsigned len,
                            const char *text)
{
    struct answer *a = k->answer;
    uint32_t pc = debug_pc(k->vcpu);
    char hex[3 * 15 + 1] = "";
    char name[256] = "";
    for (unsigned i = 0; i < len && i < 15; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    bool named = symbol_name(k, address, name, sizeof name);
    if (named && !strchr(name, '+'))
        answer_text(a, "%s:\n", name);
    answer_text(a, "%s %08x  %-20s %s\n", address == pc ? "=>" : "  ", address, hex, text);
    json_open(&a->data, NULL, '{');
    json_put_number(&a->data, "address", address);
    json_put_hex(&a->data, "bytes", bytes, len);
    json_put_string(&a->data, "text", text);
    if (named)
        json_put_string(&a->data, "symbol", name);
    json_close(&a->data, '}');
}

/* COUNT instructions from a linear address. Jumps are shown as offsets in CS. */
static void put_code(struct command *k, struct disassembler *d, uint32_t at, uint64_t count,
                     bool code32)
{
    uint32_t cs_base = (uint32_t)k->vcpu->seg[SEG_CS].base;
    json_open(&k->answer->data, "instructions", '[');
    for (; count; count--) {
        uint8_t bytes[INSN_MAX_LEN];
        char text[DISASSEMBLY_BYTES];
        size_t got = debug_read(k->debug, at, bytes, sizeof bytes);
        if (!got) {
            answer_text(k->answer, "   %08x  (no page is mapped here)\n", at);
            break;
        }
        unsigned len = disassemble(d, bytes, got, at - cs_base, code32, text);
        put_instruction(k, at, bytes, len, text);
        at += len;
    }
    json_close(&k->answer->data, ']');
    k->client->next_code = at;
}

void verb_disas(struct command *k)
{
    struct control_client *client = k->client;
    uint32_t pc = debug_pc(k->vcpu);
    struct place place = {.address = pc};
    uint64_t count = 10, bits = k->vcpu->code32 ? 32 : 16;
    if (pc == client->code_pc)
        place.address = client->next_code;
    if ((k->count > 0 && !take_memory(k, k->word[0], &place)) ||
        (k->count > 1 && !take_value(k, k->word[1], &count)) ||
        (k->count > 2 && !take_value(k, k->word[2], &bits)))
        return;
    if (place.physical || !count || count > CODE_MOST || (bits != 16 && bits != 32)) {
        answer_fail(k->answer, "a linear address, up to %d instructions, 16 or 32", CODE_MOST);
        return;
    }
    struct disassembler *d = disassembler_create(k->vcpu);
    if (!d) {
        answer_fail(k->answer, "out of memory");
        return;
    }
    client->code_pc = pc;
    put_code(k, d, (uint32_t)place.address, count, bits == 32);
    disassembler_destroy(d);
}

/* --- Stack ------------------------------------------------------------------------------------ */

void verb_stack(struct command *k)
{
    const struct vcpu *c = k->vcpu;
    struct answer *a = k->answer;
    uint64_t count = 16;
    unsigned size = c->code32 ? 4 : 2;
    uint32_t mask = c->stack32 ? UINT32_MAX : 0xFFFF;
    if (k->count && !take_value(k, k->word[0], &count))
        return;
    if (!count || count > STACK_MOST) {
        answer_fail(a, "1 to %d words", STACK_MOST);
        return;
    }
    json_put_number(&a->data, "size", size);
    json_open(&a->data, "words", '[');
    for (uint64_t n = 0; n < count; n++) {
        uint8_t raw[4] = {0};
        uint32_t offset = (uint32_t)(c->reg[ESP].d + n * size) & mask;
        uint32_t linear = (uint32_t)(c->seg[SEG_SS].base + offset);
        if (debug_read(k->debug, linear, raw, size) != size) {
            answer_text(a, "%04x:%0*x  (no page is mapped here)\n", c->seg[SEG_SS].selector,
                        c->stack32 ? 8 : 4, offset);
            break;
        }
        char name[256] = "";
        symbol_name(k, load_le32(raw), name, sizeof name);
        answer_text(a, "%04x:%0*x  %0*x  %s\n", c->seg[SEG_SS].selector, c->stack32 ? 8 : 4, offset,
                    (int)size * 2, load_le32(raw), name);
        json_put_number(&a->data, NULL, load_le32(raw));
    }
    json_close(&a->data, ']');
}

/* --- The way of an address -------------------------------------------------------------------- */

static void json_level(struct bytes *out, const struct walk_level *l)
{
    json_open(out, NULL, '{');
    json_put_string(out, "level", l->name);
    json_put_number(out, "index", l->index);
    if (l->gpa != IN_REGISTER)
        json_put_number(out, "at", l->gpa);
    json_put_number(out, "value", l->value);
    json_close(out, '}');
}

static void json_address(struct bytes *out, const struct address_view *v)
{
    const struct walk_story *w = &v->walk;
    json_put_number(out, "linear", v->gva);
    json_put_bool(out, "paging", w->paging);
    json_open(out, "entries", '[');
    for (unsigned n = 0; n < w->levels; n++)
        json_level(out, &w->level[n]);
    json_close(out, ']');
    json_put_bool(out, "mapped", w->verdict == WALK_MAPPED);
    if (w->verdict != WALK_MAPPED)
        return;
    json_put_number(out, "physical", v->gpa);
    json_put_number(out, "page_size", w->page_size);
    json_put_bool(out, "user", w->user);
    json_put_bool(out, "writable", w->writable);
    json_put_string(out, "kind", region_kind_name(v->kind));
    if (v->machine != NO_BACKING)
        json_put_number(out, "machine", v->machine);
    if (v->device)
        json_put_string(out, "device", v->device);
}

/* A physical address has no way; what lies there? */
static void put_physical(struct command *k, uint64_t gpa)
{
    const struct region *r = physmap_find(partition_physmap(k->partition), gpa);
    answer_text(k->answer, "physical %09llx: %s, %09llx to %09llx\n", (unsigned long long)gpa,
                region_kind_name(r->kind), (unsigned long long)r->base,
                (unsigned long long)(r->base + r->size - 1));
    json_put_number(&k->answer->data, "physical", gpa);
    json_put_string(&k->answer->data, "kind", region_kind_name(r->kind));
}

void verb_walk(struct command *k)
{
    struct address_view view;
    struct place place;
    if (!take_place(k, k->word[0], &place))
        return;
    if (place.physical) {
        put_physical(k, place.address);
        return;
    }
    if (place.segmented && place.segment >= 0)
        address_explain_register(k->partition, (enum seg_reg)place.segment, place.offset, &view);
    else if (place.segmented)
        address_explain_selector(k->partition, place.selector, place.offset, &view);
    else
        address_explain(k->partition, (uint32_t)place.address, &view);
    address_text(&view, &k->answer->text);
    json_address(&k->answer->data, &view);
}
