/* What the machine is made of: memory map, CPU, PCI; and how it is switched off. */
#include "kernel.h"

struct map_entry {
    uint32_t base, base_high, len, len_high, type;
} __attribute__((packed));

static struct map_entry map[64];
static uint32_t map_count;

/* Before paging: the boot sector left the map at 500h. */
void hardware_init(void);
void hardware_init(void)
{
    const uint32_t *count = (const uint32_t *)0x500;
    __asm__("" : "+r"(count)); /* an address that the compiler need not doubt */
    map_count = *count < 64 ? *count : 64;
    memcpy(map, count + 1, map_count * sizeof map[0]);
}

static const char *const map_types[] = {"?", "RAM", "reserved", "ACPI tables", "ACPI NVS", "bad"};
static const uint8_t map_colours[] = {GREY,          GREEN | BRIGHT, RED | BRIGHT,
                                      CYAN | BRIGHT, CYAN | BRIGHT,  RED};

void command_mem(const char *argument)
{
    (void)argument;
    print("The memory map, as the BIOS tells it (INT 15h, E820h):\n\n");
    uint32_t ram = 0;
    for (uint32_t i = 0; i < map_count; i++) {
        const struct map_entry *e = &map[i];
        unsigned type = e->type < 6 ? e->type : 0;
        uint32_t kib = e->len >> 10 | e->len_high << 22;
        print("  %08x-%08x ", e->base, e->base + e->len - 1);
        print("%8u KB ", kib);
        colour_set(map_colours[type]);
        unsigned len = 1;
        for (uint32_t k = kib; k > 1 && len < 24; k >>= 1)
            len++;
        for (unsigned j = 0; j < len; j++)
            put_char(type == 1 ? '\xDB' : '\xB1');
        print(" %s\n", map_types[type]);
        colour_set(GREY);
        if (type == 1)
            ram += kib;
    }
    print("\n  %u MB of RAM. Below 1 MB:\n\n", (ram + 512) >> 10);
    say(0x2F, "  RAM, this kernel          ");
    say(0x5F, " video A0000 ");
    say(0x3F, " VGA C0000 ");
    say(0x4F, "  ROMs D0000  ");
    say(0x1F, " BIOS F0000 ");
    print("\n\n  C0000 holds %02x %02x: %s.\n", *(volatile uint8_t *)0xC0000,
          *(volatile uint8_t *)0xC0001,
          *(volatile uint16_t *)0xC0000 == 0xAA55 ? "an option ROM, the VGA BIOS" : "no ROM");
}

bool has_cpuid(void)
{
    uint32_t before, after;
    __asm__ volatile(
        "pushfl; pop %0; mov %0, %1; xor $0x200000, %1; push %1; popfl; pushfl; pop %1;"
        "push %0; popfl"
        : "=&r"(before), "=&r"(after));
    return (before ^ after) & 0x200000;
}

static void cpuid(uint32_t leaf, uint32_t r[4])
{
    __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
}

bool has_tsc(void)
{
    uint32_t r[4];
    if (!has_cpuid())
        return false;
    cpuid(1, r);
    return r[3] & 16;
}

static void features(void)
{
    static const char *const names[32] = {
        "FPU", NULL,   "DE",   "PSE", "TSC",  "MSR", "PAE",   NULL, "CX8",   "APIC", NULL,
        "SEP", "MTRR", "PGE",  NULL,  "CMOV", "PAT", "PSE36", NULL, "CLFSH", NULL,   NULL,
        NULL,  "MMX",  "FXSR", "SSE", "SSE2", NULL,  "HTT",   NULL, NULL,    NULL};
    uint32_t r[4];
    cpuid(1, r);
    print("  family %u, model %u, stepping %u\n  ", r[0] >> 8 & 15, r[0] >> 4 & 15, r[0] & 15);
    for (unsigned i = 0; i < 32; i++)
        if (names[i])
            say(r[3] >> i & 1 ? GREEN | BRIGHT : BRIGHT, "%s ", names[i]);
    print("\n");
}

