/* The demo: a teaching OS of one address space for the kernel, two user tasks in their own, and a
 * shell. Guest code: nothing here is linked into Umbra. Read in this order: boot.asm, entry.asm,
 * machine.c (descriptor tables, interrupts), paging.c, tasks.c, then console.c, input.c, shell.c;
 * dma.c, graphics.c, clock.c and hardware.c are what the commands show. */
#ifndef DEMO_KERNEL_H
#define DEMO_KERNEL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HZ        100
#define USER_CODE 0x40000000u
#define USER_DATA 0x40001000u
#define USER_TOP  0x40004000u /* the stack's page lies below, a guard page below that */

enum colour { BLACK, BLUE, GREEN, CYAN, RED, MAGENTA, BROWN, GREY, BRIGHT = 8, YELLOW = 14, WHITE };

/* What entry.asm pushes, lowest address first. */
struct frame {
    uint32_t gs, fs, es, ds;
    uint32_t edi, esi, ebp, esp_of_pusha, ebx, edx, ecx, eax;
    uint32_t vector, error, eip, cs, eflags;
    uint32_t esp, ss; /* only when it came from ring 3 */
};

static inline void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
static inline void out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}
static inline void out32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}
static inline uint8_t in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static inline uint16_t in16(uint16_t port)
{
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static inline uint32_t in32(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

/* console.c: text screen (rows 1 to 23) and COM1. */
void console_init(void);
void put_char(char c);
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say(unsigned colour, const char *format, ...) __attribute__((format(printf, 2, 3)));
void colour_set(unsigned attribute);
void clear_screen(void);
void bar(unsigned row, unsigned column, unsigned attribute, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void console_show(bool visible); /* false: the screen is in a graphics mode */
void console_redraw(void);
void frame_line(void);

/* machine.c */
void machine_init(void);
struct frame *trap(struct frame *f);
void panic(const char *why, const struct frame *f) __attribute__((noreturn));
void set_kernel_stack(uint32_t top);
extern volatile uint32_t ticks;
extern volatile bool floppy_irq;
void wait_ticks(uint32_t n); /* with the CPU asleep */

/* paging.c */
void paging_init(void);
uint32_t page_alloc(void); /* a zeroed page, identity-mapped */
uint32_t user_directory(void);
void map_user(uint32_t directory, uint32_t address, uint32_t frame, bool writable);
uint32_t read_cr3(void);
void load_cr3(uint32_t directory);
void command_page(const char *argument);

/* tasks.c */
struct task_info {
    uint32_t directory, counter, switches, runs;
    bool alive;
};
void tasks_init(void);
struct frame *schedule(struct frame *f);
struct frame *system_call(struct frame *f);
struct frame *task_fault(struct frame *f, uint32_t address);
struct task_info task_info(unsigned user); /* 0, 1 */
void tasks_status(void);                   /* draws the status bar */
void command_tasks(const char *argument);

/* input.c */
void input_init(void);
void keyboard_interrupt(void);
void serial_interrupt(void);
int key_poll(void); /* -1: none */
int key_wait(void);
enum { KEY_UP = 0x100, KEY_DOWN, KEY_ESC = 27 };

/* The commands. */
void command_mem(const char *argument);
void command_cpu(const char *argument);
void command_ports(const char *argument);
void command_time(const char *argument);
void command_dma(const char *argument);
void command_vga(const char *argument);
void command_off(const char *argument);
void command_reboot(const char *argument);
void shell(void) __attribute__((noreturn));

/* hardware.c */
uint32_t pci_read(unsigned device, unsigned function, unsigned reg);
void pci_write(unsigned device, unsigned function, unsigned reg, uint32_t value);
bool has_cpuid(void);
bool has_tsc(void);

/* util.c */
void *memset(void *to, int value, size_t len);
void *memcpy(void *to, const void *from, size_t len);
int memcmp(const void *a, const void *b, size_t len);
bool same(const char *a, const char *b);
uint32_t parse_hex(const char *text, bool *good);

#endif
