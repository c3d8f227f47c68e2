/* devices/vga/dispi.c: the Bochs VBE extensions: modes beyond the VGA's, set by sixteen-bit
 * registers behind an index (1CEh) and a data port (1CFh; 1D0h is the same).
 *
 * A mode is taken over when ENABLE bit 0 goes from 0 to 1; sizes can also be changed while it is
 * on. Nothing a guest writes leads outside video memory: bases are masked, rows that do not fit
 * are not drawn. */
#include "devices/vga/state.h"

enum {
    DISPI_INDEX_ID,
    DISPI_INDEX_X,
    DISPI_INDEX_Y,
    DISPI_INDEX_BPP,
    DISPI_INDEX_ENABLE,
    DISPI_INDEX_BANK,
    DISPI_INDEX_VIRTUAL_X,
    DISPI_INDEX_VIRTUAL_Y,
    DISPI_INDEX_X_OFFSET,
    DISPI_INDEX_Y_OFFSET,
    DISPI_INDEX_MEMORY_64K,
};

/* Bank register: which of the two banks a write sets; neither bit means both. */
#define BANK_WRITE  0x4000
#define BANK_READ   0x8000
#define BANK_NUMBER 0x1FFF

static uint32_t bytes_per_pixel(const struct vga *v)
{
    return (v->dispi_bpp + 7u) / 8;
}

uint32_t vga_dispi_pitch(const struct vga *v)
{
    if (v->dispi_bpp == 4)
        return v->dispi_virtual_x / 8u;
    return v->dispi_virtual_x * bytes_per_pixel(v);
}

/* Memory that one row takes, in all planes. */
static uint32_t row_memory(const struct vga *v)
{
    return v->dispi_bpp == 4 ? vga_dispi_pitch(v) * 4 : vga_dispi_pitch(v);
}

static bool bpp_valid(unsigned bpp)
{
    return bpp == 4 || bpp == 8 || bpp == 15 || bpp == 16 || bpp == 24 || bpp == 32;
}

bool vga_dispi_mode_valid(const struct vga *v)
{
    return v->dispi_x >= 8 && v->dispi_x <= DISPI_MAX_X && v->dispi_y >= 1 &&
           v->dispi_y <= DISPI_MAX_Y && bpp_valid(v->dispi_bpp) &&
           (uint64_t)v->dispi_y * row_memory(v) <= v->vram_size;
}

/* Keeps the virtual width within what memory and the register can hold. */
static void fix_virtual_width(struct vga *v)
{
    unsigned step = v->dispi_bpp == 4 ? 8 : 1;
    if (v->dispi_virtual_x < v->dispi_x)
        v->dispi_virtual_x = v->dispi_x;
    v->dispi_virtual_x -= (uint16_t)(v->dispi_virtual_x % step);
    uint32_t rows = v->dispi_y ? v->dispi_y : 1;
    if ((uint64_t)rows * row_memory(v) > v->vram_size)
        v->dispi_virtual_x = v->dispi_x;
}

static unsigned virtual_height(const struct vga *v)
{
    uint32_t row = row_memory(v);
    uint32_t rows = row ? v->vram_size / row : 0;
    return rows > UINT16_MAX ? UINT16_MAX : rows;
}

static void clear_screen(struct vga *v)
{
    uint64_t len = (uint64_t)v->dispi_y * row_memory(v);
    if (len > v->vram_size)
        len = v->vram_size;
    vga_flat_leave(v);
    memset(v->vram, 0, len);
    bus_vram_wrote(v->bus, 0, len);
}

/* The DAC holds as many bits as the mode says: what stands in it is scaled. */
static void set_dac_width(struct vga *v, bool wide)
{
    bool was_wide = vga_dispi_on(v) && v->dispi_enable & DISPI_8BIT_DAC;
    if (wide == was_wide)
        return;
    for (unsigned i = 0; i < sizeof v->dac; i++)
        v->dac[i] = wide ? (uint8_t)(v->dac[i] << 2 | v->dac[i] >> 4) : v->dac[i] >> 2;
}

