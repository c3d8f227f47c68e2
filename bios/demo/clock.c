/* Time: three clocks side by side, which have to agree. */
#include "kernel.h"

static uint8_t rtc(uint8_t reg)
{
    out8(0x70, reg);
    return in8(0x71);
}

static unsigned from_bcd(uint8_t v, bool binary)
{
    return binary ? v : (unsigned)(v >> 4) * 10 + (v & 15);
}

static uint32_t tsc_low(bool there)
{
    uint32_t low = 0, high;
    if (there)
        __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return low;
}

/* Waits until the RTC's seconds change; false when they do not in two seconds. */
static bool second_edge(void)
{
    uint8_t before = rtc(0);
    uint32_t start = ticks;
    while (rtc(0) == before) {
        if (ticks - start > 2 * HZ)
            return false;
        __asm__ volatile("hlt");
    }
    return true;
}

static uint16_t pit_count(void)
{
    __asm__ volatile("cli");
    out8(0x43, 0);
    uint16_t count = in8(0x40);
    count |= (uint16_t)(in8(0x40) << 8);
    __asm__ volatile("sti");
    return count;
}

void command_time(const char *argument)
{
    (void)argument;
    bool tsc = has_tsc(), binary = rtc(0x0B) & 4;
    print("The real-time clock says 20%02u-%02u-%02u %02u:%02u:%02u.\n\n", from_bcd(rtc(9), binary),
          from_bcd(rtc(8), binary), from_bcd(rtc(7), binary), from_bcd(rtc(4), binary),
          from_bcd(rtc(2), binary), from_bcd(rtc(0), binary));
    print("One second of it, measured with the others:\n");
    if (!second_edge()) {
        say(RED | BRIGHT, "  the real-time clock stands still\n");
        return;
    }
    uint32_t t0 = ticks, c0 = tsc_low(tsc);
    second_edge();
    uint32_t passed = ticks - t0, cycles = tsc_low(tsc) - c0;
    say(WHITE, "  RTC   ");
    print("1 second\n");
    say(WHITE, "  PIT   ");
    print("%u ticks of 1/%u s, divisor %u, ", passed, (unsigned)HZ, 1193182u / HZ);
    say(passed + 2 >= HZ && passed <= HZ + 2 ? GREEN | BRIGHT : RED | BRIGHT, "%s\n",
        passed + 2 >= HZ && passed <= HZ + 2 ? "right" : "off");
    say(WHITE, "  TSC   ");
    if (tsc)
        print("%u cycles: %u MHz\n", cycles, (cycles + 500000) / 1000000);
    else
        print("this CPU has none\n");
    uint16_t a = pit_count(), b = pit_count();
    print("\nCounter 0 counts down: %u, then %u: reading it twice took %u/1193182 s.\n", a, b,
          (unsigned)(uint16_t)(a - b));
    print("Umbra's devices know virtual time only: a run can be stopped and resumed,\n"
          "and no guest sees the gap.\n");
}
