/* devices/vga/vga.c: the VGA as a device: its ranges, its fields, and where accesses go. */
#include "devices/vga/vga.h"

#include <stdlib.h>

#include "devices/vga/state.h"

#define DEFAULT_VRAM (16u << 20)

enum { PORTS_MONO, PORTS_MONO_STATUS, PORTS_VGA, PORTS_COLOUR, PORTS_COLOUR_STATUS, PORTS_DISPI };

static const struct port_range ports[] = {
    [PORTS_MONO] = {0x3B4, 2, SIZE_1 | SIZE_2}, [PORTS_MONO_STATUS] = {0x3BA, 1, SIZE_1},
    [PORTS_VGA] = {0x3C0, 16, SIZE_1 | SIZE_2}, [PORTS_COLOUR] = {0x3D4, 2, SIZE_1 | SIZE_2},
    [PORTS_COLOUR_STATUS] = {0x3DA, 1, SIZE_1}, [PORTS_DISPI] = {0x1CE, 4, SIZE_1 | SIZE_2},
};

static const struct mmio_range mmio[] = {
    [VGA_MMIO_LEGACY] = {0xA0000, 0x20000, SIZE_1 | SIZE_2 | SIZE_4},
    [VGA_MMIO_REGISTERS] = {0, 0x1000, SIZE_1 | SIZE_2 | SIZE_4},
    [VGA_MMIO_ROM] = {0, VGA_ROM_MAX, SIZE_1 | SIZE_2 | SIZE_4},
    [VGA_MMIO_FRAME] = {0, VGA_FLAT_BYTES * 4, SIZE_1 | SIZE_2 | SIZE_4},
};

static const struct field vga_fields[] = {
    FIELD_SUB1(struct vga, pci, pci_config_fields, "PCI configuration space"),
    FIELD(struct vga, misc, "miscellaneous output"),
    FIELD(struct vga, feature, "feature control"),
    FIELD(struct vga, subsystem_enable, "video subsystem enable (3C3h)"),
    FIELD(struct vga, seq_index, "sequencer index"),
    FIELD_ARRAY(struct vga, seq, "sequencer registers"),
    FIELD(struct vga, crtc_index, "CRTC index"),
    FIELD_ARRAY(struct vga, crtc, "CRTC registers"),
    FIELD(struct vga, gc_index, "graphics controller index"),
    FIELD_ARRAY(struct vga, gc, "graphics controller registers"),
    FIELD(struct vga, atc_index, "attribute controller index"),
    FIELD_ARRAY(struct vga, atc, "attribute controller registers"),
    FIELD(struct vga, atc_expects_data, "attribute controller flip-flop: data comes next"),
    FIELD_ARRAY(struct vga, dac, "palette: red, green, blue"),
    FIELD(struct vga, dac_mask, "pixel mask"),
    FIELD(struct vga, dac_read_index, "palette index for reading"),
    FIELD(struct vga, dac_write_index, "palette index for writing"),
    FIELD(struct vga, dac_component, "colour component that comes next"),
    FIELD_ARRAY(struct vga, dac_latch, "components of the colour being written"),
    FIELD(struct vga, dac_reading, "palette was last set up for reading"),
    FIELD(struct vga, latch, "latches, a byte per plane"),
    FIELD(struct vga, dispi_index, "VBE register index"),
    FIELD(struct vga, dispi_id, "VBE interface version"),
    FIELD(struct vga, dispi_x, "VBE width"),
    FIELD(struct vga, dispi_y, "VBE height"),
    FIELD(struct vga, dispi_bpp, "VBE bits per pixel"),
    FIELD(struct vga, dispi_enable, "VBE enable"),
    FIELD(struct vga, dispi_bank_read, "VBE bank for reading"),
    FIELD(struct vga, dispi_bank_write, "VBE bank for writing"),
    FIELD(struct vga, dispi_virtual_x, "VBE virtual width"),
    FIELD(struct vga, dispi_x_offset, "VBE first column shown"),
    FIELD(struct vga, dispi_y_offset, "VBE first row shown"),
    FIELD(struct vga, dispi_low_byte, "VBE data: low byte of a write in two parts"),
    FIELD(struct vga, flat, "text or CGA memory is kept apart, as plain bytes"),
    FIELD(struct vga, flat_heat, "bytes accessed before it is"),
    FIELD_END,
};

#define ROM_BAR        0x30
#define ROM_BAR_ENABLE 1u

/* The ports and A0000h..BFFFFh are decoded whatever the command register says: a BIOS that does
 * not know PCI finds a VGA, as it would on an ISA card. */
static void init_pci(struct vga *v)
{
    pci_config_init(&v->pci, &(struct pci_identity){
                                 .vendor = 0x1234,
                                 .device = 0x1111,
                                 .revision = 2,
                                 .class_code = 0x030000,
                                 .subsystem_vendor = 0x1AF4,
                                 .subsystem = 0x1100,
                                 .command_mask = PCI_COMMAND_IO | PCI_COMMAND_MEMORY,
                             });
    pci_config_bar(&v->pci, 0,
                   (struct pci_bar){.kind = BAR_VRAM, .prefetchable = true, .size = v->vram_size});
    pci_config_bar(&v->pci, 2,
                   (struct pci_bar){.kind = BAR_MMIO, .index = VGA_MMIO_REGISTERS, .size = 0x1000});
    if (v->rom)
        pci_config_set(&v->pci, ROM_BAR, 4, 0, ~(VGA_ROM_MAX - 1) | ROM_BAR_ENABLE);
}