void command_cpu(const char *argument)
{
    (void)argument;
    uint32_t r[4], cr0, cr4 = 0, flags;
    if (has_cpuid()) {
        char name[52] = {0};
        cpuid(0, r);
        memcpy(name, &r[1], 4);
        memcpy(name + 4, &r[3], 4);
        memcpy(name + 8, &r[2], 4);
        print("  %s", name);
        cpuid(0x80000000, r);
        if (r[0] >= 0x80000004 && r[0] < 0x80010000) {
            for (unsigned i = 0; i < 3; i++) {
                cpuid(0x80000002 + i, r);
                memcpy(name + 16 * i, r, 16);
            }
            print("  %s", name);
        }
        print("\n");
        features();
        __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    } else {
        print("  A CPU without CPUID: a 386, or an early 486.\n");
    }
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("pushfl; pop %0" : "=r"(flags));
    print("\n  CR0 %08x  ", cr0);
    print("%s%s%s%s\n", cr0 & 1 ? "PE " : "", cr0 & 0x10000 ? "WP " : "", cr0 & 8 ? "TS " : "",
          cr0 >> 31 ? "PG" : "");
    print("  CR3 %08x  CR4 %08x  EFLAGS %08x %s\n", read_cr3(), cr4, flags,
          flags & 0x200 ? "(interrupts on)" : "");
    print("  This is ring 0; the tasks in the status line run in ring 3.\n");
}

uint32_t pci_read(unsigned device, unsigned function, unsigned reg)
{
    out32(0xCF8, 0x80000000u | device << 11 | function << 8 | (reg & 0xFC));
    return in32(0xCFC);
}

void pci_write(unsigned device, unsigned function, unsigned reg, uint32_t value)
{
    out32(0xCF8, 0x80000000u | device << 11 | function << 8 | (reg & 0xFC));
    out32(0xCFC, value);
}

static const char *class_name(uint32_t class)
{
    static const struct {
        uint16_t class;
        const char *name;
    } names[] = {{0x0600, "host bridge"},
                 {0x0601, "ISA bridge"},
                 {0x0101, "IDE controller"},
                 {0x0300, "VGA"},
                 {0x0680, "power management"},
                 {0x0200, "network"},
                 {0x0C03, "USB"},
                 {0x0401, "sound"}};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].class == class)
            return names[i].name;
    return "other";
}

void command_ports(const char *argument)
{
    (void)argument;
    print("On the PCI bus (configuration ports CF8h, CFCh):\n\n");
    for (unsigned d = 0; d < 32; d++) {
        for (unsigned f = 0; f < 8; f++) {
            uint32_t id = pci_read(d, f, 0);
            if ((id & 0xFFFF) == 0xFFFF)
                continue;
            uint32_t class = pci_read(d, f, 8) >> 16;
            say(YELLOW, "  00:%02x.%u", d, f);
            print("  %04x:%04x  %-16s", id & 0xFFFF, id >> 16, class_name(class));
            for (unsigned b = 0; b < 6; b++) {
                uint32_t bar_value = pci_read(d, f, 0x10 + 4 * b);
                if (bar_value & 1)
                    print(" ports %x", bar_value & ~3u);
                else if (bar_value)
                    print(" memory %08x", bar_value & ~15u);
            }
            print("\n");
        }
    }
    print("\nAt fixed ports:\n\n  8259  20 A0  8254  40  8042  60 64  RTC  70  8237  00 C0\n");
    print("  interrupts masked: %02x %02x   in request: ", in8(0x21), in8(0xA1));
    out8(0x20, 0x0A);
    print("%02x\n  COM1 3F8 %s   LPT1 378 %s   floppy 3F0 status %02x\n", in8(0x20),
          in8(0x3FA) != 0xFF ? "yes" : "no", in8(0x379) != 0xFF ? "yes" : "no", in8(0x3F4));
}

/* ACPI S5 without the tables: the PIIX4's power management base and control register. */
void command_off(const char *argument)
{
    (void)argument;
    for (unsigned d = 0; d < 32; d++) {
        for (unsigned f = 0; f < 8; f++) {
            if (pci_read(d, f, 0) != 0x71138086)
                continue;
            uint16_t base = (uint16_t)(pci_read(d, f, 0x40) & 0xFFC0);
            print("PIIX4 power management at port %x: sleep type 5. Good bye.\n", base);
            if (!base)
                break;
            pci_write(d, f, 0x80, pci_read(d, f, 0x80) | 1);
            out16((uint16_t)(base + 4), 0x2000); /* SLP_EN, SLP_TYP 0: S5 */
            wait_ticks(HZ);
        }
    }
    print("This machine cannot be switched off by software: do it by hand.\n");
}

void command_reboot(const char *argument)
{
    (void)argument;
    print("Rebooting.\n");
    for (unsigned i = 0; i < 10000 && (in8(0x64) & 2); i++)
        ;
    out8(0x64, 0xFE); /* pulse the CPU's reset line */
    wait_ticks(HZ / 2);
    struct {
        uint16_t limit;
        uint32_t base;
    } __attribute__((packed)) none = {0, 0};
    __asm__ volatile("lidt %0; int3" : : "m"(none)); /* no table: a triple fault */
}
