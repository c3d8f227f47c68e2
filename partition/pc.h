/* partition/pc.h: the machine: an i440FX/PIIX3-class PC. Says which devices there are, where, and
 * how they are wired:
 *
 *   i440FX 00:00.0 -- PIIX3 ISA 00:01.0, IDE 00:01.1, power management 00:01.3 -- VGA 00:02.0
 *   8259 x2 -> (LAPIC LINT0) -> CPU     I/O APIC pins 0..23: ISA IRQs (IRQ 0 on pin 2), PIRQ A-D
 *
 * Memory: RAM from 0, the legacy video window A0000-BFFFF, video ROM C0000, boot ROM D0000, system
 * ROM below 1 MiB and below 4 GiB, LAPIC FEE00000, I/O APIC FEC00000. */
#ifndef UMBRA_PARTITION_PC_H
#define UMBRA_PARTITION_PC_H

#include "devices/chardev.h"
#include "devices/disk/image.h"
#include "devices/loader.h"
#include "partition/board.h"

#define PC_SERIAL_PORTS 2
#define PC_FLOPPIES     2
#define PC_IDE_DRIVES   4
#define PC_DEBUG_PORTS  8

struct pc_rom {
    const uint8_t *data; /* copied */
    size_t len;
};

struct pc_drive {
    struct disk_image *image; /* NULL: no drive, or an empty one when present; kept by reference */
    bool present;
    bool cdrom; /* IDE only */
};

struct pc_config {
    struct pc_rom bios;               /* 64 KiB to 256 KiB, whole 64 KiB */
    struct pc_rom vga_bios;           /* up to 64 KiB; may be empty */
    struct pc_rom boot_rom;           /* option ROM at D0000 (direct kernel boot); may be empty */
    const struct loader_plan *kernel; /* what the boot ROM loads, or NULL */
    struct pc_drive floppy[PC_FLOPPIES];
    struct pc_drive ide[PC_IDE_DRIVES]; /* primary master, slave, secondary master, slave */
    char boot[4];                       /* boot order: letters a, c, d; unused ones 0 */
    struct char_backend serial[PC_SERIAL_PORTS];
    struct char_backend parallel;
    struct {
        uint16_t port; /* 0: unused */
        struct char_backend out;
    } debug[PC_DEBUG_PORTS];
    uint16_t debug_exit_port; /* 0: none */
    bool has_apic;
};

/* The parts of the machine that the partition talks to. */
struct pc {
    struct bus *i8042, *vga, *uart[PC_SERIAL_PORTS], *lapic, *fdc, *ide, *pm;
};

struct vcpu;

/* Puts the devices on the board, wires them, and maps memory and ROMs. NULL on success, else why
 * not, for the user (static text). */
const char *pc_build(struct pc *pc, struct board *b, const struct pc_config *config,
                     struct vcpu *c);

/* The user presses the power button: ACPI tells the guest. */
void pc_power_button(struct pc *pc);

/* Machine memory beyond RAM that the machine needs: ROMs, video RAM. */
uint64_t pc_extra_memory(void);

#endif
