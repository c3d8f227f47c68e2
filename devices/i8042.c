/* The controller proper. One output buffer is shared by controller answers, keyboard and mouse; a
 * device byte is taken in only when it is empty and the wire's time has passed.
 *
 *   guest --64h--> controller command        keyboard --\
 *   guest --60h--> its parameter, or a byte              >-- wire time --> output buffer --60h-->
 *                  for keyboard or mouse     mouse    --/                  IRQ1 or IRQ12 while full
 */
#include "devices/i8042.h"

#include "devices/bus.h"
#include "devices/ps2/keyboard.h"
#include "devices/ps2/mouse.h"

#define WIRE_NS 300000 /* from one byte read to the next one in the buffer */

enum {
    STATUS_OBF = 1,
    STATUS_SYSTEM = 4,
    STATUS_COMMAND = 8,
    STATUS_UNLOCKED = 16,
    STATUS_AUX = 32
};
enum {
    MODE_IRQ1 = 1,
    MODE_IRQ12 = 2,
    MODE_SYSTEM = 4,
    MODE_KEYBOARD_OFF = 0x10,
    MODE_AUX_OFF = 0x20,
    MODE_TRANSLATE = 0x40
};
enum { OUT_NO_RESET = 1, OUT_A20 = 2 };
enum source { FROM_CONTROLLER, FROM_KEYBOARD, FROM_AUX };
enum { TIMER_WIRE, TIMER_SAMPLE };

struct i8042 {
    struct bus *bus;
    uint8_t ram[32];  /* [0] is the command byte */
    uint8_t status;   /* OBF, COMMAND, AUX */
    uint8_t data;     /* output buffer */
    uint8_t command;  /* controller command that waits for its parameter, or 0 */
    uint8_t outport;  /* reset and A20 bits */
    bool translating; /* an F0h is held back by the translation */
    bool wire_busy;   /* until wire_free */
    uint64_t wire_free;
    uint64_t sample_due; /* mouse: earliest time of the next packet */
    struct ps2_keyboard keyboard;
    struct ps2_mouse mouse;
};

static const struct field i8042_fields[] = {
    FIELD_ARRAY(struct i8042, ram, "controller RAM; byte 0 is the command byte"),
    FIELD(struct i8042, status, "status register"),
    FIELD(struct i8042, data, "output buffer"),
    FIELD(struct i8042, command, "command waiting for its parameter"),
    FIELD(struct i8042, outport, "output port: reset, A20"),
    FIELD(struct i8042, translating, "break prefix held back"),
    FIELD(struct i8042, wire_busy, "wire busy"),
    FIELD(struct i8042, wire_free, "wire free from, ns"),
    FIELD(struct i8042, sample_due, "next mouse sample, ns"),
    FIELD_SUB1(struct i8042, keyboard, ps2_keyboard_fields, "keyboard"),
    FIELD_SUB1(struct i8042, mouse, ps2_mouse_fields, "mouse"),
    FIELD_END,
};

static void drive_irqs(struct i8042 *c)
{
    bool full = c->status & STATUS_OBF, aux = c->status & STATUS_AUX;
    bus_irq(c->bus, I8042_IRQ1, full && !aux && c->ram[0] & MODE_IRQ1);
    bus_irq(c->bus, I8042_IRQ12, full && aux && c->ram[0] & MODE_IRQ12);
}

static void put(struct i8042 *c, uint8_t byte, enum source from)
{
    c->data = byte;
    c->status = (uint8_t)((c->status & ~STATUS_AUX) | STATUS_OBF);
    if (from == FROM_AUX)
        c->status |= STATUS_AUX;
    /* A byte that replaces an unread one is a new edge too. */
    bus_irq(c->bus, I8042_IRQ1, false);
    bus_irq(c->bus, I8042_IRQ12, false);
    drive_irqs(c);
}

static bool keyboard_ready(const struct i8042 *c)
{
    return !(c->ram[0] & MODE_KEYBOARD_OFF) && ps2_keyboard_has_byte(&c->keyboard);
}

static bool mouse_ready(const struct i8042 *c)
{
    return !(c->ram[0] & MODE_AUX_OFF) && ps2_mouse_has_byte(&c->mouse);
}

static void occupy_wire(struct i8042 *c)
{
    c->wire_busy = true;
    c->wire_free = bus_now(c->bus) + WIRE_NS;
    bus_timer(c->bus, TIMER_WIRE, c->wire_free);
}

/* One byte from the keyboard, through the translation: F0h sets bit 7 of the code after it. */
static void take_keyboard_byte(struct i8042 *c)
{
    while (ps2_keyboard_has_byte(&c->keyboard)) {
        uint8_t byte = ps2_keyboard_byte(&c->keyboard);
        if (!(c->ram[0] & MODE_TRANSLATE)) {
            c->translating = false;
        } else if (byte == 0xF0) {
            c->translating = true;
            continue;
        } else {
            byte = (uint8_t)(ps2_translate(byte) | (c->translating ? 0x80 : 0));
            c->translating = false;
        }
        put(c, byte, FROM_KEYBOARD);
        return;
    }
}

