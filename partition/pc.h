/* partition/pc.h: the machine: an i440FX/PIIX3-class PC. Says which devices there are, where, and
 * how they are wired:
 *
 *   i440FX 00:00.0 -- PIIX3 ISA 00:01.0, IDE 00:01.1, power management 00:01.3 -- VGA 00:02.0
 *
 *   8259 x2 --INTR--> LAPIC LINT0 --INTR--> CPU        without APICs: 8259s straight to the CPU
 *   I/O APIC pins: ISA IRQ n on pin n, but IRQ 0 on pin 2; PCI lines come as the ISA IRQs they are
 *   routed to
 *
 * Memory: RAM from 0, the legacy video window A0000-BFFFF, video ROM C0000, system
 * ROM below 1 MiB and below 4 GiB, LAPIC FEE00000, I/O APIC FEC00000. */
#ifndef UMBRA_PARTITION_PC_H
#define UMBRA_PARTITION_PC_H

#include "devices/chardev.h"
#include "devices/debug.h"
#include "devices/disk/image.h"
#include "devices/fdc.h"
#include "devices/ide/ide.h"
#include "devices/loader.h"
#include "devices/lpt.h"
#include "devices/rtc.h"
#include "devices/uart.h"
#include "devices/vga/vga.h"
#include "partition/board.h"

#define PC_SERIAL_PORTS 2
#define PC_FLOPPIES     2
#define PC_IDE_DRIVES   IDE_UNITS
#define PC_DEBUG_PORTS  DEBUG_CONSOLES

struct pc_rom {
    const uint8_t *data; /* copied */
    size_t len;
};

struct pc_config {
    struct pc_rom bios;                     /* 64 KiB to 256 KiB, whole 4 KiB */
    struct pc_rom vga_bios;                 /* up to 64 KiB; may be empty */
    struct pc_rom boot_rom;                 /* of the loader device, up to 4 KiB; may be empty   */
    const struct loader_plan *kernel;       /* what the boot ROM loads, or NULL */
    struct disk_image *floppy[PC_FLOPPIES]; /* kept by reference; NULL: A is empty, B absent */
    struct ide_unit ide[PC_IDE_DRIVES];     /* kept by reference */
    const char *boot;                       /* letters a, c, d in order; NULL: what is there */
    struct char_backend serial[PC_SERIAL_PORTS];
    struct char_backend parallel;
    struct debug_config debug;
    bool has_apic;
};

/* The parts of the machine that the partition talks to, and the devices' configurations. */
struct pc {
    struct bus *i8042, *vga, *uart[PC_SERIAL_PORTS], *lapic, *fdc, *ide, *pm, *pit;
    struct pc_config config;
    struct rtc_config rtc_config;
    struct ide_config ide_config;
    struct fdc_config fdc_config;
    struct uart_config uart_config[PC_SERIAL_PORTS];
    struct lpt_config lpt_config;
    struct loader_config loader_config;
    struct vga_config vga_config;
};

struct vcpu;

/* Puts the devices on the board, wires them, and maps memory and ROMs. NULL on success, else why
 * not, for the user (static text). */
const char *pc_build(struct pc *pc, struct board *b, const struct pc_config *config,
                     struct vcpu *c);

/* The user presses the power button: ACPI tells the guest. */
void pc_power_button(struct pc *pc);

/* Machine memory beyond RAM that the machine needs: ROMs, video RAM; bytes. */
uint64_t pc_extra_memory(void);

#endif
