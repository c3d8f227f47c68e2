/* partition/tables.c: see tables.h. */
#include "partition/tables.h"

#include "cpu/access.h"
#include "cpu/segment.h"
#include "partition/text.h"

size_t peek_linear(struct vcpu *c, uint32_t gva, void *buf, size_t len)
{
    size_t done = 0;
    while (done < len) {
        uint64_t gpa;
        uint32_t at = gva + (uint32_t)done;
        size_t room = (size_t)(PAGE_SIZE - (at & PAGE_MASK));
        size_t run = len - done < room ? len - done : room;
        if (!linear_peek(c, at, &gpa))
            break;
        physmap_peek(c->physmap, gpa, (uint8_t *)buf + done, run);
        done += run;
    }
    return done;
}

/* --- Entries ---------------------------------------------------------------------------------- */

static const char *const kind_names[] = {
    [ENTRY_EMPTY] = "empty",
    [ENTRY_CODE] = "code",
    [ENTRY_DATA] = "data",
    [ENTRY_LDT] = "LDT",
    [ENTRY_TSS] = "TSS",
    [ENTRY_CALL_GATE] = "call gate",
    [ENTRY_INTERRUPT_GATE] = "interrupt gate",
    [ENTRY_TRAP_GATE] = "trap gate",
    [ENTRY_TASK_GATE] = "task gate",
    [ENTRY_RESERVED] = "reserved",
    [ENTRY_VECTOR] = "vector",
};

const char *entry_kind_name(enum entry_kind kind)
{
    return kind_names[kind];
}

/* Base, limit of the table and the size of an entry; limit 0: there is none. */
static uint32_t table_base(const struct vcpu *c, enum table_kind table, uint32_t *limit)
{
    if (table == TABLE_LDT) {
        *limit = c->ldtr.attr & SEG_ATTR_P && c->ldtr.selector & 0xFFFC ? c->ldtr.limit : 0;
        return (uint32_t)c->ldtr.base;
    }
    const struct descriptor_table *t = table == TABLE_GDT ? &c->gdtr : &c->idtr;
    *limit = t->limit;
    return (uint32_t)t->base;
}

static unsigned entry_size(const struct vcpu *c, enum table_kind table)
{
    return table == TABLE_IDT && vcpu_is_real(c) ? 4 : 8;
}

unsigned table_entries(const struct vcpu *c, enum table_kind table)
{
    uint32_t limit;
    table_base(c, table, &limit);
    unsigned size = entry_size(c, table), most = table == TABLE_IDT ? 256 : 8192;
    uint64_t count = limit ? ((uint64_t)limit + 1) / size : 0;
    return count < most ? (unsigned)count : most;
}

static enum entry_kind system_kind(unsigned type)
{
    static const uint8_t kinds[16] = {
        ENTRY_RESERVED,
        ENTRY_TSS,
        ENTRY_LDT,
        ENTRY_TSS,
        ENTRY_CALL_GATE,
        ENTRY_TASK_GATE,
        ENTRY_INTERRUPT_GATE,
        ENTRY_TRAP_GATE,
        ENTRY_RESERVED,
        ENTRY_TSS,
        ENTRY_RESERVED,
        ENTRY_TSS,
        ENTRY_CALL_GATE,
        ENTRY_RESERVED,
        ENTRY_INTERRUPT_GATE,
        ENTRY_TRAP_GATE,
    };
    return (enum entry_kind)kinds[type];
}

static void decode_segment(const struct descriptor *d, struct table_entry *e)
{
    unsigned type = descriptor_type(d);
    e->base = descriptor_base(d);
    e->limit = descriptor_limit(d);
    e->granular = d->high >> 23 & 1;
    if (!descriptor_is_segment(d)) {
        e->busy = e->kind == ENTRY_TSS && (type & 2);
        return;
    }
    e->wide = d->high >> 22 & 1;
    e->accessed = type & 1;
    e->writable = type & 2;
    e->direction = type & 4;
}

