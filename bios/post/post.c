/* POST, first half: shadow RAM, memory, CPU, PCI, tables. Reached from flat_low of entry.asm. */
#include "post.h"

/* An offset in DATA_SEG: the services' copy. */
extern struct machine machine;

void post_main(void);

void *memcpy(void *to, const void *from, size_t n)
{
    void *d = to;
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(n) : : "memory");
    return to;
}

void *memset(void *to, int v, size_t n)
{
    void *d = to;
    __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(v) : "memory");
    return to;
}

struct machine *the_machine(void)
{
    return (struct machine *)(DATA_BASE + (uintptr_t)&machine);
}

/* C0000-DFFFF become RAM; a ROM that the board maps there (the video ROM) is kept. */
static void shadow_option_roms(struct machine *m)
{
    u8 *keep = (u8 *)0x20000;
    const u32 bytes = OPTION_ROM_END - OPTION_ROM_START;
    m->has_i440fx = pci_read32(0, 0) == 0x12378086;
    if (!m->has_i440fx)
        return;
    for (u8 reg = 0x5A; reg <= 0x5D;
         reg++) /* after a reset that left them: show the board's ROMs */
        pci_write8(0, reg, 0);
    memcpy(keep, (const void *)OPTION_ROM_START, bytes);
    for (u8 reg = 0x5A; reg <= 0x5D; reg++)
        pci_write8(0, reg, 0x33);
    for (u32 at = 0; at < bytes; at += 0x800)
        if (keep[at] == 0xFF && keep[at + 1] == 0xFF) /* nobody answered */
            memset(keep + at, 0, 0x800);
    memcpy((void *)OPTION_ROM_START, keep, bytes);
    memset(keep, 0, bytes);
}

static int has_cpuid(void)
{
    u32 before, after;
    __asm__(
        "pushfl\n\tpopl %0\n\tmovl %0, %1\n\txorl $0x200000, %1\n\tpushl %1\n\tpopfl\n\tpushfl\n\t"
        "popl %1"
        : "=&r"(before), "=&r"(after));
    return ((before ^ after) & 0x200000) != 0;
}

static void cpu_find(struct machine *m)
{
    u32 a, b, c, d;
    if (!has_cpuid())
        return;
    __asm__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(0));
    memcpy(m->cpu_name, &b, 4);
    memcpy(m->cpu_name + 4, &d, 4);
    memcpy(m->cpu_name + 8, &c, 4);
    if (a < 1)
        return;
    __asm__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(1));
    m->cpu_signature = a;
    m->cpu_features = d;
}

/* Virtual wire mode (MP specification 1.4, section 3.6.2.2): the 8259 reaches the CPU through the
 * local APIC's LINT0, NMI through LINT1. */
static void apic_init(const struct machine *m)
{
    volatile u32 *apic = (volatile u32 *)LAPIC;
    if (!has_apic(m))
        return;
    apic[0xF0 / 4] = 0x10F;  /* enabled, spurious vector 0Fh */
    apic[0x350 / 4] = 0x700; /* ExtINT */
    apic[0x360 / 4] = 0x400; /* NMI */
}

void post_main(void)
{
    struct machine *m = the_machine();
    out8(0x80, 0x02);
    shadow_option_roms(m);
    cpu_find(m);
    apic_init(m);
    memory_find(m);
    out8(0x80, 0x03);
    pci_init(m);
    tables_build(m);
    out8(0x80, 0x04);
}
