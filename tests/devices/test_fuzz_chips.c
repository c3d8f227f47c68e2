/* Random traffic on every chip of the board; see fuzz_device.h. */
#include "devices/apic/ioapic.h"
#include "devices/apic/lapic.h"
#include "devices/debug.h"
#include "devices/fpuirq.h"
#include "devices/i8042.h"
#include "devices/lpt.h"
#include "devices/pci/i440fx.h"
#include "devices/pci/piix3.h"
#include "devices/pci/piix4pm.h"
#include "devices/pic.h"
#include "devices/pit.h"
#include "devices/port92.h"
#include "devices/rtc.h"
#include "devices/uart.h"
#include "tests/devices/fuzz_device.h"

static void swallow(void *ctx, const uint8_t *data, size_t len)
{
    (void)ctx;
    (void)data;
    (void)len;
}

static void i8042_host(void *state, struct fuzz_random *r)
{
    uint64_t v = fuzz_next(r);
    if (v & 1)
        i8042_key(state, (uint16_t)(v >> 8 & 0x37F), v & 2);
    else
        i8042_mouse(state, (int)(v >> 8), (int)(v >> 20), (int)(v >> 40), (unsigned)(v >> 3));
}

static void uart_host(void *state, struct fuzz_random *r)
{
    uint8_t data[20];
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)fuzz_next(r);
    if (fuzz_below(r, 8))
        uart_receive(state, data, fuzz_below(r, sizeof data + 1));
    else
        uart_receive_break(state);
}

static void rtc_host(void *state, struct fuzz_random *r)
{
    rtc_cmos_set(state, (unsigned)fuzz_below(r, 256), (uint8_t)fuzz_next(r));
}

static void pit_host(void *state, struct fuzz_random *r)
{
    unsigned hz;
    (void)r;
    pit_speaker_tone(state, &hz);
}

static void power_button(void *state, struct fuzz_random *r)
{
    (void)r;
    piix4pm_power_button(state);
}

static const struct uart_config uart_config = {0x3F8, {NULL, swallow}};
static const struct lpt_config lpt_config = {{NULL, swallow}};
static const struct debug_config debug_config = {
    .console = {{0xE9, {NULL, swallow}}, {0x402, {NULL, swallow}}}, .exit_port = 0xF4};
static const struct rtc_config rtc_config = {
    .ram_below_4g = 3u << 30, .floppy = {4, 5}, .disk = {{70000, 255, 63}, {10, 2, 17}}};

static const struct fuzz_target targets[] = {
    {.class = &pic_class, .damage_snapshots = true},
    {.class = &pit_class, .host = pit_host, .damage_snapshots = true},
    {.class = &rtc_class, .config = &rtc_config, .host = rtc_host, .damage_snapshots = true},
    {.class = &i8042_class, .host = i8042_host, .damage_snapshots = true},
    {.class = &uart_class, .config = &uart_config, .host = uart_host, .damage_snapshots = true},
    {.class = &lpt_class, .config = &lpt_config, .damage_snapshots = true},
    {.class = &debug_class, .config = &debug_config, .damage_snapshots = true},
    {.class = &port92_class, .damage_snapshots = true},
    {.class = &fpuirq_class, .damage_snapshots = true},
    {.class = &lapic_class, .damage_snapshots = true},
    {.class = &ioapic_class, .damage_snapshots = true},
    {.class = &i440fx_class, .damage_snapshots = true},
    {.class = &piix3_class, .damage_snapshots = true},
    {.class = &piix4pm_class, .host = power_button, .damage_snapshots = true},
};

int main(int argc, char **argv)
{
    return fuzz_main(argc, argv, targets, ARRAY_LEN(targets));
}
