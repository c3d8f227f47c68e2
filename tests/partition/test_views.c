/* partition/address, tables, devices_view: what a debugger shows of the machine. */
#include "partition/address.h"

#include "partition/devices_view.h"
#include "partition/tables.h"
#include "tests/partition/stopped.h"

/* Protected mode with a GDT at 2000, an IDT at 2800, a TSS at 3000; paging with tables at 20000. */
static struct partition *machine(void)
{
    static const uint8_t nop = 0x90;
    struct partition *p = with_code(&nop, 1);
    descriptor(p, 0x2008, FLAT_CODE(0));                       /* 08: flat code */
    descriptor(p, 0x2010, SEGMENT(0x5000u, 0xFFFFu, 0x92, 0)); /* 10: 16-bit data at 5000 */
    descriptor(p, 0x2018, SEGMENT(0x3000u, 0x67u, 0x89, 0));   /* 18: TSS at 3000 */
    descriptor(p, 0x2020, SEGMENT(0u, 0xFu, 0x96, 0xC));       /* 20: expand-down, 64 KiB on */
    descriptor(p, 0x2028, CALL_GATE(8, 0x56781234u, 0x8C, 3)); /* 28: call gate, three parameters */
    descriptor(p, 0x2030, SEGMENT(0u, 0xFFFFFu, 0x12, 0xC));   /* 30: not present */
    descriptor(p, 0x2800 + 13 * 8, A_GATE(8, 0xC0105678u, 0x8E));
    descriptor(p, 0x2800 + 14 * 8, A_GATE(0x18, 0u, 0xE5));
    set(p, "gdt_base", 0x2000);
    set(p, "gdt_limit", 0x3F);
    set(p, "idt_base", 0x2800);
    set(p, "idt_limit", 15 * 8 - 1);
    uint32_t entry = 0x21000 | 7;
    put(p, 0x20000, &entry, 4);
    for (unsigned n = 0; n < 1024; n++) {
        entry = n << 12 | (n == 8 ? 0 : n == 9 ? 5 : 7);
        put(p, 0x21000 + 4 * n, &entry, 4);
    }
    set(p, "cr3", 0x20000);
    set(p, "cr0", get(p, "cr0") | CR0_PE);
    set(p, "cr0", get(p, "cr0") | CR0_PG);
    return p;
}

START_TEST(descriptors)
{
    static const struct {
        enum table_kind table;
        unsigned index;
        const char *text;
    } cases[] = {
        {TABLE_GDT, 0, "0000 empty"},
        {TABLE_GDT, 1, "0008 code 32-bit dpl 0 base 00000000 limit FFFFFFFF readable"},
        {TABLE_GDT, 2, "0010 data 16-bit dpl 0 base 00005000 limit 0000FFFF writable"},
        {TABLE_GDT, 3, "0018 TSS 32-bit dpl 0 base 00003000 limit 00000067"},
        {TABLE_GDT, 4, "0020 data 32-bit dpl 0 base 00000000 limit 0000FFFF writable expand-down"},
        {TABLE_GDT, 5, "0028 call gate 32-bit dpl 0 to 0008:56781234 params 3"},
        {TABLE_GDT, 6, "NOT PRESENT"},
        {TABLE_IDT, 13, "0D interrupt gate 32-bit dpl 0 to 0008:C0105678"},
        {TABLE_IDT, 14, "0E task gate dpl 3 TSS 0018"},
    };
    struct partition *p = machine();
    struct vcpu *c = partition_vcpu(p);
    ck_assert_uint_eq(table_entries(c, TABLE_GDT), 8);
    ck_assert_uint_eq(table_entries(c, TABLE_IDT), 15);
    ck_assert_uint_eq(table_entries(c, TABLE_LDT), 0);
    for (size_t n = 0; n < ARRAY_LEN(cases); n++) {
        struct table_entry e;
        struct bytes text = {0};
        ck_assert(table_entry(c, cases[n].table, cases[n].index, &e));
        table_entry_text(&e, &text);
        SHOWS(&text, cases[n].text);
        bytes_free(&text);
    }
    struct table_entry e;
    ck_assert(!table_entry(c, TABLE_GDT, 8, &e));
    uint32_t base;
    ck_assert(selector_base(c, 0x10, &base));
    ck_assert_uint_eq(base, 0x5000);
    ck_assert(!selector_base(c, 0x18, &base));
    ck_assert(!selector_base(c, 0, &base));
    set(p, "gdt_base", 0x7FF8); /* its second entry lies in the page that is not mapped */
    ck_assert(table_entry(c, TABLE_GDT, 1, &e));
    ck_assert(!e.readable);
    partition_destroy(p);
}
END_TEST