/* Puts the ROM where its BAR says (PCI 2.1, 6.2.5.2: decoded when enabled in both registers). */
static void place_rom(struct vga *v)
{
    uint32_t bar = load_le32(&v->pci.space[ROM_BAR]);
    uint32_t base = bar & ~(VGA_ROM_MAX - 1);
    bool on = v->rom && bar & ROM_BAR_ENABLE && base && base != ~(VGA_ROM_MAX - 1) &&
              pci_config_get16(&v->pci, PCI_COMMAND) & PCI_COMMAND_MEMORY;
    if (on == v->rom_on && (!on || base == v->rom_base))
        return;
    v->rom_on = on;
    v->rom_base = base;
    bus_mmio_map(v->bus, VGA_MMIO_ROM, base, on);
}

static uint32_t vga_pci_read(void *state, unsigned reg, unsigned size)
{
    struct vga *v = state;
    return pci_config_read(&v->pci, reg, size);
}

static void vga_pci_write(void *state, unsigned reg, uint32_t value, unsigned size)
{
    struct vga *v = state;
    pci_config_write(&v->pci, v->bus, reg, value, size);
    place_rom(v);
}

static const char *vga_init(void *state, struct bus *bus, const void *config)
{
    struct vga *v = state;
    const struct vga_config *c = config;
    v->bus = bus;
    v->vram_size = c && c->vram_size ? c->vram_size : DEFAULT_VRAM;
    if (!is_power_of_two(v->vram_size) || v->vram_size < 1u << 20 || v->vram_size > 64u << 20)
        return "video memory must be a power of two from 1 to 64 MiB";
    v->vram = bus_vram(bus, v->vram_size, VGA_FLAT_BYTES);
    v->dirty = calloc(v->vram_size / 4096 / 64, sizeof *v->dirty);
    if (!v->vram || !v->dirty)
        return "no memory for the video memory";
    v->flat_bytes = v->vram + v->vram_size;
    if (c && c->rom && c->rom_size && c->rom_size <= VGA_ROM_MAX) {
        v->rom = malloc(VGA_ROM_MAX);
        if (!v->rom)
            return "no memory for the video BIOS";
        memset(v->rom, 0xFF, VGA_ROM_MAX);
        memcpy(v->rom, c->rom, c->rom_size);
    }
    init_pci(v);
    return NULL;
}

static void vga_destroy(void *state)
{
    struct vga *v = state;
    free(v->dirty);
    free(v->rom);
    vga_picture_free(v->picture);
}

static void vga_loaded(void *state)
{
    struct vga *v = state;
    /* A stream is data from outside: what indexes arrays or memory is put in range. */
    v->dac_component %= 3;
    if (!vga_dispi_mode_valid(v))
        v->dispi_enable &= (uint16_t)~DISPI_ENABLED;
    v->window_known = false;
    vga_flat_loaded(v);
    place_rom(v);
    vga_timing_update(v);
    vga_memory_update(v);
    vga_render_all(v);
}

static void vga_reset(void *state)
{
    struct vga *v = state;
    v->misc = v->feature = 0;
    v->subsystem_enable = 1;
    v->seq_index = v->crtc_index = v->gc_index = v->atc_index = 0;
    memset(v->seq, 0, sizeof v->seq);
    memset(v->crtc, 0, sizeof v->crtc);
    memset(v->gc, 0, sizeof v->gc);
    memset(v->atc, 0, sizeof v->atc);
    memset(v->dac, 0, sizeof v->dac);
    v->atc_expects_data = v->dac_reading = false;
    v->dac_mask = 0xFF;
    v->dac_read_index = v->dac_write_index = v->dac_component = 0;
    v->latch = 0;
    vga_dispi_reset(v);
    pci_config_reset(&v->pci, v->bus);
    place_rom(v);
    vga_timing_update(v);
    vga_memory_update(v);
}

/* 1CEh index, 1CFh data, 1D0h data too. A 16-bit access to the odd port 1CFh may come as two
 * bytes, at 1CFh and 1D0h: the second one, the high byte, completes a write. */
static uint32_t dispi_port_read(struct vga *v, unsigned offset, unsigned size)
{
    uint16_t value = offset ? vga_dispi_read(v, v->dispi_index) : v->dispi_index;
    if (size == 1)
        return offset == 2 ? value >> 8 : value & 0xFF;
    return value;
}

