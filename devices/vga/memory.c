/* devices/vga/memory.c: what the CPU sees at A0000h..BFFFFh.
 *
 * Planes are interleaved bytes of one dword, so a latch, a write through the ALU and a map mask are
 * each one 32-bit operation:
 *
 *     video memory   | plane 3 | plane 2 | plane 1 | plane 0 |   at 4 * (address in the plane)
 *                      31    24 23     16 15      8 7       0
 *
 * An access goes through one of a few functions, chosen when a register changes, not when memory
 * is touched. Where video memory is linear for the CPU (packed VBE banks; chain-4 with nothing in
 * the way; text: flat.c), the window is memory to the machine and no access arrives here at all.
 *
 * Chain-4 is packed: address A lies in plane A & 3 at A >> 2 (a VGA of 1987 leaves three of four
 * addresses unused, and shows them with its double-word mode; see view.c). */
#include "devices/vga/state.h"

/* A plane set of 4 bits as a byte mask each. */
static const uint32_t plane_bytes[16] = {
    0x00000000, 0x000000FF, 0x0000FF00, 0x0000FFFF, 0x00FF0000, 0x00FF00FF, 0x00FFFF00, 0x00FFFFFF,
    0xFF000000, 0xFF0000FF, 0xFF00FF00, 0xFF00FFFF, 0xFFFF0000, 0xFFFF00FF, 0xFFFFFF00, 0xFFFFFFFF,
};

#define EVEN_PLANES 0x00FF00FFu

/* How the CPU's address picks planes. */
enum chain { CHAIN_NONE, CHAIN_ODD_EVEN, CHAIN_4 };

#define PLAIN 4 /* in place of a write mode: mode 0 where nothing changes the CPU's byte */

/* What the logical function makes of data. */
static inline __attribute__((always_inline)) uint32_t alu(const struct vga *v, uint32_t data,
                                                          unsigned function)
{
    switch (function) {
    case 1:
        return data & v->latch;
    case 2:
        return data | v->latch;
    case 3:
        return data ^ v->latch;
    default:
        return data;
    }
}

static inline uint32_t rotated(const struct vga *v, uint8_t byte)
{
    return (uint8_t)(byte >> v->rotate | byte << (8 - v->rotate)) * 0x01010101u;
}

/* The data path of write modes 0..3 (IBM, "Graphics Mode register"): what a CPU byte becomes. */
static inline __attribute__((always_inline)) uint32_t write_data(const struct vga *v, uint8_t byte,
                                                                 unsigned mode, unsigned function)
{
    uint32_t data, mask = v->bit_mask;
    switch (mode) {
    case 0:
        data = (rotated(v, byte) & ~v->enable_set_reset) | (v->set_reset & v->enable_set_reset);
        break;
    case 1:
        return v->latch;
    case 2:
        data = plane_bytes[byte & 15];
        break;
    default:
        mask &= rotated(v, byte);
        data = v->set_reset;
        break;
    }
    return (alu(v, data, function) & mask) | (v->latch & ~mask);
}

/* One byte of the CPU's at address p, which is in range. */
static inline __attribute__((always_inline)) void write_byte(struct vga *v, uint32_t p,
                                                             uint8_t byte, enum chain chain,
                                                             unsigned mode, unsigned function)
{
    uint32_t planes = v->map_mask;
    if (chain == CHAIN_4) {
        planes &= 0xFFu << (p & 3) * 8;
        p >>= 2;
    } else if (chain == CHAIN_ODD_EVEN) {
        planes &= p & 1 ? ~EVEN_PLANES : EVEN_PLANES;
        p &= ~1u;
    }
    p &= v->plane_mask;
    uint32_t data = mode == PLAIN ? byte * 0x01010101u : write_data(v, byte, mode, function);
    uint8_t *at = v->vram + (size_t)p * 4;
    store_le32(at, (load_le32(at) & ~planes) | (data & planes));
    vga_mark_dirty(v, p * 4);
}