START_TEST(real_mode_vectors_and_a_tss)
{
    static const uint8_t nop = 0x90;
    struct partition *p = with_code(&nop, 1);
    static const uint8_t vector[4] = {0x34, 0x12, 0x00, 0xF0};
    put(p, 0x13 * 4, vector, 4);
    struct table_entry e;
    ck_assert_uint_eq(table_entries(partition_vcpu(p), TABLE_IDT), 256);
    ck_assert(table_entry(partition_vcpu(p), TABLE_IDT, 0x13, &e));
    struct bytes text = {0};
    table_entry_text(&e, &text);
    SHOWS(&text, "13 vector F000:1234");
    bytes_free(&text);
    uint32_t value = 0xC0DE0000;
    put(p, 0x3000 + 4, &value, 4);    /* ESP0 */
    put(p, 0x3000 + 0x20, &value, 4); /* EIP */
    struct tss_view t;
    ck_assert(!tss_current(partition_vcpu(p), &t));
    tss_read(partition_vcpu(p), 0x3000, 0x67, true, &t);
    ck_assert(t.readable);
    ck_assert_uint_eq(t.esp[0], 0xC0DE0000);
    ck_assert_uint_eq(t.eip, 0xC0DE0000);
    partition_destroy(p);
}
END_TEST

START_TEST(an_address_through_all_levels)
{
    struct partition *p = machine();
    struct address_view a;
    struct bytes text = {0};
    address_explain_selector(p, 0x10, 0x4234, &a);
    ck_assert(a.segmented && a.segment_known && a.within_limit);
    ck_assert_uint_eq(a.gva, 0x9234);
    ck_assert_uint_eq(a.gpa, 0x9234);
    ck_assert_int_eq(a.kind, REGION_RAM);
    ck_assert_uint_eq(a.machine, 0x9234);
    ck_assert(a.walk.user && !a.walk.user_writable);
    address_text(&a, &text);
    SHOWS(&text, "segment    0010:00004234  base 00005000");
    SHOWS(&text, "PTE   [009] at 00021024");
    bytes_free(&text);
    address_explain_selector(p, 0x20, 0x1234, &a); /* expand-down: below is outside */
    ck_assert(!a.within_limit);
    address_explain_selector(p, 0x20, 0x12345, &a);
    ck_assert(a.within_limit);
    address_explain(p, 0x8000, &a);
    ck_assert_int_eq(a.walk.verdict, WALK_NOT_PRESENT);
    address_text(&a, &text);
    SHOWS(&text, "NOT PRESENT");
    bytes_free(&text);
    address_explain(p, 0xA0000, &a);
    ck_assert_int_eq(a.kind, REGION_MMIO);
    ck_assert_str_eq(a.device, "vga");
    ck_assert_uint_eq(a.machine, NO_BACKING);
    partition_destroy(p);
}
END_TEST

START_TEST(what_is_mapped)
{
    struct partition *p = machine();
    struct mapped_range r;
    ck_assert(mapped_next(p, 0, &r));
    ck_assert_uint_eq(r.first, 0);
    ck_assert_uint_eq(r.last, 0x7FFF);
    ck_assert(mapped_next(p, (uint64_t)r.last + 1, &r));
    ck_assert_uint_eq(r.first, 0x9000);
    ck_assert_uint_eq(r.last, 0x9FFF); /* its rights end there: page 9 is read-only */
    ck_assert(mapped_next(p, (uint64_t)r.last + 1, &r));
    ck_assert_uint_eq(r.first, 0xA000);
    ck_assert_uint_eq(r.last, 0x3FFFFF);
    ck_assert(!mapped_next(p, (uint64_t)r.last + 1, &r));
    partition_destroy(p);
}
END_TEST

