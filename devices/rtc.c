/* The clock is bus_wall_clock plus an offset that the guest's writes change. While it is stopped
 * (SET, or the divider held in reset) the ten time bytes live in cmos[]; while it runs they are
 * computed. Flags of register C that nobody waits for (no interrupt enabled) cost nothing: they are
 * brought up to date when register C is read.
 *
 *     |<----------------- 1 s ----------------->|
 *     |                          UIP ---------->| time bytes change, UF
 *                               2228 us before
 */
#include "devices/rtc.h"

#include "devices/bus.h"

#define SECOND UINT64_C(1000000000)
#define UIP_NS 2228000 /* update cycle of 1984 us, announced 244 us earlier */

enum { REG_A = 10, REG_B, REG_C, REG_D, CENTURY = 0x32 };
enum { A_DIVIDER = 0x70, A_UIP = 0x80 };
enum { B_24H = 2, B_BINARY = 4, B_UIE = 0x10, B_AIE = 0x20, B_PIE = 0x40, B_SET = 0x80 };
enum { C_UF = 0x10, C_AF = 0x20, C_PF = 0x40, C_IRQF = 0x80 };
enum { TIMER_SECOND, TIMER_PERIODIC };

struct rtc {
    struct bus *bus;
    uint8_t cmos[128];
    uint8_t index;        /* as written to port 70h, with the NMI mask */
    uint8_t weekday_skew; /* the guest's day of the week against the calendar's, 0..6 */
    int64_t offset;       /* guest time - wall clock, ns */
    uint64_t frozen;      /* guest time (ns) when the clock stopped */
    uint64_t seen_second; /* last second whose update and alarm are in register C */
    uint64_t seen_period; /* last periodic tick that is in register C */
};

static const struct field rtc_fields[] = {
    FIELD_ARRAY(struct rtc, cmos, "registers and RAM"),
    FIELD(struct rtc, index, "index register and NMI mask"),
    FIELD(struct rtc, weekday_skew, "day of the week against the calendar"),
    FIELD(struct rtc, offset, "guest time - wall clock, ns"),
    FIELD(struct rtc, frozen, "guest time when stopped, ns"),
    FIELD(struct rtc, seen_second, "last second in register C"),
    FIELD(struct rtc, seen_period, "last periodic tick in register C"),
    FIELD_END,
};

struct calendar {
    uint32_t year, month, day, weekday; /* weekday 0 is Sunday */
    uint32_t hour, minute, second;
};

/* Days since 1970-01-01 of a date of the Gregorian calendar, and back: years counted from March, so
 * that the leap day is the last. */
