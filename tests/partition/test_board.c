/* The board: who answers at a port or an address when guests move things about, and nets. The
 * machine is a whole PC; its PCI functions are driven through configuration mechanism 1. */
#include "tests/check_main.h"
#include "tests/partition/machine.h"

#define IDE_FN 0x09 /* device 1, function 1 */
#define VGA_FN 0x10

struct pc_under_test {
    struct machine *m;
    struct board *b;
    struct physmap *pm;
};

static struct pc_under_test power_on(void)
{
    struct machine_options o = {.memory = 4u << 20, .cpu = CPU_P2};
    struct machine *m = machine_new(&o);
    ck_assert(m != NULL);
    return (struct pc_under_test){m, partition_board(m->p), partition_physmap(m->p)};
}

static void pci_write(struct board *b, unsigned fn, unsigned reg, uint32_t value, unsigned size)
{
    board_port_write(b, 0xCF8, UINT32_C(0x80000000) | fn << 8 | (reg & 0xFC), 4);
    board_port_write(b, (uint16_t)(0xCFC + (reg & 3)), value, size);
}

static void move_lapic(struct pc_under_test t, uint64_t base)
{
    struct vcpu *c = partition_vcpu(t.m->p);
    ck_assert(c->host.msr_write(c->host.ctx, 0x1B, base | 0x800));
}

static size_t region_count(const struct physmap *pm)
{
    size_t n = 0;
    while (physmap_region(pm, n))
        n++;
    return n;
}

static const char *owner(const struct board *b, uint16_t port)
{
    return b->port_owner[port] ? b->ports[b->port_owner[port]].bus->cls->name : "nobody";
}

/* A BAR over the keyboard controller's ports hides nothing, and leaves nothing dead behind. */
START_TEST(ports_come_back)
{
    struct pc_under_test t = power_on();
    ck_assert_str_eq(owner(t.b, 0x64), "i8042");
    pci_write(t.b, IDE_FN, 0x20, 0x61, 4);
    pci_write(t.b, IDE_FN, 0x04, 1, 2);
    ck_assert_str_eq(owner(t.b, 0x62), "ide");
    ck_assert_str_eq(owner(t.b, 0x64), "i8042");
    pci_write(t.b, IDE_FN, 0x20, 0xC001, 4);
    ck_assert_str_eq(owner(t.b, 0x62), "nobody");
    ck_assert_str_eq(owner(t.b, 0x64), "i8042");
    ck_assert_str_eq(owner(t.b, 0xC00F), "ide");
    ck_assert_str_eq(owner(t.b, 0xC010), "nobody");
    machine_end(t.m);
}
END_TEST

/* The last ports: no access runs over the end of the space. */
START_TEST(ports_end_at_64k)
{
    struct pc_under_test t = power_on();
    pci_write(t.b, IDE_FN, 0x20, 0xFFF1, 4);
    pci_write(t.b, IDE_FN, 0x04, 1, 2);
    ck_assert_str_eq(owner(t.b, 0xFFFF), "ide");
    for (unsigned size = 1; size <= 4; size *= 2) {
        board_port_read(t.b, 0xFFFF, size);
        board_port_write(t.b, 0xFFFE, 0, size);
    }
    machine_end(t.m);
}
END_TEST

/* A window over RAM or ROM is not reached; over a hole it is, also beside RAM's end. */
START_TEST(ram_and_rom_come_first)
{
    struct pc_under_test t = power_on();
    pci_write(t.b, VGA_FN, 0x04, 2, 2);
    static const struct {
        uint32_t base;
        enum region_kind kind;
    } cases[] = {{0x00200000, REGION_RAM},  {0x003FF000, REGION_RAM},  {0x00400000, REGION_MMIO},
                 {0xFFFFE000, REGION_ROM},  {0xFEE00000, REGION_MMIO}, {0xFEDFF000, REGION_MMIO},
                 {0x000A0000, REGION_MMIO}, {0xF0000000, REGION_MMIO}};
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        pci_write(t.b, VGA_FN, 0x18, cases[i].base, 4);
        ck_assert_int_eq(physmap_find(t.pm, cases[i].base)->kind, cases[i].kind);
        ck_assert_int_eq(physmap_find(t.pm, 0x200000)->kind, REGION_RAM);
        ck_assert_int_eq(physmap_find(t.pm, 0xFEE00000)->size, 0x1000);
        ck_assert_int_eq(physmap_find(t.pm, 0xFEC00000)->size, 0x1000);
    }
    machine_end(t.m);
}
END_TEST

/* Video RAM over the registers' window: the registers, which come first, stay; when they go away
 * the video RAM appears. */
START_TEST(a_window_waits_for_its_place)
{
    struct pc_under_test t = power_on();
    pci_write(t.b, VGA_FN, 0x18, 0xE0800000, 4);
    pci_write(t.b, VGA_FN, 0x10, 0xE0000000, 4);
    pci_write(t.b, VGA_FN, 0x04, 2, 2);
    ck_assert_int_eq(physmap_find(t.pm, 0xE0800000)->kind, REGION_MMIO);
    ck_assert_int_eq(physmap_find(t.pm, 0xE0000000)->kind, REGION_HOLE);
    pci_write(t.b, VGA_FN, 0x18, 0xE2000000, 4);
    ck_assert_int_eq(physmap_find(t.pm, 0xE0000000)->kind, REGION_VRAM);
    ck_assert_int_eq(physmap_find(t.pm, 0xE2000000)->kind, REGION_MMIO);
    move_lapic(t, 0xE0FFF000); /* a fixed range comes before BARs */
    ck_assert_int_eq(physmap_find(t.pm, 0xE0000000)->kind, REGION_HOLE);
    move_lapic(t, 0xFEE00000);
    ck_assert_int_eq(physmap_find(t.pm, 0xE0000000)->kind, REGION_VRAM);
    machine_end(t.m);
}
END_TEST