static void count_value(void *ctx, const struct device_value *v)
{
    unsigned *count = ctx;
    struct bytes text = {0};
    device_value_text(v, &text);
    ck_assert_uint_gt(text.len, 0);
    bytes_free(&text);
    ++*count;
}

START_TEST(every_device_has_registers)
{
    struct partition *p = machine();
    const struct board *b = partition_board(p);
    const struct bus *device;
    uint64_t hash = partition_state_hash(p);
    for (unsigned n = 0; (device = device_at_index(b, n)); n++) {
        unsigned count = 0;
        struct bytes text = {0};
        device_values(device, count_value, &count);
        device_text(device, b, &text);
        SHOWS(&text, device->cls->title);
        bytes_free(&text);
    }
    struct bytes text = {0};
    devices_text(b, &text);
    SHOWS(&text, "0040-0043"); /* the PIT's ports */
    bytes_free(&text);
    ck_assert_uint_eq(partition_state_hash(p), hash);
    partition_destroy(p);
}
END_TEST

START_TEST(dma_is_logged)
{
    struct partition *p = machine();
    struct board *b = partition_board(p);
    struct dma_domain *fdc = board_find(b, "fdc")->dma, *ide = board_find(b, "ide")->dma;
    uint8_t buf[16] = {0};
    ck_assert_int_eq(dma_write(ide, 0x6000, buf, 16), DMA_OK);
    ck_assert_int_eq(dma_write(fdc, 0xFFF00000, buf, 16), DMA_DENIED);
    ck_assert_int_eq(dma_read(ide, 0x6000, buf, 8), DMA_OK);
    struct dma_check log[8];
    ck_assert_uint_eq(dma_recent(b, false, log, 8), 3);
    ck_assert_uint_eq(dma_recent(b, true, log, 8), 1);
    ck_assert_uint_eq(log[0].gpa, 0xFFF00000);
    ck_assert_int_ne(log[0].reason, DMA_REASON_NONE);
    ck_assert(!log[0].done);
    struct bytes text = {0};
    dma_check_text(&log[0], &text);
    SHOWS(&text, "denied");
    bytes_free(&text);
    dma_domains_text(b, &text);
    SHOWS(&text, "1 denied");
    bytes_free(&text);
    partition_destroy(p);
}
END_TEST

/* A refused transfer stops the guest when a breakpoint waits for it, whatever the policy. */
START_TEST(a_denied_transfer_stops)
{
    static const uint8_t loop[] = {0x90, 0xEB, 0xFD};
    struct partition *p = with_code(loop, sizeof loop);
    struct expr_error error;
    struct break_spec spec = {.kind = BREAK_DMA_DENIED, .condition = "value == 0xFFF00000"};
    ck_assert(debug_break_add(partition_debug(p), &spec, &error));
    struct dma_domain *fdc = board_find(partition_board(p), "fdc")->dma;
    debug_continue(partition_debug(p));
    uint8_t buf[16] = {0};
    ck_assert_int_eq(dma_write(fdc, 0xFFE00000, buf, 16), DMA_DENIED);
    ck_assert_int_eq(partition_run(p, partition_now(p) + 1000000, NULL, NULL), PARTITION_RUNNING);
    ck_assert_int_eq(dma_write(fdc, 0xFFF00000, buf, 16), DMA_DENIED);
    ck_assert_int_eq(run(p), DEBUG_EVENT);
    partition_destroy(p);
}
END_TEST

CHECK_MAIN("partition/views", descriptors, real_mode_vectors_and_a_tss,
           an_address_through_all_levels, what_is_mapped, every_device_has_registers, dma_is_logged,
           a_denied_transfer_stops)