static void sample_mouse(struct i8042 *c)
{
    if (!ps2_mouse_wants_packet(&c->mouse))
        return;
    uint64_t now = bus_now(c->bus);
    if (now < c->sample_due) {
        bus_timer(c->bus, TIMER_SAMPLE, c->sample_due);
        return;
    }
    ps2_mouse_packet(&c->mouse);
    c->sample_due = now + 1000000000 / c->mouse.rate;
}

/* Moves the next byte into the output buffer when buffer and wire allow. */
static void pump(struct i8042 *c)
{
    if (c->status & STATUS_OBF || c->wire_busy)
        return;
    if (keyboard_ready(c)) {
        take_keyboard_byte(c);
        return;
    }
    sample_mouse(c);
    if (mouse_ready(c))
        put(c, ps2_mouse_byte(&c->mouse), FROM_AUX);
}

static void i8042_timer(void *state, unsigned timer, uint64_t now_ns)
{
    struct i8042 *c = state;
    (void)now_ns;
    if (timer == TIMER_WIRE)
        c->wire_busy = false;
    pump(c);
}

/* --- Controller commands ------------------------------------------------------------------- */

static void write_outport(struct i8042 *c, uint8_t value)
{
    c->outport = value & (OUT_NO_RESET | OUT_A20);
    bus_irq(c->bus, I8042_A20, value & OUT_A20);
    if (!(value & OUT_NO_RESET)) {
        c->outport |= OUT_NO_RESET;
        bus_machine(c->bus, MACHINE_RESET);
    }
}

static uint8_t read_outport(const struct i8042 *c)
{
    bool full = c->status & STATUS_OBF, aux = c->status & STATUS_AUX;
    return (uint8_t)(c->outport | 0xCC | (full && !aux ? 0x10 : 0) | (full && aux ? 0x20 : 0));
}

static void answer(struct i8042 *c, uint8_t byte)
{
    put(c, byte, FROM_CONTROLLER);
}

static void self_test(struct i8042 *c)
{
    c->ram[0] |= MODE_SYSTEM;
    c->status |= STATUS_SYSTEM;
    answer(c, 0x55);
}

static void write_command(struct i8042 *c, uint8_t command)
{
    c->command = 0;
    if (command >= 0x20 && command <= 0x3F) {
        answer(c, c->ram[command & 31]);
        return;
    }
    if ((command >= 0x60 && command <= 0x7F) || (command >= 0xD1 && command <= 0xD4)) {
        c->command = command;
        return;
    }
    if (command >= 0xF0) { /* pulses the bits that are 0; only bit 0, reset, is wired */
        if (!(command & 1))
            bus_machine(c->bus, MACHINE_RESET);
        return;
    }
    switch (command) {
    case 0xA4: /* password: none installed */
        answer(c, 0xF1);
        break;
    case 0xA7:
        c->ram[0] |= MODE_AUX_OFF;
        break;
    case 0xA8:
        c->ram[0] &= (uint8_t)~MODE_AUX_OFF;
        break;
    case 0xA9: /* auxiliary and keyboard wire tests: no fault */
    case 0xAB:
        answer(c, 0x00);
        break;
    case 0xAA:
        self_test(c);
        break;
    case 0xAD:
        c->ram[0] |= MODE_KEYBOARD_OFF;
        break;
    case 0xAE:
        c->ram[0] &= (uint8_t)~MODE_KEYBOARD_OFF;
        break;
    case 0xC0: /* input port: not locked, colour display, no manufacturing jumper */
        answer(c, 0xA0);
        break;
    case 0xD0:
        answer(c, read_outport(c));
        break;
    case 0xDD: /* A20 off and on, an extension that many controllers have */
    case 0xDF:
        write_outport(c, (uint8_t)(OUT_NO_RESET | (command & 2)));
        break;
    case 0xE0: /* test inputs: clock lines low when the wires are disabled */
        answer(c, (c->ram[0] & MODE_KEYBOARD_OFF) ? 0 : 1);
        break;
    default:
        log_once(bus_log(c->bus), command,
                 "i8042: controller command %02x is not implemented (%llx)", command,
                 (unsigned long long)bus_guest_pc(c->bus));
    }
}

static void write_parameter(struct i8042 *c, uint8_t command, uint8_t value)
{
    switch (command) {
    case 0xD1:
        write_outport(c, value);
        break;
    case 0xD2:
        put(c, value, FROM_KEYBOARD);
        break;
    case 0xD3:
        put(c, value, FROM_AUX);
        break;
    case 0xD4:
        ps2_mouse_command(&c->mouse, value);
        c->ram[0] &= (uint8_t)~MODE_AUX_OFF;
        occupy_wire(c);
        break;
    default:
        c->ram[command & 31] = value;
        if ((command & 31) == 0)
            c->status = (uint8_t)((c->status & ~STATUS_SYSTEM) | (value & MODE_SYSTEM));
        drive_irqs(c);
    }
}

