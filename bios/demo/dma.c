/* The rogue device: the floppy controller reads a sector by the 8237 to where the kernel says. A
 * real PC's DMA controller asks nobody; Umbra's DMA checker lets it reach RAM only. */
#include "kernel.h"

enum { DOR = 0x3F2, STATUS = 0x3F4, DATA = 0x3F5, RATE = 0x3F7, SECTOR = 512 };

static bool fdc_ready(unsigned direction)
{
    uint32_t start = ticks;
    while ((in8(STATUS) & 0xC0) != (0x80 | direction))
        if (ticks - start > HZ / 2)
            return false;
    return true;
}

static bool fdc_command(const uint8_t *bytes, unsigned len)
{
    floppy_irq = false;
    for (unsigned i = 0; i < len; i++) {
        if (!fdc_ready(0))
            return false;
        out8(DATA, bytes[i]);
    }
    return true;
}

static bool fdc_wait(uint32_t most)
{
    uint32_t start = ticks;
    while (!floppy_irq) {
        if (ticks - start > most)
            return false;
        __asm__ volatile("hlt");
    }
    return true;
}

static unsigned fdc_result(uint8_t *bytes, unsigned most)
{
    unsigned len = 0;
    while (len < most && fdc_ready(0x40)) {
        bytes[len++] = in8(DATA);
        for (unsigned i = 0; i < 100; i++)
            in8(0x80);
        if (!(in8(STATUS) & 0x10))
            break;
    }
    return len;
}

static bool fdc_sense(void)
{
    uint8_t result[2];
    return fdc_command((const uint8_t[]){8}, 1) && fdc_result(result, 2);
}

static bool fdc_reset(void)
{
    floppy_irq = false;
    out8(DOR, 0);
    for (unsigned i = 0; i < 100; i++)
        in8(0x80);
    out8(DOR, 0x1C); /* drive A's motor, DMA and interrupt on */
    if (!fdc_wait(HZ))
        return false;
    for (unsigned i = 0; i < 4; i++)
        fdc_sense();
    out8(RATE, 0);
    wait_ticks(HZ / 3); /* the motor */
    return fdc_command((const uint8_t[]){3, 0xDF, 2}, 3) &&
           fdc_command((const uint8_t[]){7, 0}, 2) && fdc_wait(3 * HZ) && fdc_sense();
}

/* Channel 2: one sector from the device to address. */
static void dma_program(uint32_t address)
{
    out8(0x0A, 6);
    out8(0x0C, 0);
    out8(0x0B, 0x46);
    out8(0x04, (uint8_t)address);
    out8(0x04, (uint8_t)(address >> 8));
    out8(0x81, (uint8_t)(address >> 16));
    out8(0x05, (uint8_t)(SECTOR - 1));
    out8(0x05, (uint8_t)((SECTOR - 1) >> 8));
    out8(0x0A, 2);
}

/* Reads the boot sector to address; the controller's result bytes go to result. */
static bool read_to(uint32_t address, uint8_t result[7])
{
    memset(result, 0, 7);
    dma_program(address);
    bool done = fdc_command((const uint8_t[]){0x46, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF}, 9) &&
                fdc_wait(2 * HZ) && fdc_result(result, 7) == 7;
    out8(0x0A, 6);
    return done;
}

static void attempt(const char *what, uint32_t address, bool is_ram)
{
    static uint8_t before[SECTOR];
    uint8_t result[7];
    uint8_t *target = (uint8_t *)address;
    __asm__("" : "+r"(target));
    memcpy(before, target, SECTOR);
    bool done = read_to(address, result);
    bool changed = memcmp(before, target, SECTOR) != 0;
    print("  to ");
    say(WHITE, "%06x", address);
    print(" %-17s", what);
    if (done)
        print(" ST0 %02x ST1 %02x ST2 %02x ", result[0], result[1], result[2]);
    else
        print(" no answer             ");
    if (is_ram)
        say(changed ? GREEN | BRIGHT : RED | BRIGHT, changed ? " arrived\n" : " nothing came\n");
    else
        say(changed ? RED | BRIGHT : GREEN | BRIGHT,
            changed ? " MEMORY CHANGED\n" : " stopped, nothing changed\n");
    if (changed && !is_ram)
        memcpy(target, before, SECTOR);
    if (!done || (result[0] & 0xC0))
        fdc_reset();
}

void command_dma(const char *argument)
{
    (void)argument;
    print("The floppy controller is told to read the boot sector by DMA, to three places.\n"
          "The first is the kernel's own buffer. The others are none of its business:\n\n");
    if (!fdc_reset()) {
        print("  There is no floppy controller, or no disk in drive A.\n");
        return;
    }
    static uint32_t buffer;
    if (!buffer)
        buffer = page_alloc();
    memset((void *)buffer, 0, SECTOR);
    attempt("a buffer in RAM", buffer, true);
    if (*(uint16_t *)(buffer + 510) == 0xAA55)
        print("     ...and ends in 55 AA, as a boot sector does.\n");
    attempt("the screen", 0xB8000 + 160 * 20, false);
    attempt("the system BIOS", 0xF0000, false);
    out8(DOR, 0x0C);
    print(
        "\nUmbra checks every DMA access against the device's domain: RAM only. What fails is\n"
        "not done, the log outside names device, address and reason, and the command ends in\n"
        "an error: ST0 40 abnormal termination, ST1 10 overrun. A PC of 1981 had no such check.\n");
}
