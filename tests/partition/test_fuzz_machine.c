/* The whole machine under random programs: real and protected mode code, seeded, that drives every
 * device of the board by ports, string I/O, memory-mapped registers, PCI configuration and DMA,
 * with page tables anywhere and exceptions and interrupts that land anywhere in the code. What must
 * not happen is a crash, a sanitizer finding, a failed assertion or a hang: each case has a few
 * milliseconds of virtual time, and a minute of the host's processor at most.
 *
 * Some cases are cut into small slices of partition_run, some are moved half-way to a second
 * partition by partition_save, which must have the same state hash. Each is run again, cut into
 * other slices: the final state must be the same.
 *
 *     test-partition-fuzz_machine                    a short run, the same cases each time
 *     test-partition-fuzz_machine SECONDS [SEED]     seeds from SEED on, for so long
 *     test-partition-fuzz_machine 0 SEED             that one case, verbosely */
#include <sys/time.h>
#include <time.h>

#include "tests/descriptors.h"
#include "tests/partition/machine.h"

#define CASES     64 /* of a short run */
#define CASE_NS   UINT64_C(2000000)
#define STEP_NS   UINT64_C(250000) /* input comes at multiples of this */
#define BODY      0x10000u         /* the program: 24 KiB */
#define BODY_SIZE 0x6000u
#define HANDLERS  0x16000u /* 256 of 32 bytes */
#define TABLES    0x20000u /* GDT, IDT, PRDs, packets */
#define GDT       (TABLES + 0x000)
#define IDT       (TABLES + 0x100)
#define POINTERS  0x5000u /* within reach of real mode */
#define PRDS      (TABLES + 0x1000)
#define PACKETS   (TABLES + 0x2000)
#define PAGE_DIR  0x30000u /* 32-bit and PAE tables, random */
#define PAGE_DIRS 0x8000u
#define STACK     0x9000u

struct random {
    uint64_t state;
};