static void dispi_port_write(struct vga *v, unsigned offset, uint32_t value, unsigned size)
{
    if (offset == 0)
        v->dispi_index = (uint16_t)value;
    else if (size == 2)
        vga_dispi_write(v, v->dispi_index, (uint16_t)value);
    else if (offset == 1)
        v->dispi_low_byte = (uint8_t)value;
    else if (offset == 2)
        vga_dispi_write(v, v->dispi_index, (uint16_t)(value << 8 | v->dispi_low_byte));
}

static uint32_t vga_port_read(void *state, unsigned range, unsigned offset, unsigned size)
{
    struct vga *v = state;
    if (range == PORTS_DISPI)
        return dispi_port_read(v, offset, size);
    uint16_t port = (uint16_t)(ports[range].base + offset);
    uint32_t value = vga_port_read8(v, port);
    if (size == 2)
        value |= (uint32_t)vga_port_read8(v, port + 1) << 8;
    return value;
}

static void vga_port_write(void *state, unsigned range, unsigned offset, uint32_t value,
                           unsigned size)
{
    struct vga *v = state;
    if (range == PORTS_DISPI) {
        dispi_port_write(v, offset, value, size);
        return;
    }
    uint16_t port = (uint16_t)(ports[range].base + offset);
    vga_port_write8(v, port, (uint8_t)value);
    if (size == 2)
        vga_port_write8(v, port + 1, (uint8_t)(value >> 8));
}

/* BAR 2, as the "standard VGA" of other emulators lays it out. */
enum { REGS_VGA = 0x400, REGS_DISPI = 0x500, REGS_ENDIAN = 0x604 };
#define ENDIAN_LITTLE 0x1E1E1E1Eu

static uint32_t registers_read(struct vga *v, uint32_t offset, unsigned size)
{
    if (offset == REGS_ENDIAN && size == 4)
        return ENDIAN_LITTLE;
    if (offset >= REGS_DISPI && offset < REGS_DISPI + 0x20) {
        uint32_t value = vga_dispi_read(v, (offset - REGS_DISPI) / 2);
        return size == 1 && offset & 1 ? value >> 8 : value;
    }
    uint32_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        uint8_t byte = 0xFF;
        if (offset + i >= REGS_VGA && offset + i < REGS_VGA + 0x20)
            byte = vga_port_read8(v, (uint16_t)(0x3C0 + offset + i - REGS_VGA));
        value |= (uint32_t)byte << i * 8;
    }
    return value;
}

static void registers_write(struct vga *v, uint32_t offset, uint32_t value, unsigned size)
{
    if (offset >= REGS_DISPI && offset < REGS_DISPI + 0x20) {
        if (size == 2)
            vga_dispi_write(v, (offset - REGS_DISPI) / 2, (uint16_t)value);
        return;
    }
    for (unsigned i = 0; i < size; i++)
        if (offset + i >= REGS_VGA && offset + i < REGS_VGA + 0x20)
            vga_port_write8(v, (uint16_t)(0x3C0 + offset + i - REGS_VGA), value >> i * 8 & 0xFF);
}

static uint32_t rom_read(const struct vga *v, uint32_t offset, unsigned size)
{
    uint32_t value = 0;
    if (v->rom && offset + size <= VGA_ROM_MAX)
        memcpy(&value, v->rom + offset, size);
    return value;
}

static uint64_t vga_mmio_read(void *state, unsigned range, uint64_t offset, unsigned size)
{
    struct vga *v = state;
    if (range == VGA_MMIO_REGISTERS)
        return registers_read(v, (uint32_t)offset, size);
    if (range == VGA_MMIO_ROM)
        return rom_read(v, (uint32_t)offset, size);
    if (range == VGA_MMIO_FRAME)
        return vga_frame_read(v, (uint32_t)offset, size);
    uint32_t address = (uint32_t)offset - v->aperture_base;
    return address < v->aperture_size ? v->read(v, address, size) : UINT32_MAX;
}

static void vga_mmio_write(void *state, unsigned range, uint64_t offset, uint64_t value,
                           unsigned size)
{
    struct vga *v = state;
    if (range == VGA_MMIO_REGISTERS) {
        registers_write(v, (uint32_t)offset, (uint32_t)value, size);
        return;
    }
    if (range == VGA_MMIO_FRAME)
        vga_frame_write(v, (uint32_t)offset, (uint32_t)value, size);
    if (range != VGA_MMIO_LEGACY)
        return;
    uint32_t address = (uint32_t)offset - v->aperture_base;
    if (address < v->aperture_size)
        v->write(v, address, (uint32_t)value, size);
}

const struct device_class vga_class = {
    .name = "vga",
    .title = "VGA with Bochs VBE extensions",
    .state_size = sizeof(struct vga),
    .fields = vga_fields,
    .ports = ports,
    .port_count = ARRAY_LEN(ports),
    .mmio = mmio,
    .mmio_count = ARRAY_LEN(mmio),
    .init = vga_init,
    .destroy = vga_destroy,
    .reset = vga_reset,
    .port_read = vga_port_read,
    .port_write = vga_port_write,
    .mmio_read = vga_mmio_read,
    .mmio_write = vga_mmio_write,
    .pci_read = vga_pci_read,
    .pci_write = vga_pci_write,
    .loaded = vga_loaded,
};