static void write_data(struct i8042 *c, uint8_t value)
{
    uint8_t command = c->command;
    c->command = 0;
    if (command) {
        write_parameter(c, command, value);
        return;
    }
    /* Sending to the keyboard enables its wire. */
    c->ram[0] &= (uint8_t)~MODE_KEYBOARD_OFF;
    c->translating = false;
    ps2_keyboard_command(&c->keyboard, value);
    occupy_wire(c);
}

static void i8042_port_write(void *state, unsigned range, unsigned offset, uint32_t value,
                             unsigned size)
{
    struct i8042 *c = state;
    (void)offset;
    (void)size;
    if (range == 0) {
        c->status &= (uint8_t)~STATUS_COMMAND;
        write_data(c, (uint8_t)value);
    } else {
        c->status |= STATUS_COMMAND;
        write_command(c, (uint8_t)value);
    }
    pump(c);
}

static uint32_t i8042_port_read(void *state, unsigned range, unsigned offset, unsigned size)
{
    struct i8042 *c = state;
    (void)offset;
    (void)size;
    if (range == 1) {
        if (c->wire_busy)
            bus_polled(c->bus);
        return c->status | STATUS_UNLOCKED;
    }
    if (c->status & STATUS_OBF) {
        c->status &= (uint8_t) ~(STATUS_OBF | STATUS_AUX);
        drive_irqs(c);
        occupy_wire(c);
    }
    return c->data;
}

/* --- From the host ------------------------------------------------------------------------- */

void i8042_key(void *state, uint16_t key, bool down)
{
    struct i8042 *c = state;
    ps2_keyboard_key(&c->keyboard, key, down);
    pump(c);
}

bool i8042_key_room(const void *state)
{
    const struct i8042 *c = state;
    return c->keyboard.keys.count < 16;
}

bool i8042_keyboard_idle(const void *state)
{
    const struct i8042 *c = state;
    bool waiting = c->status & STATUS_OBF && !(c->status & STATUS_AUX);
    return !waiting && !c->wire_busy && !ps2_keyboard_has_byte(&c->keyboard) &&
           c->keyboard.scanning && !(c->ram[0] & MODE_KEYBOARD_OFF);
}

uint8_t i8042_leds(const void *state)
{
    return ((const struct i8042 *)state)->keyboard.leds;
}

void i8042_mouse(void *state, int dx, int dy, int dz, unsigned buttons)
{
    struct i8042 *c = state;
    ps2_mouse_move(&c->mouse, dx, dy, dz, buttons);
    pump(c);
}

/* --- Life ---------------------------------------------------------------------------------- */

static const char *i8042_init(void *state, struct bus *bus, const void *config)
{
    (void)config;
    ((struct i8042 *)state)->bus = bus;
    return NULL;
}

static void i8042_reset(void *state)
{
    struct i8042 *c = state;
    struct bus *bus = c->bus;
    uint8_t buttons = c->mouse.buttons;
    *c = (struct i8042){.bus = bus};
    c->mouse.buttons = buttons;
    c->ram[0] = MODE_IRQ1 | MODE_IRQ12 | MODE_TRANSLATE;
    c->outport = OUT_NO_RESET | OUT_A20;
    ps2_keyboard_reset(&c->keyboard);
    ps2_mouse_reset(&c->mouse);
    bus_timer_cancel(bus, TIMER_WIRE);
    bus_timer_cancel(bus, TIMER_SAMPLE);
    bus_irq(bus, I8042_A20, true);
    drive_irqs(c);
}

static void i8042_loaded(void *state)
{
    struct i8042 *c = state;
    uint64_t now = bus_now(c->bus);
    ps2_keyboard_loaded(&c->keyboard);
    ps2_mouse_loaded(&c->mouse);
    if (c->sample_due > now + 1000000000)
        c->sample_due = now;
    if (c->wire_free > now + WIRE_NS)
        c->wire_free = now;
    if (c->wire_busy)
        bus_timer(c->bus, TIMER_WIRE, c->wire_free);
    bus_timer(c->bus, TIMER_SAMPLE, c->sample_due);
    bus_irq(c->bus, I8042_A20, c->outport & OUT_A20);
    drive_irqs(c);
}

static const struct port_range i8042_ports[] = {{0x60, 1, SIZE_1}, {0x64, 1, SIZE_1}};
static const char *const i8042_outputs[] = {"IRQ1", "IRQ12", "A20"};

const struct device_class i8042_class = {
    .name = "i8042",
    .title = "PS/2 keyboard and mouse controller",
    .state_size = sizeof(struct i8042),
    .fields = i8042_fields,
    .ports = i8042_ports,
    .port_count = ARRAY_LEN(i8042_ports),
    .outputs = i8042_outputs,
    .output_count = ARRAY_LEN(i8042_outputs),
    .timer_count = 2,
    .init = i8042_init,
    .reset = i8042_reset,
    .port_read = i8042_port_read,
    .port_write = i8042_port_write,
    .timer = i8042_timer,
    .loaded = i8042_loaded,
};