static uint64_t next(struct random *r)
{
    uint64_t z = r->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static uint32_t below(struct random *r, uint32_t n)
{
    return (uint32_t)(next(r) % n);
}

/* --- Writing code ------------------------------------------------------------------------- */

struct code {
    struct random r;
    uint8_t data[BODY_SIZE];
    unsigned len, limit;
    bool is32;
};

static void e8(struct code *c, unsigned byte)
{
    if (c->len < c->limit)
        c->data[c->len++] = (uint8_t)byte;
}

static void e16(struct code *c, unsigned v)
{
    e8(c, v & 0xFF);
    e8(c, v >> 8 & 0xFF);
}

static void e32(struct code *c, uint32_t v)
{
    e16(c, v & 0xFFFF);
    e16(c, v >> 16);
}

enum { R_EAX, R_ECX, R_EDX, R_EBX, R_ESP, R_EBP, R_ESI, R_EDI };

static void mov_imm(struct code *c, unsigned reg, uint32_t v)
{
    if (!c->is32)
        e8(c, 0x66);
    e8(c, 0xB8 + reg);
    e32(c, v);
}

/* The prefix that makes an instruction of the wanted size: 2 or 4. */
static void operand_size(struct code *c, unsigned size)
{
    if (c->is32 != (size == 4))
        e8(c, 0x66);
}

static void out_sized(struct code *c, unsigned port, uint32_t v, unsigned size)
{
    mov_imm(c, R_EDX, port);
    mov_imm(c, R_EAX, v);
    if (size > 1)
        operand_size(c, size);
    e8(c, size == 1 ? 0xEE : 0xEF);
}

static void out8(struct code *c, unsigned port, unsigned v)
{
    out_sized(c, port, v, 1);
}

static void in_sized(struct code *c, unsigned port, unsigned size)
{
    mov_imm(c, R_EDX, port);
    if (size > 1)
        operand_size(c, size);
    e8(c, size == 1 ? 0xEC : 0xED);
}

static unsigned random_size(struct code *c)
{
    return 1u << below(&c->r, 3);
}

/* --- What to aim at ------------------------------------------------------------------------ */

static unsigned random_port(struct code *c)
{
    static const uint16_t bases[] = {
        0x00,  0x08,  0x20,  0x40,  0x60,  0x64,  0x70,  0x80,  0x81,   0x92,   0xA0,  0xB2,
        0xC0,  0xD0,  0xE9,  0xF0,  0x170, 0x1CE, 0x1F0, 0x278, 0x2F8,  0x376,  0x378, 0x3B0,
        0x3C0, 0x3D0, 0x3F0, 0x3F6, 0x3F8, 0x402, 0x4D0, 0xCF8, 0xB000, 0xB100, 0xC000};
    switch (below(&c->r, 8)) {
    case 0:
        return below(&c->r, 65536);
    case 1:
        return 0xFFF8 + below(&c->r, 8);
    default:
        return (bases[below(&c->r, ARRAY_LEN(bases))] + below(&c->r, 10)) & 0xFFFF;
    }
}

/* Addresses where something lies, or ends, or nothing is; devices are also moved there. */
static uint32_t random_address(struct code *c)
{
    static const uint32_t places[] = {
        0x0,        0x7C00,     BODY,       PRDS,       PAGE_DIR,   0x9F000,    0xA0000,
        0xAF000,    0xB8000,    0xBF000,    0xC0000,    0xC8000,    0xE0000,    0xFFFF0,
        0x100000,   0x1FF000,   0x200000,   0x2FF000,   0x300000,   0xDFF00000, 0xE0000000,
        0xE00FF000, 0xE0100000, 0xE1000000, 0xE0FFF000, 0xF0000000, 0xFEBFF000, 0xFEC00000,
        0xFEC01000, 0xFEDFF000, 0xFEE00000, 0xFEE00300, 0xFEE01000, 0xFEF00000, 0xFF000000,
        0xFFFF0000, 0xFFFFF000, 0xFFFFFFF0};
    uint32_t at = places[below(&c->r, ARRAY_LEN(places))];
    switch (below(&c->r, 6)) {
    case 0:
        return (uint32_t)next(&c->r);
    case 1:
        return at + (uint32_t)below(&c->r, 0x4000) - 0x2000;
    case 2:
        return at - 1 - below(&c->r, 4);
    default:
        return at + below(&c->r, 0x40) * 4;
    }
}

static uint32_t random_value(struct code *c)
{
    switch (below(&c->r, 6)) {
    case 0:
        return 0;
    case 1:
        return UINT32_MAX;
    case 2:
        return below(&c->r, 256);
    case 3:
        return 1u << below(&c->r, 32);
    case 4:
        return random_address(c);
    default:
        return (uint32_t)next(&c->r);
    }
}

/* --- Programs for devices ------------------------------------------------------------------ */

static void ports_at_random(struct code *c)
{
    unsigned port = random_port(c), size = random_size(c);
    if (below(&c->r, 3))
        out_sized(c, port, random_value(c), size);
    else
        in_sized(c, port, size);
}

static void string_io(struct code *c)
{
    static const uint8_t ops[] = {0x6C, 0x6D, 0x6E, 0x6F};
    mov_imm(c, R_EDX, random_port(c));
    mov_imm(c, R_ECX, below(&c->r, 8) ? below(&c->r, 600) : below(&c->r, 70000));
    mov_imm(c, R_EDI, random_address(c));
    mov_imm(c, R_ESI, below(&c->r, 2) ? PACKETS + below(&c->r, 4096) : random_address(c));
    e8(c, below(&c->r, 8) ? 0xFC : 0xFD);
    if (below(&c->r, 2))
        e8(c, 0x66);
    e8(c, 0xF3);
    e8(c, ops[below(&c->r, 4)]);
}

static void pci_config(struct code *c)
{
    static const uint8_t functions[] = {0x00, 0x08, 0x09, 0x0B, 0x10, 0x10, 0x18, 0xFF};
    static const uint8_t registers[] = {0x04, 0x04, 0x10, 0x14, 0x18, 0x20, 0x20, 0x30, 0x3C,
                                        0x40, 0x44, 0x58, 0x5C, 0x60, 0x80, 0x90, 0xB0, 0xD0};
    unsigned fn = functions[below(&c->r, ARRAY_LEN(functions))];
    unsigned reg =
        below(&c->r, 4) ? registers[below(&c->r, ARRAY_LEN(registers))] : below(&c->r, 64) * 4;
    uint32_t value = reg == 4 ? below(&c->r, 8) : random_value(c);
    out_sized(c, 0xCF8, UINT32_C(0x80000000) | fn << 8 | reg, 4);
    if (reg >= 0x10 && reg < 0x28 && below(&c->r, 2))
        value = fn == 0x09 ? 0xC001 : below(&c->r, 2) ? random_port(c) | 1 : value;
    if (below(&c->r, 5))
        out_sized(c, 0xCFC + (below(&c->r, 4) ? 0 : below(&c->r, 4)), value,
                  reg < 0x40 ? 4 : random_size(c));
    else
        in_sized(c, 0xCFC + below(&c->r, 4), random_size(c));
}

/* IDE's bus master at C000h, power management at B000h: where later code expects them. */
static void pci_setup(struct code *c)
{
    out_sized(c, 0xCF8, 0x80000920, 4);
    out_sized(c, 0xCFC, 0xC001, 4);
    out_sized(c, 0xCF8, 0x80000904, 4);
    out_sized(c, 0xCFC, 5, 2);
    out_sized(c, 0xCF8, 0x80000B40, 4);
    out_sized(c, 0xCFC, 0xB001, 4);
    out_sized(c, 0xCF8, 0x80000B80, 4);
    out_sized(c, 0xCFC, 1, 1);
    out_sized(c, 0xCF8, 0x80001010, 4);
    out_sized(c, 0xCFC, 0xE0000000, 4);
    out_sized(c, 0xCF8, 0x80001018, 4);
    out_sized(c, 0xCFC, 0xE2000000, 4);
    out_sized(c, 0xCF8, 0x80001004, 4);
    out_sized(c, 0xCFC, 3, 2);
}

static void isa_dma(struct code *c)
{
    static const uint8_t page_ports[] = {0x87, 0x83, 0x81, 0x82};
    unsigned channel = below(&c->r, 4) ? 2 : below(&c->r, 4);
    uint32_t at = random_address(c), count = below(&c->r, 4) ? 511 : below(&c->r, 65536);
    out8(c, 0x0A, 4 | channel);
    out8(c, 0x0C, 0);
    out8(c, 0x0B, (below(&c->r, 64) << 2 & 0xFC) | channel);
    out8(c, channel * 2, at & 0xFF);
    out8(c, channel * 2, at >> 8 & 0xFF);
    out8(c, page_ports[channel], at >> 16 & 0xFF);
    out8(c, channel * 2 + 1, count & 0xFF);
    out8(c, channel * 2 + 1, count >> 8);
    out8(c, 0x0A, channel);
    out8(c, 0xD6, 0xC0);
    out8(c, 0xD4, 0);
}

static void floppy(struct code *c)
{
    static const uint8_t commands[] = {0x46, 0xE6, 0xC5, 0x4D, 0x07, 0x0F, 0x08, 0x03,
                                       0x4A, 0x13, 0x0E, 0x42, 0x51, 0xD1, 0x12, 0x94};
    if (below(&c->r, 3) == 0)
        isa_dma(c);
    if (below(&c->r, 4) == 0)
        out8(c, 0x3F2, below(&c->r, 4) ? 0x1C : below(&c->r, 256));
    out8(c, 0x3F5, commands[below(&c->r, ARRAY_LEN(commands))]);
    for (unsigned n = below(&c->r, 10); n; n--)
        out8(c, 0x3F5, below(&c->r, 3) ? below(&c->r, 20) : below(&c->r, 256));
    for (unsigned n = below(&c->r, 8); n; n--)
        in_sized(c, 0x3F5, 1);
}

static void ide(struct code *c)
{
    static const uint8_t commands[] = {0x20, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0x39, 0x40, 0x70,
                                       0x90, 0x91, 0xA0, 0xA1, 0xC4, 0xC5, 0xC6, 0xC8, 0xCA, 0xE0,
                                       0xE7, 0xEC, 0xEF, 0xF8, 0xF9, 0x27, 0xA0, 0xA0, 0xC8, 0x08};
    unsigned base = below(&c->r, 2) ? 0x1F0 : 0x170, bm = base == 0x1F0 ? 0xC000 : 0xC008;
    out8(c, base + 6, below(&c->r, 4) ? 0xE0 : below(&c->r, 256));
    for (unsigned reg = 1; reg < 6; reg++)
        out8(c, base + reg, below(&c->r, 3) ? below(&c->r, 4) : below(&c->r, 256));
    out_sized(c, bm + 4, below(&c->r, 4) ? PRDS + below(&c->r, 512) * 8 : random_value(c), 4);
    out8(c, bm + 2, below(&c->r, 256));
    out8(c, base + 7, commands[below(&c->r, ARRAY_LEN(commands))]);
    out8(c, bm, below(&c->r, 2) ? 9 : below(&c->r, 16));
    if (below(&c->r, 2)) { /* a packet, or data */
        mov_imm(c, R_EDX, base);
        mov_imm(c, R_ECX, below(&c->r, 2) ? 6 : below(&c->r, 300));
        mov_imm(c, R_ESI, PACKETS + below(&c->r, 340) * 12);
        mov_imm(c, R_EDI, random_address(c));
        e8(c, 0xFC);
        operand_size(c, 2);
        e8(c, 0xF3);
        e8(c, below(&c->r, 2) ? 0x6F : 0x6D);
    }
    in_sized(c, base + 7, 1);
}

static void vga(struct code *c)
{
    static const uint16_t indexed[] = {0x3C4, 0x3CE, 0x3D4, 0x1CE};
    unsigned at = indexed[below(&c->r, 4)];
    if (at == 0x1CE) {
        out_sized(c, 0x1CE, below(&c->r, 12), 2);
        out_sized(c, 0x1CF, below(&c->r, 2) ? below(&c->r, 0x100) : random_value(c), 2);
    } else {
        out_sized(c, at, below(&c->r, at == 0x3D4 ? 0x19 : 9) | below(&c->r, 256) << 8, 2);
    }
    if (below(&c->r, 8) == 0)
        out8(c, 0x3C0 + below(&c->r, 16), below(&c->r, 256));
}

static void timers(struct code *c)
{
    static const uint8_t modes[] = {0x30, 0x34, 0x36, 0x38, 0x3A, 0x32};
    switch (below(&c->r, 4)) {
    case 0:
        out8(c, 0x43, modes[below(&c->r, 6)] | below(&c->r, 3) << 6);
        out8(c, 0x40 + below(&c->r, 3), below(&c->r, 256));
        out8(c, 0x40 + below(&c->r, 3), below(&c->r, 16));
        break;
    case 1:
        out8(c, 0x70, below(&c->r, 14));
        out8(c, 0x71, below(&c->r, 256));
        break;
    case 2:
        out8(c, 0x64, below(&c->r, 2) ? 0xD1 : below(&c->r, 256) & 0xEF);
        out8(c, 0x60, below(&c->r, 256));
        break;
    default:
        out8(c, 0x92, below(&c->r, 8) ? below(&c->r, 2) * 2 : below(&c->r, 256));
        break;
    }
}

/* Memory operands: everywhere with flat segments, else the low megabyte through ES. */
static void memory(struct code *c)
{
    static const uint8_t moffs[] = {0xA0, 0xA1, 0xA2, 0xA3};
    uint32_t at = random_address(c);
    if (below(&c->r, 2))
        mov_imm(c, R_EAX, random_value(c));
    if (!c->is32) {
        e8(c, 0xBB); /* mov bx, seg; mov es, bx; op es:[off] */
        e16(c, at >> 4 & 0xFFFF);
        e16(c, 0xC38E);
        e8(c, 0x26);
        e8(c, moffs[below(&c->r, 4)]);
        e16(c, at & 0xF);
        return;
    }
    if (below(&c->r, 4)) {
        if (below(&c->r, 4) == 0)
            e8(c, 0x66);
        e8(c, moffs[below(&c->r, 4)]);
        e32(c, at);
        return;
    }
    static const uint8_t strings[] = {0xA4, 0xA5, 0xAA, 0xAB, 0xA6, 0xA7, 0xAC, 0xAE};
    mov_imm(c, R_ECX, below(&c->r, 300));
    mov_imm(c, R_EDI, at);
    mov_imm(c, R_ESI, random_address(c));
    e8(c, 0xF3);
    e8(c, strings[below(&c->r, 8)]);
}

static void apic(struct code *c)
{
    static const uint16_t registers[] = {0x080, 0x0B0, 0x0D0, 0x0E0, 0x0F0, 0x280, 0x300, 0x310,
                                         0x320, 0x330, 0x350, 0x360, 0x370, 0x380, 0x3E0};
    if (!c->is32 || below(&c->r, 4) == 0) { /* move it */
        mov_imm(c, R_ECX, 0x1B);
        mov_imm(c, R_EDX, below(&c->r, 4) ? 0 : below(&c->r, 16));
        mov_imm(c, R_EAX, (random_address(c) & 0xFFFFF000) | (below(&c->r, 8) ? 0x800 : 0));
        e16(c, 0x300F);
        return;
    }
    uint32_t at = 0xFEE00000 + registers[below(&c->r, ARRAY_LEN(registers))];
    uint32_t value = random_value(c);
    if (below(&c->r, 4) == 0) {
        at = 0xFEC00010;
        mov_imm(c, R_EAX, below(&c->r, 0x44));
        e8(c, 0xA3);
        e32(c, 0xFEC00000);
    }
    mov_imm(c, R_EAX, value);
    e8(c, 0xA3);
    e32(c, at);
}

static void system_registers(struct code *c)
{
    if (c->is32 && below(&c->r, 2)) { /* paging */
        static const uint16_t cr4[] = {0, 0x10, 0x20, 0x30, 0xA0, 0xB0, 0x90};
        mov_imm(c, R_EAX,
                below(&c->r, 4) ? PAGE_DIR + below(&c->r, 8) * 4096
                                : random_address(c) & 0xFFFFF000);
        e8(c, 0x0F), e16(c, 0xD822); /* mov cr3, eax */
        mov_imm(c, R_EAX, cr4[below(&c->r, ARRAY_LEN(cr4))]);
        e8(c, 0x0F), e16(c, 0xE022);
        mov_imm(c, R_EAX, (below(&c->r, 3) ? 0x80000011 : 0x00000011) | below(&c->r, 2) << 16);
        e8(c, 0x0F), e16(c, 0xC022);
        return;
    }
    switch (below(&c->r, 4)) {
    case 0:
        e8(c, 0xFB); /* sti; hlt */
        e8(c, 0xF4);
        break;
    case 1:
        e8(c, 0x0F); /* mov drN, eax: breakpoints */
        e8(c, 0x23);
        e8(c, 0xC0 | below(&c->r, 8) << 3);
        break;
    case 2:
        e8(c, 0x0F); /* invlpg, wbinvd, rdtsc, cpuid ... */
        e8(c, (const uint8_t[]){0x09, 0x31, 0xA2, 0x06, 0x32, 0x08}[below(&c->r, 6)]);
        break;
    default:
        mov_imm(c, R_ECX, below(&c->r, 2) ? below(&c->r, 0x300) : 0xC0000080);
        mov_imm(c, R_EDX, 0);
        mov_imm(c, R_EAX, random_value(c));
        e16(c, 0x300F);
        break;
    }
}

static void noise(struct code *c)
{
    for (unsigned n = 1 + below(&c->r, 12); n; n--)
        e8(c, below(&c->r, 256));
}

static void write_program(struct code *c)
{
    void (*const parts[])(struct code *) = {ports_at_random,
                                            ports_at_random,
                                            string_io,
                                            pci_config,
                                            pci_config,
                                            floppy,
                                            ide,
                                            ide,
                                            vga,
                                            vga,
                                            timers,
                                            memory,
                                            memory,
                                            apic,
                                            system_registers,
                                            noise,
                                            isa_dma};
    c->limit = BODY_SIZE - 5;
    pci_setup(c);
    while (c->len < c->limit)
        parts[below(&c->r, ARRAY_LEN(parts))](c);
    c->limit = BODY_SIZE;
    e8(c, 0xE9); /* back to the beginning */
    if (c->is32)
        e32(c, 0u - BODY_SIZE);
    else
        e16(c, (0u - (BODY_SIZE - 2)) & 0xFFFF);
}

/* An exception or interrupt: a fresh stack, EOIs, and on at a random place of the program. */
static unsigned write_handler(struct code *c, uint8_t *to, uint32_t at)
{
    struct code h = {.r = c->r, .limit = 32, .is32 = c->is32};
    if (c->is32) {
        mov_imm(&h, R_ESP, STACK);
    } else {
        e8(&h, 0xBC);
        e16(&h, STACK);
    }
    e16(&h, 0x20B0);
    e16(&h, 0x20E6);
    e16(&h, 0xA0E6);
    e8(&h, below(&h.r, 4) ? 0xFB : 0x90);
    e8(&h, 0xE9);
    uint32_t target = BODY + below(&h.r, BODY_SIZE);
    if (c->is32)
        e32(&h, target - (at + h.len + 4));
    else
        e16(&h, (target - (at + h.len + 2)) & 0xFFFF);
    memcpy(to, h.data, h.len);
    next(&c->r);
    return h.len;
}

/* Page directories and tables: identity mostly, with holes, large pages and wild entries. */
static void write_pages(struct code *c, uint8_t *to)
{
    for (unsigned i = 0; i < PAGE_DIRS / 4; i++) {
        uint32_t n = i % 1024, dir = i / 1024, entry = n << 22 | 0x83;
        if (dir & 1) /* a PAE directory too */
            entry = i & 1 ? 0 : (n / 2) << 21 | 0xE3;
        switch (below(&c->r, 12)) {
        case 0:
            entry = (random_address(c) & 0xFFFFF000) | below(&c->r, 0x1000);
            break;
        case 1:
            entry = (PAGE_DIR + below(&c->r, 8) * 4096) | 7 | below(&c->r, 2) << 8;
            break;
        }
        if (n < 2 && below(&c->r, 8)) /* the program itself most often stays mapped */
            entry = dir & 1 ? (n ? 0 : 0x83) : 0x83;
        store_le32(to + 4 * i, entry);
    }
    if (below(&c->r, 2))
        for (unsigned i = 0; i < 4; i++) /* PDPTEs */
            store_le64(to + 8 * i, (PAGE_DIR + 0x1000 + below(&c->r, 4) * 0x2000) | 1);
}

static void write_tables(struct code *c, uint8_t *ram)
{
    static const uint8_t opcodes[] = {0x00, 0x03, 0x12, 0x1B, 0x1E, 0x25, 0x28, 0x42,
                                      0x43, 0x46, 0x4A, 0x51, 0x5A, 0xA8, 0xBD, 0xBE};
    for (unsigned i = 0; i < 512; i++) {
        uint32_t at = below(&c->r, 3) ? 0x40000 + below(&c->r, 0x8000) * 2 : random_address(c);
        store_le32(ram + PRDS + 8 * i, below(&c->r, 8) ? at & ~1u : at);
        store_le32(ram + PRDS + 8 * i + 4, (below(&c->r, 2) ? 512 : below(&c->r, 65536)) |
                                               (below(&c->r, 3) ? 0u : UINT32_C(0x80000000)));
    }
    for (unsigned i = 0; i < 341; i++) {
        uint8_t *p = ram + PACKETS + 12 * i;
        p[0] = opcodes[below(&c->r, 16)];
        for (unsigned k = 1; k < 12; k++)
            p[k] = (uint8_t)(below(&c->r, 3) ? below(&c->r, 3) : below(&c->r, 256));
    }
    static const uint64_t gdt[] = {0,
                                   FLAT_CODE(0),
                                   FLAT_DATA(0),

                                   SEGMENT(0u, 0xFFFFu, 0x9A, 0), /* 18: 16-bit */
                                   SEGMENT(0u, 0xFFFFu, 0x92, 0),
                                   FLAT_CODE(3),
                                   FLAT_DATA(3),

                                   SEGMENT(0x4000u, 0x67u, 0x89, 0), /* 38: a TSS */
                                   CALL_GATE(0x600, 0u, 0x8C, 0),
                                   A_GATE(0x38, 0u, 0xE5)};
    memcpy(ram + GDT, gdt, sizeof gdt);
    for (unsigned v = 0; v < 256; v++) {
        uint32_t at = HANDLERS + 32 * v;
        write_handler(c, ram + at, at);
        if (c->is32)
            store_le64(ram + IDT + 8 * v, (at & 0xFFFF) | 0x08 << 16 | UINT64_C(0x8E00) << 32 |
                                              (uint64_t)(at >> 16) << 48);
        else
            store_le32(ram + 4 * v, 0x10000000 | (at - BODY));
    }
    store_le16(ram + POINTERS, sizeof gdt - 1);
    store_le32(ram + POINTERS + 2, GDT);
    store_le16(ram + POINTERS + 8, 0x7FF);
    store_le32(ram + POINTERS + 10, IDT);
}

/* 0000:7C00: stack, 8259s, and into the program in its mode. */
static void write_start(struct code *c, uint8_t *ram)
{
    struct code s = {.r = c->r, .limit = 512};
    static const uint8_t begin[] = {0xFA, 0x31, 0xC0, 0x8E, 0xD8, 0x8E, 0xC0, 0x8E, 0xD0, 0xBC};
    for (unsigned i = 0; i < sizeof begin; i++)
        e8(&s, begin[i]);
    e16(&s, STACK);
    static const uint16_t pics[][2] = {
        {0x20, 0x11}, {0x21, 0x20}, {0x21, 4}, {0x21, 1},    {0xA0, 0x11}, {0xA1, 0x28}, {0xA1, 2},
        {0xA1, 1},    {0x21, 0},    {0xA1, 0}, {0x43, 0x34}, {0x40, 0},    {0x40, 8}};
    for (unsigned i = 0; i < ARRAY_LEN(pics); i++)
        out8(&s, pics[i][0], pics[i][1]);
    if (c->is32) {
        mov_imm(&s, R_EBX, POINTERS); /* o32 lgdt [ebx]; lidt [ebx+8] */
        static const uint8_t enter[] = {0x67, 0x66, 0x0F, 0x01, 0x13, 0x67, 0x66, 0x0F, 0x01,
                                        0x5B, 0x08, 0x0F, 0x20, 0xC0, 0x0C, 0x01, 0x0F, 0x22,
                                        0xC0, 0x66, 0xEA, 0x00, 0x7E, 0x00, 0x00, 0x08, 0x00};
        for (unsigned i = 0; i < sizeof enter; i++)
            e8(&s, enter[i]);
        struct code w = {.r = c->r, .limit = 64, .is32 = true};
        static const uint8_t load[] = {0xB8, 0x10, 0,    0,    0,    0x8E, 0xD8, 0x8E, 0xC0,
                                       0x8E, 0xD0, 0x8E, 0xE0, 0x8E, 0xE8, 0xFB, 0xE9};
        for (unsigned i = 0; i < sizeof load; i++)
            e8(&w, load[i]);
        e32(&w, BODY - (0x7E00 + w.len + 4));
        memcpy(ram + 0x7E00, w.data, w.len);
    } else {
        e8(&s, 0xFB);
        e8(&s, 0xEA);
        e32(&s, 0x10000000);
    }
    memcpy(ram + 0x7C00, s.data, s.len);
}

/* --- Running ------------------------------------------------------------------------------- */

#define IMAGE_SIZE 0x60000

/* Guest memory of a case, made once: both runs start from it. */
static void write_image(uint64_t seed, uint8_t *ram)
{
    struct code *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->r.state = seed;
    c->is32 = below(&c->r, 3);
    write_program(c);
    memset(ram, 0, IMAGE_SIZE);
    memcpy(ram + BODY, c->data, c->len);
    write_tables(c, ram);
    write_pages(c, ram + PAGE_DIR);
    write_start(c, ram);
    if (below(&c->r, 4) == 0) { /* mutate: some bytes of anything */
        for (unsigned n = below(&c->r, 200); n; n--)
            ram[below(&c->r, IMAGE_SIZE)] ^= (uint8_t)(1 << below(&c->r, 8));
    }
    free(c);
}

static struct machine *start(uint64_t seed, const uint8_t *image)
{
    struct random r = {seed ^ 0x5555};
    static const enum cpu_model models[] = {CPU_386, CPU_486, CPU_PENTIUM, CPU_P2, CPU_P4, CPU_P4};
    struct machine_options o = {.memory = below(&r, 4) ? 2u << 20 : 3u << 20,
                                .cpu = models[below(&r, 6)]};
    struct machine *m = machine_new(&o);
    if (!m)
        exit(1);
    if (image)
        physmap_poke(partition_physmap(m->p), 0, image, IMAGE_SIZE);
    return m;
}

static void input(struct machine *m, struct random *r)
{
    struct partition_event e = {.kind = (enum partition_event_kind)below(r, 3),
                                .key = (uint16_t)below(r, 0x210),
                                .down = below(r, 2),
                                .dx = (int16_t)next(r),
                                .dy = (int16_t)next(r),
                                .buttons = (uint8_t)below(r, 32),
                                .port = (uint8_t)below(r, 3),
                                .byte = (uint8_t)next(r)};
    if (below(r, 40) == 0)
        e.kind = below(r, 2) ? PARTITION_POWER_BUTTON : PARTITION_RESET;
    if (!partition_post(m->p, e))
        abort();
}

/* Runs up to virtual time until, in slices of slice_ns; false when the guest ended the run. */
static bool run_to(struct machine *m, uint64_t until, uint64_t slice_ns)
{
    while (partition_now(m->p) < until) {
        uint64_t to = partition_now(m->p) + slice_ns;
        if (partition_run(m->p, to < until ? to : until, NULL, NULL) != PARTITION_RUNNING)
            return false;
    }
    return true;
}

/* Moves the machine to a new one. */
static struct machine *move(struct machine *from, uint64_t seed)
{
    struct bytes state = {0};
    struct machine *to = start(seed, NULL);
    partition_save(from->p, &state);
    if (!machine_copy_disk(to->disk, from->disk) || !machine_copy_disk(to->disc, from->disc) ||
        !machine_copy_disk(to->floppy, from->floppy) ||
        !partition_load(to->p, state.data, state.len)) {
        printf("the snapshot does not load\n");
        abort();
    }
    if (partition_state_hash(to->p) != partition_state_hash(from->p)) {
        printf("a loaded snapshot has another hash\n");
        machine_show_difference(from->p, to->p);
        abort();
    }
    bytes_free(&state);
    machine_end(from);
    return to;
}

/* One run; 0 slice: in one piece. move_at: the step before which the machine is moved, or -1. */
static struct machine *run_case(uint64_t seed, const uint8_t *image, uint64_t slice_ns, int move_at)
{
    struct random r = {seed ^ 0xAAAA};
    struct machine *m = start(seed, image);
    bool with_input = below(&r, 2);
    for (unsigned step = 1; step <= CASE_NS / STEP_NS; step++) {
        if (move_at == (int)step)
            m = move(m, seed);
        if (with_input)
            input(m, &r);
        if (!run_to(m, step * STEP_NS, slice_ns))
            break;
    }
    return m;
}

/* The x87's last instruction and operand: translated code does not keep them (docs/caveats.md), and
 * what runs translated depends on the cuts. */
static void forget_x87_pointers(struct machine *m)
{
    struct x87 *x = &partition_vcpu(m->p)->x87;
    x->last_opcode = x->last_cs = x->last_ds = 0;
    x->last_ip = x->last_dp = 0;
}

/* Ends both; true when they are in the same state. */
static bool compare(struct machine *a, struct machine *b, uint64_t seed, const char *how)
{
    forget_x87_pointers(a);
    forget_x87_pointers(b);
    bool same = partition_state_hash(a->p) == partition_state_hash(b->p);
    if (!same) {
        printf("FAIL: seed %llu ends in another state when %s\n", (unsigned long long)seed, how);
        machine_show_difference(a->p, b->p);
    }
    machine_end(b);
    return same;
}

/* No case takes a second: SIGPROF ends one that hangs. 0: no limit. */
static void limit_processor(time_t seconds)
{
    struct itimerval limit = {.it_value.tv_sec = seconds};
    setitimer(ITIMER_PROF, &limit, NULL);
}

static bool one_case(uint64_t seed, bool verbose)
{
    uint8_t image[IMAGE_SIZE];
    struct random r = {seed ^ 0x3333};
    write_image(seed, image);
    limit_processor(60);
    unsigned how = below(&r, 4);
    uint64_t slice_ns = how & 1 ? 1 + below(&r, 100000) : STEP_NS;
    int move_at = how & 2 ? 1 + (int)below(&r, CASE_NS / STEP_NS) : -1;
    struct machine *first = run_case(seed, image, slice_ns, move_at);
    uint64_t other_ns = 1 + below(&r, 50000);
    bool same =
        compare(first, run_case(seed, image, other_ns, move_at), seed, "cut into other slices");
    struct bytes stats = {0};
    partition_stats(first->p, &stats);
    if (verbose) {
        const struct vcpu *c = partition_vcpu(first->p);
        printf("%.*s\ncs:eip %04x:%08x cr0 %08x cr3 %08x cr4 %08x eflags %08x\n", (int)stats.len,
               (char *)stats.data, c->seg[SEG_CS].selector, (uint32_t)c->eip, c->cr0,
               (uint32_t)c->cr3, c->cr4, c->eflags);
    }
    bytes_free(&stats);
    machine_end(first);
    limit_processor(0);
    return same;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 0;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    time_t end = time(NULL) + (time_t)seconds;
    unsigned cases = 0, failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    do {
        if (argc > 1)
            printf("seed %llu\n", (unsigned long long)seed);
        failed += !one_case(seed++, argc > 2 && seconds == 0);
        cases++;
    } while (argc > 1 ? time(NULL) < end : cases < CASES);
    printf("%u cases, %u failed\n", cases, failed);
    return failed != 0;
}