static void write_enable(struct vga *v, uint16_t value)
{
    bool was_on = vga_dispi_on(v);
    bool on = value & DISPI_ENABLED;
    if (on && !was_on) {
        v->dispi_virtual_x = v->dispi_x;
        v->dispi_x_offset = v->dispi_y_offset = 0;
        v->dispi_bank_read = v->dispi_bank_write = 0;
        if (!vga_dispi_mode_valid(v)) {
            log_once(bus_log(v->bus), 0,
                     "vga: VBE mode %ux%ux%u is not possible, not set (guest %llx)", v->dispi_x,
                     v->dispi_y, v->dispi_bpp, (unsigned long long)bus_guest_pc(v->bus));
            value &= (uint16_t)~DISPI_ENABLED;
            on = false;
        }
    }
    set_dac_width(v, on && value & DISPI_8BIT_DAC);
    v->dispi_enable =
        value & (DISPI_ENABLED | DISPI_GETCAPS | DISPI_8BIT_DAC | DISPI_LFB | DISPI_NOCLEAR);
    if (on && !was_on && !(value & DISPI_NOCLEAR))
        clear_screen(v);
    if (!on)
        v->dispi_bank_read = v->dispi_bank_write = 0;
}

static void write_bank(struct vga *v, uint16_t value)
{
    uint16_t bank = value & BANK_NUMBER;
    if (((uint64_t)bank << 16) >= v->vram_size)
        return;
    bool both = !(value & (BANK_READ | BANK_WRITE));
    if (both || value & BANK_READ)
        v->dispi_bank_read = bank;
    if (both || value & BANK_WRITE)
        v->dispi_bank_write = bank;
}

/* A size that changes under an enabled mode: refused when the mode would not fit. */
static void write_size(struct vga *v, uint16_t *reg, uint16_t value)
{
    uint16_t old = *reg, old_virtual = v->dispi_virtual_x;
    *reg = value;
    if (!vga_dispi_on(v))
        return;
    fix_virtual_width(v);
    if (!vga_dispi_mode_valid(v)) {
        *reg = old;
        v->dispi_virtual_x = old_virtual;
    }
}

void vga_dispi_write(struct vga *v, unsigned index, uint16_t value)
{
    switch (index) {
    case DISPI_INDEX_ID:
        if (value >= 0xB0C0 && value <= 0xB0C5)
            v->dispi_id = value;
        break;
    case DISPI_INDEX_X:
        write_size(v, &v->dispi_x, value);
        break;
    case DISPI_INDEX_Y:
        write_size(v, &v->dispi_y, value);
        break;
    case DISPI_INDEX_BPP:
        write_size(v, &v->dispi_bpp, value ? value : 8);
        break;
    case DISPI_INDEX_ENABLE:
        write_enable(v, value);
        break;
    case DISPI_INDEX_BANK:
        write_bank(v, value);
        break;
    case DISPI_INDEX_VIRTUAL_X:
        v->dispi_virtual_x = value;
        fix_virtual_width(v);
        break;
    case DISPI_INDEX_X_OFFSET:
        v->dispi_x_offset = value;
        break;
    case DISPI_INDEX_Y_OFFSET:
        v->dispi_y_offset = value;
        break;
    default: /* virtual height and memory size are read-only */
        return;
    }
    vga_timing_update(v);
    vga_memory_update(v);
}

uint16_t vga_dispi_read(struct vga *v, unsigned index)
{
    bool caps = v->dispi_enable & DISPI_GETCAPS;
    switch (index) {
    case DISPI_INDEX_ID:
        return v->dispi_id;
    case DISPI_INDEX_X:
        return caps ? DISPI_MAX_X : v->dispi_x;
    case DISPI_INDEX_Y:
        return caps ? DISPI_MAX_Y : v->dispi_y;
    case DISPI_INDEX_BPP:
        return caps ? DISPI_MAX_BPP : v->dispi_bpp;
    case DISPI_INDEX_ENABLE:
        return v->dispi_enable;
    case DISPI_INDEX_BANK:
        return v->dispi_bank_write;
    case DISPI_INDEX_VIRTUAL_X:
        return v->dispi_virtual_x;
    case DISPI_INDEX_VIRTUAL_Y:
        return (uint16_t)virtual_height(v);
    case DISPI_INDEX_X_OFFSET:
        return v->dispi_x_offset;
    case DISPI_INDEX_Y_OFFSET:
        return v->dispi_y_offset;
    case DISPI_INDEX_MEMORY_64K:
        return (uint16_t)(v->vram_size >> 16);
    default:
        return 0xFFFF;
    }
}

void vga_dispi_reset(struct vga *v)
{
    v->dispi_id = 0xB0C5;
    v->dispi_index = 0;
    v->dispi_x = 640;
    v->dispi_y = 480;
    v->dispi_bpp = 8;
    v->dispi_enable = 0;
    v->dispi_bank_read = v->dispi_bank_write = 0;
    v->dispi_virtual_x = 640;
    v->dispi_x_offset = v->dispi_y_offset = 0;
}