static int64_t days_of(int64_t year, uint32_t month, uint32_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static struct calendar calendar_of(uint64_t seconds)
{
    uint64_t days = seconds / 86400, rest = seconds % 86400;
    uint64_t z = days + 719468;
    uint64_t era = z / 146097, of_era = z % 146097;
    uint64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t m = (5 * of_year + 2) / 153;
    struct calendar c = {
        .month = (uint32_t)(m < 10 ? m + 3 : m - 9),
        .day = (uint32_t)(of_year - (153 * m + 2) / 5 + 1),
        .weekday = (uint32_t)((days + 4) % 7),
        .hour = (uint32_t)(rest / 3600),
        .minute = (uint32_t)(rest / 60 % 60),
        .second = (uint32_t)(rest % 60),
    };
    c.year = (uint32_t)(year_of_era + era * 400 + (c.month <= 2));
    return c;
}

static uint8_t encode(const struct rtc *r, uint32_t v)
{
    return (uint8_t)(r->cmos[REG_B] & B_BINARY ? v : v / 10 % 10 << 4 | v % 10);
}

static uint32_t decode(const struct rtc *r, uint8_t v)
{
    return r->cmos[REG_B] & B_BINARY ? v : (v >> 4) * 10u + (v & 15);
}

static uint8_t encode_hour(const struct rtc *r, uint32_t hour)
{
    if (r->cmos[REG_B] & B_24H)
        return encode(r, hour);
    return (uint8_t)(encode(r, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0));
}

static uint32_t decode_hour(const struct rtc *r, uint8_t v)
{
    if (r->cmos[REG_B] & B_24H)
        return decode(r, v) % 24;
    return decode(r, v & 0x7F) % 12 + (v & 0x80 ? 12 : 0);
}

static bool is_running(const struct rtc *r)
{
    return !(r->cmos[REG_B] & B_SET) && (r->cmos[REG_A] & 0x60) != 0x60;
}

/* Guest time in ns since 1970, running or not; never before 1970. */
static uint64_t guest_time(const struct rtc *r)
{
    if (!is_running(r))
        return r->frozen;
    int64_t t = (int64_t)bus_wall_clock(r->bus) + r->offset;
    return t < 0 ? 0 : (uint64_t)t;
}

/* Writes the time into the ten bytes of out (indexed as in the CMOS) and *century. */
static void encode_time(const struct rtc *r, uint64_t seconds, uint8_t out[10], uint8_t *century)
{
    struct calendar c = calendar_of(seconds);
    memcpy(out, r->cmos, 10);
    out[0] = encode(r, c.second);
    out[2] = encode(r, c.minute);
    out[4] = encode_hour(r, c.hour);
    out[6] = encode(r, (c.weekday + r->weekday_skew) % 7 + 1);
    out[7] = encode(r, c.day);
    out[8] = encode(r, c.month);
    out[9] = encode(r, c.year % 100);
    *century = encode(r, c.year / 100 % 100);
}

/* The seconds since 1970 that the ten bytes mean; nonsense is folded into a valid date. */
static uint64_t decode_time(struct rtc *r, const uint8_t in[10], uint8_t century)
{
    uint32_t century_number = decode(r, century), month = decode(r, in[8]), day = decode(r, in[7]);
    if (century_number < 19 || century_number > 21)
        century_number = decode(r, in[9]) % 100 < 70 ? 20 : 19;
    month = month < 1 || month > 12 ? 1 : month;
    day = day < 1 || day > 31 ? 1 : day;
    int64_t days = days_of(century_number * 100 + decode(r, in[9]) % 100, month, day);
    if (days < 0)
        days = 0;
    uint32_t weekday = decode(r, in[6]);
    r->weekday_skew = (uint8_t)((weekday + 6 + 7 - (uint64_t)(days + 4) % 7) % 7);
    return (uint64_t)days * 86400 + decode_hour(r, in[4]) * 3600 + decode(r, in[2]) % 60 * 60 +
           decode(r, in[0]) % 60;
}

static void set_time(struct rtc *r, uint64_t guest_ns)
{
    r->offset = (int64_t)(guest_ns - bus_wall_clock(r->bus));
    r->seen_second = guest_ns / SECOND;
}

/* --- Flags and interrupts ------------------------------------------------------------------ */

/* Periodic interrupt: period in 32768 Hz ticks, 0 when off. */
static uint32_t period_ticks(const struct rtc *r)
{
    unsigned rate = r->cmos[REG_A] & 15;
    if (!rate || (r->cmos[REG_A] & 0x60) == 0x60)
        return 0;
    return 1u << (rate < 3 ? rate + 6 : rate - 1);
}

static uint64_t now_32k(const struct rtc *r)
{
    uint64_t ns = bus_now(r->bus);
    return ns / SECOND * 32768 + ns % SECOND * 32768 / SECOND;
}

static uint64_t ns_of_32k(uint64_t tick)
{
    return tick / 32768 * SECOND + (tick % 32768 * SECOND + 32767) / 32768;
}

static bool alarm_matches(const struct rtc *r, uint64_t seconds)
{
    uint32_t of_day = (uint32_t)(seconds % 86400);
    const uint8_t *at = r->cmos; /* C0h..FFh: don't care */
    return (at[1] >= 0xC0 || decode(r, at[1]) == of_day % 60) &&
           (at[3] >= 0xC0 || decode(r, at[3]) == of_day / 60 % 60) &&
           (at[5] >= 0xC0 || decode_hour(r, at[5]) == of_day / 3600);
}

static void drive_irq(struct rtc *r)
{
    uint8_t *c = &r->cmos[REG_C];
    *c &= C_UF | C_AF | C_PF;
    bool irq = *c & r->cmos[REG_B] & 0x70;
    if (irq)
        *c |= C_IRQF;
    bus_irq(r->bus, RTC_IRQ8, irq);
}

/* Brings the flags of register C up to date. */
static void sync(struct rtc *r)
{
    uint32_t period = period_ticks(r);
    if (period) {
        uint64_t tick = now_32k(r) / period;
        if (tick != r->seen_period)
            r->cmos[REG_C] |= C_PF;
        r->seen_period = tick;
    }
    uint64_t second = guest_time(r) / SECOND;
    if (is_running(r) && second != r->seen_second) {
        r->cmos[REG_C] |= C_UF;
        uint64_t first = second - r->seen_second > 86400 ? second - 86400 : r->seen_second;
        for (uint64_t s = first + 1; s <= second && !(r->cmos[REG_C] & C_AF); s++)
            if (alarm_matches(r, s))
                r->cmos[REG_C] |= C_AF;
    }
    r->seen_second = second;
    drive_irq(r);
}

/* Timers run only for enabled interrupts whose flag is not set yet. */
static void schedule(struct rtc *r)
{
    uint8_t wanted = r->cmos[REG_B] & (uint8_t)~r->cmos[REG_C];
    uint32_t period = period_ticks(r);
    if (period && wanted & B_PIE)
        bus_timer(r->bus, TIMER_PERIODIC, ns_of_32k((now_32k(r) / period + 1) * period));
    else
        bus_timer_cancel(r->bus, TIMER_PERIODIC);
    if (is_running(r) && wanted & (B_UIE | B_AIE))
        bus_timer(r->bus, TIMER_SECOND, bus_now(r->bus) + SECOND - guest_time(r) % SECOND);
    else
        bus_timer_cancel(r->bus, TIMER_SECOND);
}

static void rtc_timer(void *state, unsigned timer, uint64_t now_ns)
{
    (void)timer;
    (void)now_ns;
    sync(state);
    schedule(state);
}

/* --- Registers ----------------------------------------------------------------------------- */

static bool is_time(unsigned index)
{
    return (index < 10 && (!(index & 1) || index >= 6)) || index == CENTURY;
}

static uint8_t read_time(const struct rtc *r, unsigned index)
{
    uint8_t bytes[10], century;
    if (!is_running(r))
        return r->cmos[index];
    encode_time(r, guest_time(r) / SECOND, bytes, &century);
    return index == CENTURY ? century : bytes[index];
}

uint8_t rtc_cmos(const void *state, unsigned index)
{
    const struct rtc *r = state;
    index &= 127;
    if (is_time(index))
        return read_time(r, index);
    if (index == REG_A) {
        bool uip = is_running(r) && guest_time(r) % SECOND >= SECOND - UIP_NS;
        return r->cmos[REG_A] | (uip ? A_UIP : 0);
    }
    return index == REG_D ? 0x80 : r->cmos[index];
}

static void write_time(struct rtc *r, unsigned index, uint8_t value)
{
    if (!is_running(r)) {
        r->cmos[index] = value;
        return;
    }
    uint8_t bytes[10], century;
    uint64_t now = guest_time(r);
    encode_time(r, now / SECOND, bytes, &century);
    if (index == CENTURY)
        century = value;
    else
        bytes[index] = value;
    set_time(r, decode_time(r, bytes, century) * SECOND + now % SECOND);
}

/* Registers A and B: the clock may stop or start. A start after a divider reset comes half a second
 * before the first update; SET leaves the phase of the second as it was. */
static void write_control(struct rtc *r, unsigned index, uint8_t value)
{
    bool was_running = is_running(r), was_held = (r->cmos[REG_A] & 0x60) == 0x60;
    uint64_t now = guest_time(r);
    if (was_running) /* so that a stop finds the time in the bytes, in the present format */
        encode_time(r, now / SECOND, r->cmos, &r->cmos[CENTURY]);
    if (index == REG_A) {
        value &= 0x7F;
        r->seen_period = 0;
    }
    if (index == REG_B && value & B_SET)
        value &= (uint8_t)~B_UIE;
    r->cmos[index] = value;
    bool runs = is_running(r);
    if (was_running && !runs) {
        r->frozen = now;
        r->offset = (int64_t)(now - bus_wall_clock(r->bus)); /* keeps the phase */
    } else if (!was_running && runs) {
        uint64_t phase =
            was_held ? SECOND / 2 : (bus_wall_clock(r->bus) + (uint64_t)r->offset) % SECOND;
        set_time(r, decode_time(r, r->cmos, r->cmos[CENTURY]) * SECOND + phase);
    }
    uint32_t period = period_ticks(r);
    if (index == REG_A && period)
        r->seen_period = now_32k(r) / period;
}

static void rtc_port_write(void *state, unsigned range, unsigned offset, uint32_t value,
                           unsigned size)
{
    struct rtc *r = state;
    (void)range;
    (void)size;
    if (offset == 0) {
        r->index = (uint8_t)value;
        bus_irq(r->bus, RTC_NMI_ENABLE, !(value & 0x80));
        return;
    }
    unsigned index = r->index & 127;
    if (index == REG_C || index == REG_D)
        return;
    sync(r);
    if (is_time(index))
        write_time(r, index, (uint8_t)value);
    else if (index == REG_A || index == REG_B)
        write_control(r, index, (uint8_t)value);
    else
        r->cmos[index] = (uint8_t)value;
    drive_irq(r);
    schedule(r);
}

static uint32_t rtc_port_read(void *state, unsigned range, unsigned offset, unsigned size)
{
    struct rtc *r = state;
    (void)range;
    (void)size;
    if (offset == 0)
        return 0xFF;
    unsigned index = r->index & 127;
    if (is_time(index) || index == REG_A || index == REG_C)
        bus_polled(r->bus);
    if (index != REG_C)
        return rtc_cmos(r, index);
    sync(r);
    uint8_t value = r->cmos[REG_C];
    r->cmos[REG_C] = 0;
    drive_irq(r);
    schedule(r);
    return value;
}

/* --- Initial contents ---------------------------------------------------------------------- */

static void fill_checksum(struct rtc *r)
{
    uint16_t sum = 0;
    for (unsigned i = 0x10; i <= 0x2D; i++)
        sum = (uint16_t)(sum + r->cmos[i]);
    r->cmos[0x2E] = (uint8_t)(sum >> 8);
    r->cmos[0x2F] = (uint8_t)sum;
}

void rtc_cmos_set(void *state, unsigned index, uint8_t value)
{
    struct rtc *r = state;
    if (index <= REG_D || index >= 128)
        return;
    if (index == CENTURY)
        write_time(r, index, value);
    else
        r->cmos[index] = value;
    if (index >= 0x10 && index <= 0x2D)
        fill_checksum(r);
}

static void fill_disk(struct rtc *r, unsigned index, const struct rtc_disk *disk)
{
    if (!disk->cylinders)
        return;
    uint16_t cylinders = disk->cylinders > 65535 ? 65535 : (uint16_t)disk->cylinders;
    uint8_t *p = &r->cmos[index ? 0x24 : 0x1B];
    r->cmos[0x12] |= index ? 0x0F : 0xF0;
    r->cmos[0x19 + index] = 47;
    store_le16(p, cylinders);
    p[2] = disk->heads;
    p[3] = p[4] = 0xFF; /* no write precompensation */
    p[5] = (uint8_t)(0xC0 | (disk->heads > 8 ? 8 : 0));
    store_le16(p + 6, cylinders);
    p[8] = disk->sectors;
}

static void fill_memory(struct rtc *r, const struct rtc_config *config)
{
    uint64_t extended = config->ram_below_4g >> 10;
    extended = extended > 1024 ? extended - 1024 : 0;
    uint64_t above_16m = config->ram_below_4g > 16 << 20 ? (config->ram_below_4g >> 16) - 256 : 0;
    uint64_t above_4g = config->ram_above_4g >> 16;
    store_le16(&r->cmos[0x15], 640);
    store_le16(&r->cmos[0x17], extended > 65535 ? 65535 : (uint16_t)extended);
    store_le16(&r->cmos[0x30], extended > 65535 ? 65535 : (uint16_t)extended);
    store_le16(&r->cmos[0x34], above_16m > 65535 ? 65535 : (uint16_t)above_16m);
    store_le16(&r->cmos[0x5B], (uint16_t)above_4g);
    r->cmos[0x5D] = (uint8_t)(above_4g >> 16);
}

static void fill(struct rtc *r, const struct rtc_config *config)
{
    unsigned floppies = (config->floppy[0] != 0) + (config->floppy[1] != 0);
    r->cmos[0x10] = (uint8_t)(config->floppy[0] << 4 | (config->floppy[1] & 15));
    r->cmos[0x14] = (uint8_t)((floppies ? 1 | (floppies - 1) << 6 : 0) | (config->fpu ? 2 : 0) | 4);
    fill_memory(r, config);
    for (unsigned i = 0; i < 2; i++)
        fill_disk(r, i, &config->disk[i]);
    for (unsigned i = 0; i < 4; i++)
        if (config->disk[i].cylinders > 1024)
            r->cmos[0x39] |= (uint8_t)(1u << 2 * i);
    r->cmos[0x3D] = (uint8_t)((config->boot[0] & 15) | config->boot[1] << 4);
    r->cmos[0x38] = (uint8_t)(config->boot[2] << 4 | (config->boot_unsigned_floppy ? 1 : 0));
    r->cmos[0x5F] = config->cpus ? (uint8_t)(config->cpus - 1) : 0;
    r->offset = config->offset_ns;
    fill_checksum(r);
}

static const char *rtc_init(void *state, struct bus *bus, const void *config)
{
    static const struct rtc_config none = {0};
    struct rtc *r = state;
    r->bus = bus;
    r->cmos[REG_A] = 0x26; /* 32768 Hz, 1024 Hz periodic, as a PC's BIOS leaves it */
    r->cmos[REG_B] = B_24H;
    fill(r, config ? config : &none);
    r->seen_second = guest_time(r) / SECOND;
    r->seen_period = now_32k(r) / period_ticks(r);
    return NULL;
}

/* The RESET pin clears the interrupt enables and flags; time and RAM are kept by the battery. */
static void rtc_reset(void *state)
{
    struct rtc *r = state;
    r->cmos[REG_B] &= (uint8_t) ~(B_PIE | B_AIE | B_UIE | 8);
    r->cmos[REG_C] = 0;
    r->index = 0;
    bus_irq(r->bus, RTC_NMI_ENABLE, true);
    drive_irq(r);
    schedule(r);
}

static void rtc_loaded(void *state)
{
    struct rtc *r = state;
    r->weekday_skew %= 7;
    r->frozen %= UINT64_C(1) << 62;
    r->offset %= INT64_C(1) << 61;
    bus_irq(r->bus, RTC_NMI_ENABLE, !(r->index & 0x80));
    drive_irq(r);
    schedule(r);
}

static const struct port_range rtc_ports[] = {{0x70, 2, SIZE_1}};
static const char *const rtc_outputs[] = {"IRQ8", "NMI-enable"};

const struct device_class rtc_class = {
    .name = "rtc",
    .title = "MC146818 real-time clock and CMOS RAM",
    .state_size = sizeof(struct rtc),
    .fields = rtc_fields,
    .ports = rtc_ports,
    .port_count = ARRAY_LEN(rtc_ports),
    .outputs = rtc_outputs,
    .output_count = ARRAY_LEN(rtc_outputs),
    .timer_count = 2,
    .init = rtc_init,
    .reset = rtc_reset,
    .port_read = rtc_port_read,
    .port_write = rtc_port_write,
    .timer = rtc_timer,
    .loaded = rtc_loaded,
};