static void decode(const struct vcpu *c, struct table_entry *e)
{
    struct descriptor d = {.low = (uint32_t)e->raw, .high = (uint32_t)(e->raw >> 32)};
    if (c->model == CPU_286)
        d.high &= 0xFFFF;
    unsigned type = descriptor_type(&d);
    if (!e->raw) {
        e->kind = ENTRY_EMPTY;
        return;
    }
    e->present = descriptor_present(&d);
    e->dpl = (uint8_t)descriptor_dpl(&d);
    if (descriptor_is_segment(&d)) {
        e->kind = type & 8 ? ENTRY_CODE : ENTRY_DATA;
        decode_segment(&d, e);
        return;
    }
    e->kind = system_kind(type);
    e->wide = type & 8;
    if (e->kind == ENTRY_TSS || e->kind == ENTRY_LDT) {
        decode_segment(&d, e);
        return;
    }
    e->selector = gate_selector(&d);
    e->offset = gate_offset(&d);
    e->params = d.high & 31;
}

bool table_entry(struct vcpu *c, enum table_kind table, unsigned index, struct table_entry *out)
{
    if (index >= table_entries(c, table))
        return false;
    uint32_t limit, base = table_base(c, table, &limit);
    unsigned size = entry_size(c, table);
    uint8_t raw[8] = {0};
    *out = (struct table_entry){.table = table, .index = index, .address = base + index * size};
    out->readable = peek_linear(c, out->address, raw, size) == size;
    if (!out->readable)
        return true;
    out->raw = load_le64(raw);
    if (size == 8) {
        decode(c, out);
        return true;
    }
    out->kind = ENTRY_VECTOR;
    out->present = true;
    out->offset = load_le16(raw);
    out->selector = load_le16(raw + 2);
    return true;
}

bool table_entry_by_selector(struct vcpu *c, uint16_t selector, struct table_entry *out)
{
    return selector & 0xFFFC &&
           table_entry(c, selector & 4 ? TABLE_LDT : TABLE_GDT, selector >> 3, out);
}

static bool is_segment(const struct table_entry *e)
{
    return e->kind == ENTRY_CODE || e->kind == ENTRY_DATA;
}

bool selector_base(struct vcpu *c, uint16_t selector, uint32_t *base)
{
    if (!vcpu_is_protected(c)) {
        *base = (uint32_t)selector << 4;
        return true;
    }
    struct table_entry e;
    if (!table_entry_by_selector(c, selector, &e) || !e.readable || !is_segment(&e))
        return false;
    *base = e.base;
    return true;
}

static void put_name(const struct table_entry *e, struct bytes *out)
{
    if (e->table == TABLE_IDT)
        text_put(out, "%02X ", e->index);
    else
        text_put(out, "%04X ", e->index << 3 | (e->table == TABLE_LDT ? 4 : 0));
}

void table_entry_text(const struct table_entry *e, struct bytes *out)
{
    put_name(e, out);
    if (!e->readable) {
        text_put(out, "not mapped (linear %08X)", e->address);
        return;
    }
    text_put(out, "%s", entry_kind_name(e->kind));
    switch (e->kind) {
    case ENTRY_EMPTY:
    case ENTRY_RESERVED:
        break;
    case ENTRY_VECTOR:
        text_put(out, " %04X:%04X", e->selector, e->offset);
        break;
    case ENTRY_CODE:
    case ENTRY_DATA:
        text_put(out, " %s-bit dpl %u base %08X limit %08X %s%s%s", e->wide ? "32" : "16", e->dpl,
                 e->base, e->limit,
                 e->kind == ENTRY_CODE ? (e->writable ? "readable" : "execute-only")
                                       : (e->writable ? "writable" : "read-only"),
                 !e->direction           ? ""
                 : e->kind == ENTRY_CODE ? " conforming"
                                         : " expand-down",
                 e->accessed ? " accessed" : "");
        break;
    case ENTRY_LDT:
        text_put(out, " dpl %u base %08X limit %08X", e->dpl, e->base, e->limit);
        break;
    case ENTRY_TSS:
        text_put(out, " %s-bit%s dpl %u base %08X limit %08X", e->wide ? "32" : "16",
                 e->busy ? " busy" : "", e->dpl, e->base, e->limit);
        break;
    case ENTRY_TASK_GATE:
        text_put(out, " dpl %u TSS %04X", e->dpl, e->selector);
        break;
    case ENTRY_CALL_GATE:
    case ENTRY_INTERRUPT_GATE:
    case ENTRY_TRAP_GATE:
        text_put(out, " %s-bit dpl %u to %04X:%08X", e->wide ? "32" : "16", e->dpl, e->selector,
                 e->offset);
        if (e->kind == ENTRY_CALL_GATE)
            text_put(out, " params %u", e->params);
        break;
    }
    if (e->kind != ENTRY_EMPTY && !e->present)
        text_put(out, " NOT PRESENT");
}