/* With A20 off the CPU sees other addresses; what lies where must not depend on it. (It did: old
 * windows stayed until the map was full, and one search never ended.) */
START_TEST(windows_move_with_a20_off)
{
    struct pc_under_test t = power_on();
    size_t before = region_count(t.pm);
    physmap_set_a20(t.pm, false);
    for (unsigned i = 0; i < 600; i++)
        move_lapic(t, UINT64_C(0x10100000) + i * UINT64_C(0x200000));
    ck_assert_uint_eq(region_count(t.pm), before);
    move_lapic(t, 0xE00FF000);
    pci_write(t.b, VGA_FN, 0x04, 2, 2);
    pci_write(t.b, VGA_FN, 0x18, 0xE0100000, 4);
    physmap_set_a20(t.pm, true);
    ck_assert_int_eq(physmap_find(t.pm, 0xE00FF000)->kind, REGION_MMIO);
    ck_assert_int_eq(physmap_find(t.pm, 0xE0100000)->kind, REGION_MMIO);
    machine_end(t.m);
}
END_TEST

/* A window in the upper memory area gives way to what PAM puts there, and comes back. */
START_TEST(pam_moves_windows_aside)
{
    struct pc_under_test t = power_on();
    ck_assert_int_eq(physmap_find(t.pm, 0xD0000)->kind, REGION_HOLE);
    move_lapic(t, 0xD0000);
    ck_assert_int_eq(physmap_find(t.pm, 0xD0000)->kind, REGION_MMIO);
    pci_write(t.b, 0, 0x5C, 0x33, 1);
    ck_assert_int_eq(physmap_find(t.pm, 0xD0000)->kind, REGION_RAM);
    pci_write(t.b, 0, 0x5C, 0, 1);
    ck_assert_int_eq(physmap_find(t.pm, 0xD0000)->kind, REGION_MMIO);
    machine_end(t.m);
}
END_TEST

static void count_level(void *ctx, unsigned pin, bool level)
{
    unsigned *seen = ctx;
    seen[level]++;
    seen[2] = pin;
}

/* A net is the OR of its outputs; its sinks hear of changes only. */
START_TEST(a_net_is_an_or)
{
    struct pc_under_test t = power_on();
    unsigned seen[3] = {0}, net = board_net(t.b, "a test's own");
    ck_assert_uint_eq(net, board_net(t.b, "a test's own"));
    board_net_sink(t.b, net, count_level, seen, 7);
    struct bus *one = board_find(t.b, "loader"), *com = board_find(t.b, "uart");
    ck_assert(one == NULL && com != NULL);
    struct bus *rtc = board_find(t.b, "rtc");
    com->net[40] = rtc->net[41] = (uint8_t)(net + 1); /* pins that the devices do not have */
    bus_irq(com, 40, true);
    bus_irq(com, 40, true);
    bus_irq(rtc, 41, true);
    bus_irq(com, 40, false);
    ck_assert_uint_eq(seen[1], 1);
    ck_assert_uint_eq(seen[0], 0);
    bus_irq(rtc, 41, false);
    ck_assert_uint_eq(seen[0], 1);
    ck_assert_uint_eq(seen[2], 7);
    machine_end(t.m);
}
END_TEST

/* What decodes where survives saving and loading; a damaged stream changes nothing. */
START_TEST(ranges_are_saved)
{
    struct pc_under_test from = power_on(), to = power_on();
    pci_write(from.b, IDE_FN, 0x20, 0xC001, 4);
    pci_write(from.b, IDE_FN, 0x04, 1, 2);
    pci_write(from.b, VGA_FN, 0x10, 0xE0000000, 4);
    pci_write(from.b, VGA_FN, 0x04, 3, 2);
    pci_write(from.b, 0, 0x5A, 0x33, 1);
    move_lapic(from, 0xF1234000);
    pci_write(to.b, VGA_FN, 0x10, 0xF1000000, 4);
    pci_write(to.b, VGA_FN, 0x04, 3, 2);
    struct bytes state = {0};
    board_save(from.b, &state);
    ck_assert(!board_load(to.b, state.data, state.len - 1));
    ck_assert_int_eq(physmap_find(to.pm, 0xF1000000)->kind, REGION_VRAM);
    ck_assert(board_load(to.b, state.data, state.len));
    for (size_t i = 0;; i++) {
        const struct region *a = physmap_region(from.pm, i), *b = physmap_region(to.pm, i);
        ck_assert(!a == !b);
        if (!a)
            break;
        ck_assert_uint_eq(a->base, b->base);
        ck_assert_uint_eq(a->size, b->size);
        ck_assert_int_eq(a->kind, b->kind);
        ck_assert_uint_eq(a->offset, b->offset);
    }
    ck_assert_int_eq(memcmp(from.b->port_owner, to.b->port_owner, 65536), 0);
    bytes_free(&state);
    machine_end(from.m);
    machine_end(to.m);
}
END_TEST

CHECK_MAIN("board", ports_come_back, ports_end_at_64k, ram_and_rom_come_first,
           a_window_waits_for_its_place, windows_move_with_a20_off, pam_moves_windows_aside,
           a_net_is_an_or, ranges_are_saved)
