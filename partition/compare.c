/* partition/compare.c: see compare.h. The vCPU is walked by its field table (cpu/state.h), so no
 * member can be forgotten; devices are compared as the streams that a snapshot makes of them. */
#include "partition/compare.h"

#include <stdio.h>

#include "cpu/flags.h"

/* Events that are the guest's. The others are an engine's own business. */
#define GUEST_EVENTS (EVENT_INTR | EVENT_NMI | EVENT_INIT | EVENT_TRAP)

static void hex(char out[36], const uint8_t *p, unsigned size)
{
    size = size > 16 ? 16 : size;
    for (unsigned n = 0; n < size; n++)
        snprintf(out + 2 * n, 3, "%02x", p[size - 1 - n]);
}

static void add(struct differences *d, const char *what, const void *reference, const void *tested,
                unsigned size)
{
    if (d->count++ >= DIFFERENCES_KEPT)
        return;
    struct difference *item = &d->item[d->count - 1];
    snprintf(item->what, sizeof item->what, "%s", what);
    hex(item->reference, reference, size);
    hex(item->tested, tested, size);
}

/* --- The vCPU --------------------------------------------------------------------------------- */

static const char *const register_names[] = {"eax", "ecx", "edx", "ebx",
                                             "esp", "ebp", "esi", "edi"};
static const char *const segment_names[] = {"es", "cs", "ss", "ds", "fs", "gs"};

static void name_of(const char *path, const struct field *f, uint32_t unit, char out[56])
{
    if (!*path && strcmp(f->name, "reg") == 0 && unit < 8)
        snprintf(out, 56, "%s", register_names[unit]);
    else if (!*path && strcmp(f->name, "seg") == 0)
        snprintf(out, 56, "%s", segment_names[unit % SEG_COUNT]);
    else if (f->count > 1)
        snprintf(out, 56, "%.20s%s%.20s%u", path, *path ? "." : "", f->name, unit);
    else
        snprintf(out, 56, "%.20s%s%.20s", path, *path ? "." : "", f->name);
}

static void compare_fields(const struct field *table, const uint8_t *a, const uint8_t *b,
                           const char *path, struct differences *d)
{
    for (const struct field *f = table; f->name; f++) {
        const uint8_t *x = a + f->offset, *y = b + f->offset;
        if (likely(!memcmp(x, y, (size_t)f->size * f->count)))
            continue;
        for (uint32_t n = 0; n < f->count; n++, x += f->size, y += f->size) {
            char name[56];
            name_of(path, f, n, name);
            if (f->sub)
                compare_fields(f->sub, x, y, name, d);
            else if (memcmp(x, y, f->size))
                add(d, name, x, y, f->size);
        }
    }
}

static void tolerate_fpu_pointers(const struct x87 *from, struct x87 *to, struct differences *d)
{
    if (from->last_opcode == to->last_opcode && from->last_cs == to->last_cs &&
        from->last_ds == to->last_ds && from->last_ip == to->last_ip &&
        from->last_dp == to->last_dp)
        return;
    to->last_opcode = from->last_opcode;
    to->last_cs = from->last_cs;
    to->last_ds = from->last_ds;
    to->last_ip = from->last_ip;
    to->last_dp = from->last_dp;
    d->fpu_pointers++;
}

void compare_vcpus(struct partition *reference, struct partition *tested, struct differences *out)
{
    struct vcpu *a = partition_vcpu(reference), *b = partition_vcpu(tested);
    uint32_t a_flags = flags_arith(a), b_flags = flags_arith(b);
    out->flags = a_flags ^ b_flags;
    tolerate_fpu_pointers(&a->x87, &b->x87, out);
    uint32_t a_events = a->events, b_events = b->events;
    a->eflags = (a->eflags & ~FLAGS_ARITH) | FLAG_ONE; /* what stands there means nothing */
    b->eflags = (b->eflags & ~FLAGS_ARITH) | FLAG_ONE;
    a->events &= GUEST_EVENTS;
    b->events &= GUEST_EVENTS;
    compare_fields(vcpu_fields, (const uint8_t *)a, (const uint8_t *)b, "", out);
    a->events = a_events;
    b->events = b_events;
    uint64_t a_now = partition_now(reference), b_now = partition_now(tested);
    if (a_now != b_now)
        add(out, "virtual time", &a_now, &b_now, sizeof a_now);
}

void compare_ends(enum partition_end reference, enum partition_end tested, struct differences *out)
{
    uint32_t a = reference, b = tested;
    if (a != b)
        add(out, "how the run ended (enum partition_end)", &a, &b, sizeof a);
}

/* --- Devices ---------------------------------------------------------------------------------- */

void compare_devices(struct partition *reference, struct partition *tested, struct differences *out)
{
    struct board_part a, b;
    for (unsigned n = 0; board_part(partition_board(reference), n, &a); n++) {
        if (board_part(partition_board(tested), n, &b))
            compare_fields(a.table, a.object, b.object, a.name, out);
    }
}

/* --- Memory ----------------------------------------------------------------------------------- */

/* Could the bytes at at be two flag images that differ in arithmetic flags only? PUSHF pushes to
 * any address: it is the low byte, with bits 5 and 3 zero and bit 1 set, or the high one. */
static bool is_flags_byte(uint8_t a, uint8_t b)
{
    if ((a ^ b) == FLAG_OF >> 8)
        return true;
    return !((a ^ b) & ~FLAGS_ARITH & 0xFF) && (a & 0x2A) == FLAG_ONE;
}

static void name_memory(const struct physmap *pm, uint64_t offset, char out[56])
{
    if (offset < physmap_ram_size(pm))
        snprintf(out, 56, "memory at %08llx", (unsigned long long)offset);
    else
        snprintf(out, 56, "video or ROM memory at machine offset %llx", (unsigned long long)offset);
}

static void compare_page(struct partition *reference, struct partition *tested, uint64_t offset,
                         bool may_be_flags, struct differences *out)
{
    const uint8_t *a = physmap_host(partition_physmap(reference), offset);
    uint8_t *b = physmap_host(partition_physmap(tested), offset);
    if (likely(!memcmp(a, b, PAGE_SIZE)))
        return;
    for (size_t at = 0; at < PAGE_SIZE;) {
        if (a[at] == b[at]) {
            at++;
            continue;
        }
        if (may_be_flags && is_flags_byte(a[at], b[at])) {
            b[at] = a[at];
            physmap_wrote(partition_physmap(tested), offset + at, 1);
            out->pushed_flags++;
            at++;
            continue;
        }
        size_t end = at + 1;
        while (end < PAGE_SIZE && a[end] != b[end] && end - at < 16)
            end++;
        char name[56];
        name_memory(partition_physmap(reference), offset + at, name);
        add(out, name, a + at, b + at, (unsigned)(end - at));
        at = end;
    }
}

void compare_memory(struct partition *reference, struct partition *tested, bool may_be_flags,
                    struct differences *out)
{
    struct physmap *a = partition_physmap(reference), *b = partition_physmap(tested);
    uint64_t size = physmap_machine_size(a);
    for (uint64_t offset = 0; offset < size; offset += PAGE_SIZE) {
        uint8_t state = physmap_page_state(a, offset) | physmap_page_state(b, offset);
        if (state & PAGE_DIRTY_SNAPSHOT)
            compare_page(reference, tested, offset, may_be_flags, out);
    }
}