/* --- TSS -------------------------------------------------------------------------------------- */

static void decode_tss32(const uint8_t *raw, struct tss_view *t)
{
    for (unsigned n = 0; n < 3; n++) {
        t->esp[n] = load_le32(raw + 4 + 8 * n);
        t->ss[n] = load_le16(raw + 8 + 8 * n);
    }
    t->cr3 = load_le32(raw + 0x1C);
    t->eip = load_le32(raw + 0x20);
    t->eflags = load_le32(raw + 0x24);
    for (unsigned n = 0; n < 8; n++)
        t->reg[n] = load_le32(raw + 0x28 + 4 * n);
    for (unsigned n = 0; n < SEG_COUNT; n++)
        t->seg[n] = load_le16(raw + 0x48 + 4 * n);
    t->ldt = load_le16(raw + 0x60);
    t->trap = raw[0x64] & 1;
    t->iomap = load_le16(raw + 0x66);
}

static void decode_tss16(const uint8_t *raw, struct tss_view *t)
{
    for (unsigned n = 0; n < 3; n++) {
        t->esp[n] = load_le16(raw + 2 + 4 * n);
        t->ss[n] = load_le16(raw + 4 + 4 * n);
    }
    t->eip = load_le16(raw + 0x0E);
    t->eflags = load_le16(raw + 0x10);
    for (unsigned n = 0; n < 8; n++)
        t->reg[n] = load_le16(raw + 0x12 + 2 * n);
    for (unsigned n = 0; n < 4; n++)
        t->seg[n] = load_le16(raw + 0x22 + 2 * n);
    t->ldt = load_le16(raw + 0x2A);
}

void tss_read(struct vcpu *c, uint32_t base, uint32_t limit, bool wide, struct tss_view *out)
{
    uint8_t raw[0x68] = {0};
    size_t len = wide ? 0x68 : 0x2C;
    *out = (struct tss_view){.wide = wide, .base = base, .limit = limit};
    out->readable = peek_linear(c, base, raw, len) == len && limit >= len - 1;
    out->link = load_le16(raw);
    if (wide)
        decode_tss32(raw, out);
    else
        decode_tss16(raw, out);
}

bool tss_current(struct vcpu *c, struct tss_view *out)
{
    if (vcpu_is_real(c) || !(c->tr.selector & 0xFFFC))
        return false;
    tss_read(c, (uint32_t)c->tr.base, c->tr.limit, c->tr.attr & 8, out);
    return true;
}

void tss_text(const struct tss_view *t, struct bytes *out)
{
    static const char *const regs[] = {"eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"};
    static const char *const segs[] = {"es", "cs", "ss", "ds", "fs", "gs"};
    text_put(out, "TSS %s-bit base %08X limit %08X%s\n", t->wide ? "32" : "16", t->base, t->limit,
             t->readable ? "" : " NOT ALL READABLE");
    for (unsigned n = 0; n < 3; n++)
        text_put(out, "level %u stack %04X:%08X\n", n, t->ss[n], t->esp[n]);
    text_put(out, "link %04X ldt %04X cr3 %08X eip %08X eflags %08X iomap %04X%s\n", t->link,
             t->ldt, t->cr3, t->eip, t->eflags, t->iomap, t->trap ? " debug trap" : "");
    for (unsigned n = 0; n < 8; n++)
        text_put(out, "%s %08X%s", regs[n], t->reg[n], n % 4 == 3 ? "\n" : "  ");
    for (unsigned n = 0; n < (t->wide ? 6u : 4u); n++)
        text_put(out, "%s %04X%s", segs[n], t->seg[n], n == (t->wide ? 5u : 3u) ? "\n" : "  ");
}
