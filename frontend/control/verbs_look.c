/* frontend/control/verbs_look.c: code, stack and the way through the page tables. */
#include <stdio.h>

#include "cpu/access.h"
#include "frontend/control/verbs.h"
#include "frontend/disassemble.h"

#define CODE_MOST  200 /* instructions at a time */
#define STACK_MOST 256

/* --- Code ------------------------------------------------------------------------------------- */

static void put_instruction(struct command *k, uint32_t address, const uint8_t *bytes, unsigned len,
                            const char *text)
{
    struct answer *a = k->answer;
    uint32_t pc = debug_pc(k->vcpu);
    char hex[3 * 15 + 1] = "";
    for (unsigned i = 0; i < len && i < 15; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    answer_text(a, "%s %08x  %-20s %s\n", address == pc ? "=>" : "  ", address, hex, text);
    json_open(&a->data, NULL, '{');
    json_put_number(&a->data, "address", address);
    json_put_hex(&a->data, "bytes", bytes, len);
    json_put_string(&a->data, "text", text);
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
        answer_text(a, "%04x:%0*x  %0*x\n", c->seg[SEG_SS].selector, c->stack32 ? 8 : 4, offset,
                    (int)size * 2, load_le32(raw));
        json_put_number(&a->data, NULL, load_le32(raw));
    }
    json_close(&a->data, ']');
}

/* --- Page walk -------------------------------------------------------------------------------- */

static void put_entry(struct answer *a, const char *name, unsigned index, uint64_t at,
                      uint64_t value, unsigned bytes)
{
    static const char letters[] = "PWU..ADSG";
    char flags[10] = "";
    for (unsigned bit = 0; bit < 9; bit++)
        flags[bit] = value >> bit & 1 ? letters[bit] : '-';
    if (value >> 3 & 1)
        flags[3] = 'T'; /* PWT */
    if (value >> 4 & 1)
        flags[4] = 'C'; /* PCD */
    answer_text(a, "  %-5s %4u at %09llx: %0*llx  %s%s\n", name, index, (unsigned long long)at,
                (int)bytes * 2, (unsigned long long)value, flags, value >> 63 ? " XD" : "");
    json_open(&a->data, NULL, '{');
    json_put_string(&a->data, "level", name);
    json_put_number(&a->data, "index", index);
    json_put_number(&a->data, "at", at);
    json_put_number(&a->data, "value", value);
    json_close(&a->data, '}');
}

static uint64_t peek(struct command *k, uint64_t gpa, unsigned bytes)
{
    uint8_t raw[8] = {0};
    physmap_peek(partition_physmap(k->partition), gpa, raw, bytes);
    return load_le64(raw);
}

/* The entries on the way, as mmu/walk.h draws them. */
static void put_levels(struct command *k, uint32_t gva)
{
    const struct walk_mode *m = &k->vcpu->walk;
    struct answer *a = k->answer;
    uint64_t frame = UINT64_C(0xFFFFFF000), entry;
    if (m->pae) {
        entry = m->pdpte[gva >> 30];
        put_entry(a, "PDPTE", gva >> 30, k->vcpu->cr3 & ~UINT64_C(31), entry, 8);
        if (!(entry & 1))
            return;
        uint64_t at = (entry & frame) + (gva >> 21 & 511) * 8;
        entry = peek(k, at, 8);
        put_entry(a, "PDE", gva >> 21 & 511, at, entry, 8);
        if (!(entry & 1) || entry & 0x80)
            return;
        at = (entry & frame) + (gva >> 12 & 511) * 8;
        put_entry(a, "PTE", gva >> 12 & 511, at, peek(k, at, 8), 8);
        return;
    }
    uint64_t at = m->root + (gva >> 22) * 4;
    entry = peek(k, at, 4);
    put_entry(a, "PDE", gva >> 22, at, entry, 4);
    if (!(entry & 1) || (entry & 0x80 && m->pse))
        return;
    at = (entry & 0xFFFFF000u) + (gva >> 12 & 1023) * 4;
    put_entry(a, "PTE", gva >> 12 & 1023, at, peek(k, at, 4), 4);
}

static void put_region(struct command *k, uint64_t gpa)
{
    static const char *const names[] = {[REGION_HOLE] = "hole",
                                        [REGION_RAM] = "RAM",
                                        [REGION_ROM] = "ROM",
                                        [REGION_VRAM] = "video RAM",
                                        [REGION_MMIO] = "MMIO"};
    struct answer *a = k->answer;
    const struct region *r = physmap_find(partition_physmap(k->partition), gpa);
    answer_text(a, "  physical %09llx: %s", (unsigned long long)gpa, names[r->kind]);
    json_put_number(&a->data, "physical", gpa);
    json_put_string(&a->data, "kind", names[r->kind]);
    if (r->offset != NO_BACKING) {
        uint64_t gated = physmap_gate(partition_physmap(k->partition), gpa);
        answer_text(a, ", machine offset %09llx",
                    (unsigned long long)(r->offset + (gated - r->base)));
        json_put_number(&a->data, "machine", r->offset + (gated - r->base));
    }
    answer_text(a, "\n");
}

void verb_walk(struct command *k)
{
    struct vcpu *c = k->vcpu;
    struct answer *a = k->answer;
    struct place place;
    uint64_t gpa;
    if (!take_memory(k, k->word[0], &place))
        return;
    if (place.physical) {
        put_region(k, place.address);
        return;
    }
    uint32_t gva = (uint32_t)place.address;
    if (place.segmented)
        answer_text(a, "%04x:%08x ", place.selector, place.offset);
    answer_text(a, "linear %08x, CR3 %08x, %s\n", gva, (unsigned)c->cr3,
                !c->walk.paging ? "paging is off"
                : c->walk.pae   ? "PAE paging"
                                : "32-bit paging");
    json_put_number(&a->data, "linear", gva);
    json_put_bool(&a->data, "paging", c->walk.paging);
    json_open(&a->data, "entries", '[');
    if (c->walk.paging)
        put_levels(k, gva);
    json_close(&a->data, ']');
    bool mapped = linear_peek(c, gva, &gpa);
    json_put_bool(&a->data, "mapped", mapped);
    if (mapped)
        put_region(k, gpa);
    else
        answer_text(a, "  not mapped: an access is a page fault\n");
}
