/* partition/partition_input.c: keys, mouse, serial bytes and buttons on their way into the machine.
 */
#include "devices/i8042.h"
#include "devices/uart.h"
#include "partition/partition_state.h"

#define SERIAL_RETRY_NS UINT64_C(20000) /* between looks whether a full UART has room again */

bool partition_post(struct partition *p, struct partition_event event)
{
    return inbox_put(&p->inbox, &event);
}

static void serial_push(struct serial_queue *q, uint8_t byte)
{
    if (q->count < SERIAL_WAITING)
        q->data[(q->head + q->count++) % SERIAL_WAITING] = byte;
}

static void take_event(struct partition *p, const struct partition_event *e)
{
    switch (e->kind) {
    case PARTITION_KEY:
        i8042_key(p->pc.i8042->state, e->key, e->down);
        break;
    case PARTITION_MOUSE:
        i8042_mouse(p->pc.i8042->state, e->dx, e->dy, e->dz, e->buttons);
        break;
    case PARTITION_SERIAL:
        if (e->port < PC_SERIAL_PORTS)
            serial_push(&p->serial[e->port], e->byte);
        break;
    case PARTITION_POWER_BUTTON:
        pc_power_button(&p->pc);
        break;
    case PARTITION_RESET:
        p->reset_due = true;
        break;
    }
}

/* Hands waiting bytes to the UARTs as far as their FIFOs have room; the rest at a later virtual
 * time, not when the partition happens to look. */
void partition_feed_serial(void *ctx, unsigned arg, uint64_t now_ns)
{
    struct partition *p = ctx;
    bool more = false;
    (void)arg;
    for (unsigned i = 0; i < PC_SERIAL_PORTS; i++) {
        struct serial_queue *q = &p->serial[i];
        while (q->count && p->pc.uart[i] &&
               uart_receive(p->pc.uart[i]->state, &q->data[q->head], 1) == 1) {
            q->head = (q->head + 1) % SERIAL_WAITING;
            q->count--;
        }
        more |= q->count && p->pc.uart[i];
    }
    if (more)
        timers_arm(&p->board->timers, p->serial_timer, now_ns + SERIAL_RETRY_NS);
}

void partition_take_input(struct partition *p)
{
    struct partition_event event;
    bool serial = false;
    while (inbox_take(&p->inbox, &event)) {
        take_event(p, &event);
        serial |= event.kind == PARTITION_SERIAL;
    }
    if (serial)
        partition_feed_serial(p, 0, partition_now(p));
}

bool partition_keyboard_idle(struct partition *p)
{
    return inbox_is_empty(&p->inbox) && i8042_keyboard_idle(p->pc.i8042->state);
}
