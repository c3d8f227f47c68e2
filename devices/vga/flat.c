/* devices/vga/flat.c: text and CGA memory as plain bytes.
 *
 * In text modes the CPU's odd and even addresses go to planes 1 and 0, so in our video memory two
 * bytes of the CPU's lie eight apart, and the machine could not show them as memory. While the
 * registers have B8000h (or B0000h) work like plain memory, its 32 KiB are therefore kept apart, in
 * flat_bytes, and the machine maps those: no access arrives here.
 *
 *     CPU             | char | attr | char | attr |  flat_bytes: the same
 *     plane address      0      0      2      2
 *     video memory    | char attr  font   .  |  .  | char attr  font   .  |  .  |    planes 0 1 2 3
 *
 * The planes' own bytes are stale then. Who shows a picture asks vga_planes_at, which knows; any
 * register that changes what the CPU sees (a font is loaded, another mode set) has the bytes go
 * back; and the frame buffer of BAR 0, which shows the planes, is covered where they are stale: its
 * first access has them go back, too. It is flat after FLAT_WARM bytes were accessed, so that who
 * changes registers all the time does not have 32 KiB moved each time. All that depends on the
 * guest's accesses alone: two engines agree on it.
 *
 * The latches do not see what is read in flat memory, as they do not in chain-4 memory. */
#include "devices/vga/state.h"

#define FLAT_WARM    128
#define FRAME_COVERS (VGA_FLAT_BYTES * 4)

/* The bytes that flat stands for, one way or the other: `step` of them at each such address. */
static inline __attribute__((always_inline)) void move_by(struct vga *v, uint32_t step,
                                                          bool to_planes)
{
    for (uint32_t a = 0; a < VGA_FLAT_BYTES; a += step) {
        uint8_t *planes = v->vram + (size_t)a * 4, *bytes = v->flat_bytes + a;
        memcpy(to_planes ? planes : bytes, to_planes ? bytes : planes, step);
    }
}

static void take_bytes(struct vga *v, enum vga_flat flat)
{
    if (flat == FLAT_PAIRS)
        move_by(v, 2, false);
    else
        move_by(v, 1, false);
}

static void give_bytes(struct vga *v, enum vga_flat flat)
{
    if (flat == FLAT_PAIRS)
        move_by(v, 2, true);
    else
        move_by(v, 1, true);
}

static void enter(struct vga *v)
{
    take_bytes(v, v->flat_wanted);
    v->flat = v->flat_wanted;
    bus_vram_wrote(v->bus, v->vram_size, VGA_FLAT_BYTES);
    bus_vram_cover(v->bus, VGA_MMIO_FRAME, FRAME_COVERS);
    vga_memory_update(v);
}

void vga_flat_leave(struct vga *v)
{
    if (!v->flat)
        return;
    give_bytes(v, v->flat);
    v->flat = FLAT_NONE;
    v->flat_heat = 0;
    bus_vram_wrote(v->bus, 0, FRAME_COVERS);
    bus_vram_cover(v->bus, VGA_MMIO_FRAME, 0);
}

static void warm(struct vga *v, unsigned size)
{
    v->flat_heat = (uint8_t)(v->flat_heat + size);
    if (v->flat_heat >= FLAT_WARM)
        enter(v);
}

/* Where it could be flat, and is not yet. */
static uint32_t read_warming(void *vga, uint32_t address, unsigned size)
{
    struct vga *v = vga;
    uint32_t value = v->planes_read(v, address, size);
    warm(v, size);
    return value;
}

static void write_warming(void *vga, uint32_t address, uint32_t value, unsigned size)
{
    struct vga *v = vga;
    v->planes_write(v, address, value, size);
    warm(v, size);
}

void vga_flat_update(struct vga *v, enum vga_flat allowed)
{
    v->flat_wanted = (uint8_t)allowed;
    if (v->flat != allowed)
        vga_flat_leave(v);
    if (!allowed)
        v->flat_heat = 0;
    v->read = allowed ? read_warming : v->planes_read;
    v->write = allowed ? write_warming : v->planes_write;
}

void vga_flat_loaded(struct vga *v)
{
    if (v->flat > FLAT_PLANE_0)
        v->flat = FLAT_NONE;
    if (v->flat_heat >= FLAT_WARM)
        v->flat_heat = 0;
    bus_vram_cover(v->bus, VGA_MMIO_FRAME, v->flat ? FRAME_COVERS : 0);
}

/* --- The frame buffer, where the planes are stale --------------------------------------------- */

uint32_t vga_frame_read(struct vga *v, uint32_t offset, unsigned size)
{
    uint32_t value = 0;
    vga_flat_leave(v);
    vga_memory_update(v);
    memcpy(&value, v->vram + offset, size);
    return value;
}

void vga_frame_write(struct vga *v, uint32_t offset, uint32_t value, unsigned size)
{
    vga_flat_leave(v);
    vga_memory_update(v);
    memcpy(v->vram + offset, &value, size);
    bus_vram_wrote(v->bus, offset, size);
}