static inline __attribute__((always_inline)) void write_planes(struct vga *v, uint32_t address,
                                                               uint32_t value, unsigned size,
                                                               enum chain chain, unsigned mode,
                                                               unsigned function)
{
    address += v->write_base;
    if (likely(size == 1)) {
        write_byte(v, address, (uint8_t)value, chain, mode, function);
        return;
    }
    for (unsigned i = 0; i < size; i++, address++, value >>= 8)
        write_byte(v, address, (uint8_t)value, chain, mode, function);
}

/* A function for each way that data can take, straight from register to memory. */
#define WRITES(name, chain, mode, function)                                      \
    static void name(void *vga, uint32_t address, uint32_t value, unsigned size) \
    {                                                                            \
        write_planes(vga, address, value, size, chain, mode, function);          \
    }
#define WRITES_ALL(name, chain)                   \
    WRITES(write_##name##_plain, chain, PLAIN, 0) \
    WRITES(write_##name##_0_move, chain, 0, 0)    \
    WRITES(write_##name##_0_and, chain, 0, 1)     \
    WRITES(write_##name##_0_or, chain, 0, 2)      \
    WRITES(write_##name##_0_xor, chain, 0, 3)     \
    WRITES(write_##name##_1, chain, 1, 0)         \
    WRITES(write_##name##_2_move, chain, 2, 0)    \
    WRITES(write_##name##_2_and, chain, 2, 1)     \
    WRITES(write_##name##_2_or, chain, 2, 2)      \
    WRITES(write_##name##_2_xor, chain, 2, 3)     \
    WRITES(write_##name##_3_move, chain, 3, 0)    \
    WRITES(write_##name##_3_and, chain, 3, 1)     \
    WRITES(write_##name##_3_or, chain, 3, 2)      \
    WRITES(write_##name##_3_xor, chain, 3, 3)
#define WRITES_TABLE(name)                                                                        \
    {                                                                                             \
        {write_##name##_0_move, write_##name##_0_and, write_##name##_0_or, write_##name##_0_xor}, \
            {write_##name##_1, write_##name##_1, write_##name##_1, write_##name##_1},             \
            {write_##name##_2_move, write_##name##_2_and, write_##name##_2_or,                    \
             write_##name##_2_xor},                                                               \
            {write_##name##_3_move, write_##name##_3_and, write_##name##_3_or,                    \
             write_##name##_3_xor},                                                               \
    }

WRITES_ALL(planar, CHAIN_NONE)
WRITES_ALL(odd_even, CHAIN_ODD_EVEN)
WRITES_ALL(chain4, CHAIN_4)

/* By write mode and logical function; see pick_functions. */
static vga_write_fn *const write_planar[4][4] = WRITES_TABLE(planar);
static vga_write_fn *const write_odd_even[4][4] = WRITES_TABLE(odd_even);
static vga_write_fn *const write_chain4[4][4] = WRITES_TABLE(chain4);

/* VBE packed modes with different read and write banks. */
static void write_linear(void *vga, uint32_t address, uint32_t value, unsigned size)
{
    struct vga *v = vga;
    for (unsigned i = 0; i < size; i++, value >>= 8) {
        uint32_t at = (address + v->write_base + i) & (v->vram_size - 1);
        v->vram[at] = (uint8_t)value;
        vga_mark_dirty(v, at);
    }
}

static void write_nothing(void *vga, uint32_t address, uint32_t value, unsigned size)
{
    (void)vga, (void)address, (void)value, (void)size;
}

/* Read mode 1: bit n is set where pixel n has the colour of the compare register in every plane
 * that the don't-care register names. */
static uint8_t compare_colour(const struct vga *v)
{
    uint32_t differs =
        (v->latch ^ plane_bytes[v->gc[GC_COMPARE] & 15]) & plane_bytes[v->gc[GC_DONT_CARE] & 15];
    differs |= differs >> 16;
    differs |= differs >> 8;
    return (uint8_t)~differs;
}

static inline __attribute__((always_inline)) uint32_t read_byte(struct vga *v, uint32_t p,
                                                                enum chain chain, bool compare)
{
    unsigned plane = v->gc[GC_READ_MAP] & 3u;
    if (chain == CHAIN_4) {
        plane = p & 3;
        p >>= 2;
    } else if (chain == CHAIN_ODD_EVEN) {
        plane = (plane & 2) | (p & 1);
        p &= ~1u;
    }
    v->latch = load_le32(v->vram + (size_t)(p & v->plane_mask) * 4);
    return compare ? compare_colour(v) : v->latch >> plane * 8 & 0xFF;
}

static inline __attribute__((always_inline)) uint32_t
read_planes(struct vga *v, uint32_t address, unsigned size, enum chain chain, bool compare)
{
    address += v->read_base;
    uint32_t value = read_byte(v, address, chain, compare);
    for (unsigned i = 1; i < size; i++)
        value |= read_byte(v, address + i, chain, compare) << i * 8;
    return value;
}

#define READS(name, chain, compare)                                  \
    static uint32_t name(void *vga, uint32_t address, unsigned size) \
    {                                                                \
        return read_planes(vga, address, size, chain, compare);      \
    }
READS(read_planar, CHAIN_NONE, false)
READS(read_planar_compare, CHAIN_NONE, true)
READS(read_odd_even, CHAIN_ODD_EVEN, false)
READS(read_odd_even_compare, CHAIN_ODD_EVEN, true)
READS(read_chain4, CHAIN_4, false)
READS(read_chain4_compare, CHAIN_4, true)

static uint32_t read_linear(void *vga, uint32_t address, unsigned size)
{
    const struct vga *v = vga;
    uint32_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint32_t)v->vram[(address + v->read_base + i) & (v->vram_size - 1)] << i * 8;
    return value;
}

static uint32_t read_nothing(void *vga, uint32_t address, unsigned size)
{
    (void)vga, (void)address;
    return UINT32_MAX >> (32 - 8 * size);
}

/* Neither ALU, set/reset nor masks change what the CPU writes. */
static bool writes_are_plain(const struct vga *v)
{
    return (v->gc[GC_MODE] & 3) == 0 && (v->gc[GC_ROTATE] & 0x1F) == 0 &&
           (v->gc[GC_ENABLE_SET_RESET] & 15) == 0 && v->gc[GC_BIT_MASK] == 0xFF;
}

static void pick_functions(struct vga *v)
{
    bool plain = writes_are_plain(v), compare = v->gc[GC_MODE] & 8;
    unsigned mode = v->gc[GC_MODE] & 3, function = v->gc[GC_ROTATE] >> 3 & 3;
    if (!(v->misc & 2)) { /* video memory is off the bus */
        v->planes_read = read_nothing;
        v->planes_write = write_nothing;
        return;
    }
    if (vga_dispi_on(v) && !vga_is_planar_dispi(v)) {
        v->planes_read = read_linear;
        v->planes_write = write_linear;
        return;
    }
    if (v->seq[SEQ_MEMORY] & 8) {
        v->planes_read = compare ? read_chain4_compare : read_chain4;
        v->planes_write = plain ? write_chain4_plain : write_chain4[mode][function];
        return;
    }
    if (v->gc[GC_MODE] & 0x10)
        v->planes_read = compare ? read_odd_even_compare : read_odd_even;
    else
        v->planes_read = compare ? read_planar_compare : read_planar;
    if (!(v->seq[SEQ_MEMORY] & 4))
        v->planes_write = plain ? write_odd_even_plain : write_odd_even[mode][function];
    else
        v->planes_write = plain ? write_planar_plain : write_planar[mode][function];
}

/* As what could the aperture be plain bytes? Where it lies in the first 32 KiB of the planes, and
 * what is written to an address is what is read there, in one plane. */
static enum vga_flat flat_allowed(const struct vga *v)
{
    unsigned planes = v->seq[SEQ_MAP_MASK] & 15, read = v->gc[GC_READ_MAP] & 3;
    if (vga_dispi_on(v) || v->aperture_size != VGA_FLAT_BYTES || v->gc[GC_MODE] & 8)
        return FLAT_NONE;
    if (v->planes_write == write_odd_even_plain && v->planes_read == read_odd_even)
        return planes == 3 && read < 2 ? FLAT_PAIRS : FLAT_NONE;
    if (v->planes_write == write_planar_plain && v->planes_read == read_planar)
        return planes == 1 && read == 0 ? FLAT_PLANE_0 : FLAT_NONE;
    return FLAT_NONE;
}

/* Where the legacy addresses can be plain memory. */
static struct vga_window window_wanted(const struct vga *v)
{
    if (v->flat)
        return (struct vga_window){true, 0xA0000 + v->aperture_base, v->vram_size, VGA_FLAT_BYTES};
    if (v->planes_write == write_linear && v->dispi_bank_read == v->dispi_bank_write)
        return (struct vga_window){true, 0xA0000, v->read_base & (v->vram_size - 1), 0x10000};
    bool on = v->planes_write == write_chain4_plain && v->map_mask == UINT32_MAX &&
              !(v->gc[GC_MODE] & 8) && (v->gc[GC_MISC] >> 2 & 3) == 1;
    return (struct vga_window){on, 0xA0000, 0, 0x10000};
}

static void update_window(struct vga *v)
{
    struct vga_window want = window_wanted(v), *is = &v->window;
    if (v->window_known && want.on == is->on &&
        (!want.on || (want.base == is->base && want.offset == is->offset)))
        return;
    v->window_known = true;
    *is = want;
    bus_vram_window(v->bus, VGA_MMIO_LEGACY, want.base, want.offset, want.size, want.on);
}

/* The functions above are all that an access takes, unless flat.c wants to know. */
static void update_quick(struct vga *v)
{
    struct vga_quick want = {0};
    if (!v->flat_wanted && !v->window.on)
        want = (struct vga_quick){v->aperture_base, v->aperture_size, v->read, v->write};
    struct vga_quick *is = &v->quick;
    if (is->read == want.read && is->write == want.write && is->base == want.base &&
        is->size == want.size)
        return;
    *is = want;
    bus_mmio_quick(v->bus, VGA_MMIO_LEGACY, want.base, want.size, want.read, want.write);
}

static void set_masks(struct vga *v)
{
    v->map_mask = plane_bytes[v->seq[SEQ_MAP_MASK] & 15];
    v->bit_mask = v->gc[GC_BIT_MASK] * 0x01010101u;
}

bool vga_masks_update(struct vga *v)
{
    bool linear = v->seq[SEQ_MEMORY] & 8; /* chain-4: the map mask decides */
    if (linear || v->aperture_size == VGA_FLAT_BYTES)
        return false;
    set_masks(v);
    return true;
}

void vga_memory_update(struct vga *v)
{
    static const struct {
        uint32_t base, size;
    } apertures[4] = {{0x00000, 0x20000}, {0x00000, 0x10000}, {0x10000, 0x8000}, {0x18000, 0x8000}};

    unsigned map = v->gc[GC_MISC] >> 2 & 3;
    bool packed = vga_dispi_on(v) && !vga_is_planar_dispi(v);
    if (packed)
        map = 1;
    v->aperture_base = apertures[map].base;
    v->aperture_size = apertures[map].size;
    v->map_mask = plane_bytes[v->seq[SEQ_MAP_MASK] & 15];
    v->rotate = v->gc[GC_ROTATE] & 7;
    v->bit_mask = v->gc[GC_BIT_MASK] * 0x01010101u;
    v->set_reset = plane_bytes[v->gc[GC_SET_RESET] & 15];
    v->enable_set_reset = plane_bytes[v->gc[GC_ENABLE_SET_RESET] & 15];
    v->plane_mask = vga_is_planar_dispi(v) ? v->vram_size / 4 - 1 : VGA_PLANE_BYTES - 1;
    v->read_base = vga_dispi_on(v) ? (uint32_t)v->dispi_bank_read << 16 : 0;
    v->write_base = vga_dispi_on(v) ? (uint32_t)v->dispi_bank_write << 16 : 0;
    pick_functions(v);
    vga_flat_update(v, flat_allowed(v));
    update_window(v);
    update_quick(v);
}
