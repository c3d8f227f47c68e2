/* devices/pci/config.h: the configuration space of a PCI function (PCI Local Bus Specification 2.1,
 * chapter 6; header type 0), for devices to embed.
 *
 *     00 vendor | device      04 command | status      08 revision | class      0C cache, latency,
 * type 10..27 base address registers (BARs)             2C subsystem      30 expansion ROM 3C
 * interrupt line | pin
 *
 * What is writable is said by a mask; everything else is fixed. A BAR names what it decodes, and
 * the helper moves it whenever the BAR or the command register changes. Device-specific registers:
 * make them writable with pci_config_set and look at them after pci_config_write. */
#ifndef UMBRA_DEVICES_PCI_CONFIG_H
#define UMBRA_DEVICES_PCI_CONFIG_H

#include "devices/device.h"

#define PCI_VENDOR         0x00
#define PCI_DEVICE         0x02
#define PCI_COMMAND        0x04
#define PCI_STATUS         0x06
#define PCI_REVISION       0x08
#define PCI_CLASS          0x09 /* three bytes: interface, subclass, class */
#define PCI_HEADER_TYPE    0x0E
#define PCI_BAR0           0x10
#define PCI_SUBSYSTEM      0x2C
#define PCI_INTERRUPT_LINE 0x3C
#define PCI_INTERRUPT_PIN  0x3D

#define PCI_COMMAND_IO     1
#define PCI_COMMAND_MEMORY 2
#define PCI_COMMAND_MASTER 4

#define PCI_BARS 6

enum pci_bar_kind {
    BAR_NONE,
    BAR_PORTS, /* a port range of the device: index */
    BAR_MMIO,  /* an MMIO range of the device: index */
    BAR_VRAM,  /* the device's video RAM */
};

struct pci_bar {
    uint8_t kind;  /* enum pci_bar_kind */
    uint8_t index; /* of the device's port or MMIO range */
    bool prefetchable;
    uint32_t size; /* bytes, a power of two; ports: at least 4, memory: at least 4096 */
};

/* Embed in the device's state; FIELD_SUB1(struct X, pci, pci_config_fields, ...). */
struct pci_config {
    uint8_t space[256];
    uint8_t mask[256];            /* bits a guest may change; derived, not saved */
    struct pci_bar bar[PCI_BARS]; /* derived, not saved */
    uint8_t reset_space[256];     /* what reset gives; derived, not saved */
};
extern const struct field pci_config_fields[];

struct pci_identity {
    uint16_t vendor, device;
    uint8_t revision;
    uint32_t class_code; /* class << 16 | subclass << 8 | interface */
    uint16_t subsystem_vendor, subsystem;
    uint8_t interrupt_pin; /* 0 none, 1 INTA# .. 4 INTD# */
    bool multifunction;
    uint16_t command_mask; /* command bits that can be set */
};

/* Fills the space. Call from init, then pci_config_bar and pci_config_set. */
void pci_config_init(struct pci_config *c, const struct pci_identity *id);
void pci_config_bar(struct pci_config *c, unsigned n, struct pci_bar bar);

/* Sets the reset value (size 1, 2, 4) of a register, and which of its bits can be written. */
void pci_config_set(struct pci_config *c, unsigned reg, unsigned size, uint32_t value,
                    uint32_t writable);

/* Back to the reset values; undecodes all BARs. */
void pci_config_reset(struct pci_config *c, struct bus *bus);

/* After the fields were loaded: read-only bits are as they must be, BARs decode what they say. */
void pci_config_loaded(struct pci_config *c, struct bus *bus);

/* For pci_read and pci_write of the device's class. Accesses are within 256 bytes. */
uint32_t pci_config_read(const struct pci_config *c, unsigned reg, unsigned size);
/* Applies masks, moves BARs. */
void pci_config_write(struct pci_config *c, struct bus *bus, unsigned reg, uint32_t value,
                      unsigned size);

/* The value of a register, for the device itself. */
static inline uint16_t pci_config_get16(const struct pci_config *c, unsigned reg)
{
    return load_le16(&c->space[reg]);
}

/* The address that BAR n decodes; *enabled tells whether it does. */
uint32_t pci_config_bar_base(const struct pci_config *c, unsigned n, bool *enabled);

#endif
