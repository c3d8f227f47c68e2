/* Paging: the kernel's identity map of the first 8 MiB, shared by every address space, a region at
 * 1 GiB that each user task has to itself, and the page command, which walks the tables as the CPU
 * does.
 *
 *    31           22 21           12 11            0
 *   +---------------+---------------+---------------+
 *   |   directory   |     table     |    offset     |   of a linear address
 *   +---------------+---------------+---------------+
 *
 *   entry:  frame 31-12 | ... | D 6 | A 5 | ... | U 2 | W 1 | P 0 */
#include "kernel.h"

enum { PRESENT = 1, WRITE = 2, USER = 4, ACCESSED = 32, DIRTY = 64, LARGE = 128 };
enum { IDENTITY_TABLES = 2, POOL = 0x110000, POOL_END = 0x400000 };

static uint32_t directory[1024] __attribute__((aligned(4096)));
static uint32_t tables[IDENTITY_TABLES][1024] __attribute__((aligned(4096)));
static uint32_t next_page = POOL;

uint32_t read_cr3(void)
{
    uint32_t value;
    __asm__ volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}

void load_cr3(uint32_t value)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}

uint32_t page_alloc(void)
{
    if (next_page >= POOL_END)
        panic("out of pages", &(struct frame){0});
    uint32_t page = next_page;
    next_page += 4096;
    memset((void *)page, 0, 4096);
    return page;
}

void paging_init(void)
{
    for (unsigned t = 0; t < IDENTITY_TABLES; t++) {
        for (unsigned i = 0; i < 1024; i++)
            tables[t][i] = (t * 1024 + i) << 12 | WRITE | PRESENT;
        directory[t] = (uint32_t)tables[t] | WRITE | PRESENT;
    }
    tables[0][0] = 0; /* page 0 is not there: a null pointer faults */
    load_cr3((uint32_t)directory);
    uint32_t cr0;
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("mov %0, %%cr0" : : "r"(cr0 | 0x80010000u)); /* PG, WP */
}

uint32_t user_directory(void)
{
    uint32_t page = page_alloc();
    memcpy((void *)page, directory, 4096);
    return page;
}

void map_user(uint32_t dir, uint32_t address, uint32_t frame, bool writable)
{
    uint32_t *entry = (uint32_t *)dir + (address >> 22);
    if (!(*entry & PRESENT))
        *entry = page_alloc() | USER | WRITE | PRESENT;
    uint32_t *table = (uint32_t *)(*entry & ~0xFFFu);
    table[address >> 12 & 1023] = frame | USER | PRESENT | (writable ? WRITE : 0);
}

static void bits_of(uint32_t value, unsigned high, unsigned low)
{
    for (unsigned i = high + 1; i-- > low;)
        put_char((value >> i & 1) ? '1' : '0');
}

static void entry_flags(uint32_t entry)
{
    say(entry & PRESENT ? GREEN | BRIGHT : RED | BRIGHT,
        entry & PRESENT ? "present" : "not present");
    if (!(entry & PRESENT))
        return;
    say(entry & WRITE ? YELLOW : GREY, entry & WRITE ? " writable" : " read-only");
    say(entry & USER ? MAGENTA | BRIGHT : GREY, entry & USER ? " user" : " kernel");
    if (entry & ACCESSED)
        say(CYAN | BRIGHT, " accessed");
    if (entry & DIRTY)
        say(CYAN | BRIGHT, " dirty");
}

static void walk(const char *whose, uint32_t dir, uint32_t address)
{
    unsigned d = address >> 22, t = address >> 12 & 1023, offset = address & 0xFFF;
    say(WHITE, "%s", whose);
    print("  CR3 %08x\n", dir);
    uint32_t entry = ((uint32_t *)dir)[d];
    say(BLUE | BRIGHT, "   \xC0\xC4\xC4\x10 ");
    print("directory[%4u] = ", d);
    say(WHITE, "%08x", entry);
    print("  ");
    entry_flags(entry);
    print("\n");
    if (!(entry & PRESENT))
        return;
    if (entry & LARGE) {
        print("        a 4 MiB page: physical %08x\n", (entry & 0xFFC00000) | (address & 0x3FFFFF));
        return;
    }
    entry = ((uint32_t *)(entry & ~0xFFFu))[t];
    say(BLUE | BRIGHT, "        \xC0\xC4\xC4\x10 ");
    print("table[%4u] = ", t);
    say(WHITE, "%08x", entry);
    print("  ");
    entry_flags(entry);
    print("\n");
    if (!(entry & PRESENT))
        return;
    uint32_t physical = (entry & ~0xFFFu) | offset;
    say(BLUE | BRIGHT, "             \xC0\xC4\xC4\x10 ");
    print("physical ");
    say(YELLOW, "%08x", physical);
    if (physical < (IDENTITY_TABLES << 22) - 16 && physical >= 0x1000 &&
        (physical < 0xA0000 || physical >= 0xC0000)) {
        print("  holds");
        for (unsigned i = 0; i < 8; i++)
            print(" %02x", *(uint8_t *)(physical + i));
    }
    print("\n");
}

void command_page(const char *argument)
{
    bool good = true;
    uint32_t address = *argument ? parse_hex(argument, &good) : USER_DATA;
    if (!good) {
        print("usage: page ADDRESS   (hexadecimal, as in: page 40001000)\n");
        return;
    }
    say(WHITE, "%08x = ", address);
    colour_set(GREEN | BRIGHT);
    bits_of(address, 31, 22);
    put_char(' ');
    colour_set(YELLOW);
    bits_of(address, 21, 12);
    put_char(' ');
    colour_set(CYAN | BRIGHT);
    bits_of(address, 11, 0);
    colour_set(GREY);
    print("  directory %u, table %u, offset %u\n\n", address >> 22, address >> 12 & 1023,
          address & 0xFFF);
    if (address >> 22 != USER_DATA >> 22) {
        walk("every task ", read_cr3(), address);
        return;
    }
    walk("task A     ", task_info(0).directory, address);
    walk("task B     ", task_info(1).directory, address);
    print("\nThe same address, two tables, two pages of memory.\n");
}
