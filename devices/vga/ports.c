/* devices/vga/ports.c: the registers behind 3B0h..3DFh (IBM PS/2 Hardware Interface Technical
 * Reference, Video Subsystem, "Registers"). Each index register and its data register can be
 * written by one 16-bit access: the bus gives such accesses here as two bytes, low first.
 *
 * Miscellaneous output bit 0 moves the CRTC and input status 1 between 3Bxh and 3Dxh; nothing
 * answers at the other place. */
#include "devices/vga/state.h"

/* Bits of each register that can be read back as written. */
static const uint8_t seq_mask[SEQ_COUNT] = {0x03, 0x3D, 0x0F, 0x3F, 0x0E};
static const uint8_t gc_mask[GC_COUNT] = {0x0F, 0x0F, 0x0F, 0x1F, 0x03, 0x7B, 0x0F, 0x0F, 0xFF};
static const uint8_t crtc_mask[CRTC_COUNT] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F,
                                              0xFF, 0x3F, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                              0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xEF, 0xFF};

static uint8_t atc_mask(unsigned index)
{
    static const uint8_t high[] = {0xEF, 0xFF, 0x3F, 0x0F, 0x0F};
    return index < ATC_MODE ? 0x3F : high[index - ATC_MODE];
}

static void seq_write(struct vga *v, uint8_t value)
{
    if (v->seq_index >= SEQ_COUNT)
        return;
    value &= seq_mask[v->seq_index];
    if (v->seq[v->seq_index] == value)
        return;
    v->seq[v->seq_index] = value;
    if (v->seq_index == SEQ_CLOCKING)
        vga_timing_update(v);
    if (v->seq_index != SEQ_MAP_MASK || !vga_masks_update(v))
        vga_memory_update(v);
}

static void gc_write(struct vga *v, uint8_t value)
{
    if (v->gc_index >= GC_COUNT)
        return;
    value &= gc_mask[v->gc_index];
    if (v->gc[v->gc_index] == value)
        return;
    uint8_t old = v->gc[v->gc_index];
    v->gc[v->gc_index] = value;
    bool masks = v->gc_index == GC_BIT_MASK && old != 0xFF && value != 0xFF;
    if (!masks || !vga_masks_update(v))
        vga_memory_update(v);
}

static void crtc_write(struct vga *v, uint8_t value)
{
    unsigned i = v->crtc_index;
    if (i >= CRTC_COUNT)
        return;
    if (v->crtc[CRTC_VRETRACE_END] & 0x80 && i <= CRTC_OVERFLOW) {
        if (i != CRTC_OVERFLOW)
            return; /* 00h..07h are protected, but for bit 8 of line compare */
        value = (v->crtc[i] & ~0x10) | (value & 0x10);
    }
    v->crtc[i] = value & crtc_mask[i];
    if (i <= CRTC_OVERFLOW || (i >= CRTC_VRETRACE_START && i <= CRTC_VDISPLAY_END))
        vga_timing_update(v);
}

static void atc_write(struct vga *v, uint8_t value)
{
    if (v->atc_expects_data) {
        unsigned index = v->atc_index & 0x1F;
        /* Index bit 5 (the display uses the palette) should be clear while the palette is
         * written; VGAs take the write all the same. */
        if (index < ATC_COUNT)
            v->atc[index] = value & atc_mask(index);
    } else {
        v->atc_index = value & 0x3F;
    }
    v->atc_expects_data = !v->atc_expects_data;
}

static uint8_t atc_read(const struct vga *v)
{
    unsigned index = v->atc_index & 0x1F;
    return index < ATC_COUNT ? v->atc[index] : 0;
}

/* A colour takes effect with its third component. */
static void dac_write(struct vga *v, uint8_t value)
{
    bool wide = vga_dispi_on(v) && v->dispi_enable & DISPI_8BIT_DAC;
    v->dac_latch[v->dac_component] = wide ? value : value & 0x3F;
    if (++v->dac_component < 3)
        return;
    v->dac_component = 0;
    memcpy(v->dac + v->dac_write_index++ * 3, v->dac_latch, 3);
}

static uint8_t dac_read(struct vga *v)
{
    uint8_t value = v->dac[v->dac_read_index * 3 + v->dac_component];
    if (++v->dac_component == 3) {
        v->dac_component = 0;
        v->dac_read_index++;
    }
    return value;
}

static void dac_select(struct vga *v, uint8_t index, bool reading)
{
    v->dac_component = 0;
    v->dac_reading = reading;
    if (reading)
        v->dac_read_index = index;
    else
        v->dac_write_index = index;
}

/* True for the CRTC ports that miscellaneous output bit 0 switches off. */
static bool port_is_deaf(const struct vga *v, uint16_t port)
{
    bool colour = v->misc & 1;
    return (port >= 0x3D0 && !colour) || (port < 0x3C0 && colour);
}

uint8_t vga_port_read8(struct vga *v, uint16_t port)
{
    if (port_is_deaf(v, port))
        return 0xFF;
    switch (port) {
    case 0x3C0:
        return v->atc_index;
    case 0x3C1:
        return atc_read(v);
    case 0x3C2:
        return 0x10; /* input status 0: a colour monitor is sensed, no interrupt */
    case 0x3C3:
        return v->subsystem_enable;
    case 0x3C4:
        return v->seq_index;
    case 0x3C5:
        return v->seq_index < SEQ_COUNT ? v->seq[v->seq_index] : 0;
    case 0x3C6:
        return v->dac_mask;
    case 0x3C7:
        return v->dac_reading ? 3 : 0;
    case 0x3C8:
        return v->dac_write_index;
    case 0x3C9:
        return dac_read(v);
    case 0x3CA:
        return v->feature;
    case 0x3CC:
        return v->misc;
    case 0x3CE:
        return v->gc_index;
    case 0x3CF:
        return v->gc_index < GC_COUNT ? v->gc[v->gc_index] : 0;
    case 0x3B4:
    case 0x3D4:
        return v->crtc_index;
    case 0x3B5:
    case 0x3D5:
        return v->crtc_index < CRTC_COUNT ? v->crtc[v->crtc_index] : 0;
    case 0x3BA:
    case 0x3DA:
        v->atc_expects_data = false;
        return vga_input_status1(v);
    default:
        return 0xFF;
    }
}

void vga_port_write8(struct vga *v, uint16_t port, uint8_t value)
{
    if (port_is_deaf(v, port))
        return;
    switch (port) {
    case 0x3C0:
        atc_write(v, value);
        break;
    case 0x3C2:
        v->misc = value & 0xEF;
        vga_timing_update(v);
        vga_memory_update(v);
        break;
    case 0x3C3:
        v->subsystem_enable = value & 1;
        break;
    case 0x3C4:
        v->seq_index = value;
        break;
    case 0x3C5:
        seq_write(v, value);
        break;
    case 0x3C6:
        v->dac_mask = value;
        break;
    case 0x3C7:
        dac_select(v, value, true);
        break;
    case 0x3C8:
        dac_select(v, value, false);
        break;
    case 0x3C9:
        dac_write(v, value);
        break;
    case 0x3CE:
        v->gc_index = value;
        break;
    case 0x3CF:
        gc_write(v, value);
        break;
    case 0x3B4:
    case 0x3D4:
        v->crtc_index = value;
        break;
    case 0x3B5:
    case 0x3D5:
        crtc_write(v, value);
        break;
    case 0x3BA:
    case 0x3DA:
        v->feature = value & 3;
        break;
    default:
        break;
    }
}
