/* Descriptor tables, the interrupt controller, the timer, and what happens on an interrupt. */
#include "kernel.h"

enum { KERNEL_CODE = 0x08, KERNEL_DATA = 0x10, USER_SEGMENTS = 0x18, TSS = 0x28 };
enum { TIMER = 32, KEYBOARD = 33, SERIAL = 36, FLOPPY = 38, SYSTEM_CALL = 48, VECTORS = 49 };

volatile uint32_t ticks;
volatile bool floppy_irq;

struct tss {
    uint32_t link, esp0, ss0;
    uint32_t unused[22];
    uint16_t trap, io_map;
};

static struct tss tss;
static uint64_t gdt[6];
static uint64_t idt[VECTORS];
extern const uint32_t stubs[VECTORS];

/* A segment descriptor:  base 31-24 | G D 0 A | limit 19-16 | P DPL S type | base 23-16
 *                        base 15-0                          | limit 15-0 */
static uint64_t descriptor(uint32_t base, uint32_t limit, unsigned access, unsigned flags)
{
    return (limit & 0xFFFF) | (uint64_t)(base & 0xFFFFFF) << 16 | (uint64_t)access << 40 |
           (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)flags << 52 |
           (uint64_t)(base >> 24) << 56;
}

static void tables_init(void)
{
    gdt[1] = descriptor(0, 0xFFFFF, 0x9A, 0xC);
    gdt[2] = descriptor(0, 0xFFFFF, 0x92, 0xC);
    gdt[3] = descriptor(0, 0xFFFFF, 0xFA, 0xC);
    gdt[4] = descriptor(0, 0xFFFFF, 0xF2, 0xC);
    gdt[5] = descriptor((uint32_t)&tss, sizeof tss - 1, 0x89, 0);
    tss.ss0 = KERNEL_DATA;
    tss.io_map = sizeof tss;
    for (unsigned v = 0; v < VECTORS; v++) {
        uint32_t type = v == SYSTEM_CALL ? 0xEE00 : 0x8E00; /* interrupt gates; 48 from ring 3 */
        idt[v] = (stubs[v] & 0xFFFF) | KERNEL_CODE << 16 |
                 (uint64_t)(type | (stubs[v] & 0xFFFF0000)) << 32;
    }
    struct {
        uint16_t limit;
        uint32_t base;
    } __attribute__((packed)) g = {sizeof gdt - 1, (uint32_t)gdt},
                              i = {sizeof idt - 1, (uint32_t)idt};
    __asm__ volatile("lgdt %0\n\t"
                     "lidt %1\n\t"
                     "ljmp $8, $1f\n"
                     "1: mov %2, %%ds\n\t"
                     "mov %2, %%es\n\t"
                     "mov %2, %%ss\n\t"
                     "mov %2, %%fs\n\t"
                     "mov %2, %%gs\n\t"
                     "ltr %w3"
                     :
                     : "m"(g), "m"(i), "r"(KERNEL_DATA), "r"(TSS)
                     : "memory");
}

void set_kernel_stack(uint32_t top)
{
    tss.esp0 = top;
}

void machine_init(void)
{
    tables_init();
    out8(0x20, 0x11); /* both 8259s: vectors 32 to 47 */
    out8(0xA0, 0x11);
    out8(0x21, 32);
    out8(0xA1, 40);
    out8(0x21, 4);
    out8(0xA1, 2);
    out8(0x21, 1);
    out8(0xA1, 1);
    out8(0x21, 0xFF & ~(1 << 0 | 1 << 1 | 1 << 4 | 1 << 6));
    out8(0xA1, 0xFF);
    uint16_t divisor = 1193182 / HZ;
    out8(0x43, 0x34);
    out8(0x40, (uint8_t)divisor);
    out8(0x40, (uint8_t)(divisor >> 8));
}

void wait_ticks(uint32_t n)
{
    uint32_t start = ticks;
    while (ticks - start < n)
        __asm__ volatile("hlt");
}

void panic(const char *why, const struct frame *f)
{
    console_show(true);
    say(0x4F, "\n PANIC: %s ", why);
    print("\nvector %u error %x at %x:%08x, eflags %x, eax %x ebx %x ecx %x edx %x\n", f->vector,
          f->error, f->cs, f->eip, f->eflags, f->eax, f->ebx, f->ecx, f->edx);
    for (;;)
        __asm__ volatile("cli; hlt");
}

static struct frame *fault(struct frame *f)
{
    uint32_t address;
    __asm__ volatile("mov %%cr2, %0" : "=r"(address));
    if ((f->cs & 3) == 3)
        return task_fault(f, address);
    panic("the kernel faulted", f);
}

/* All vectors come here, interrupts off. Returns the frame to resume. */
struct frame *trap(struct frame *f)
{
    if (f->vector < 32)
        return fault(f);
    if (f->vector == SYSTEM_CALL)
        return system_call(f);
    if (f->vector >= 40)
        out8(0xA0, 0x20);
    out8(0x20, 0x20);
    switch (f->vector) {
    case TIMER:
        ticks++;
        if (ticks % (HZ / 10) == 0)
            tasks_status();
        return schedule(f);
    case KEYBOARD:
        keyboard_interrupt();
        break;
    case SERIAL:
        serial_interrupt();
        break;
    case FLOPPY:
        floppy_irq = true;
        break;
    }
    return f;
}
