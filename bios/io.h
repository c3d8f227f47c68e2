#ifndef UMBRA_BIOS_IO_H
#define UMBRA_BIOS_IO_H

/* Port I/O, CMOS and PCI configuration: shared by POST and the services. */
#include "types.h"

static inline u8 in8(u16 port)
{
    u8 v;
    __asm__ volatile("inb %w1, %b0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline u16 in16(u16 port)
{
    u16 v;
    __asm__ volatile("inw %w1, %w0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline u32 in32(u16 port)
{
    u32 v;
    __asm__ volatile("inl %w1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline void out8(u16 port, u8 v)
{
    __asm__ volatile("outb %b0, %w1" : : "a"(v), "Nd"(port));
}

static inline void out16(u16 port, u16 v)
{
    __asm__ volatile("outw %w0, %w1" : : "a"(v), "Nd"(port));
}

static inline void out32(u16 port, u32 v)
{
    __asm__ volatile("outl %0, %w1" : : "a"(v), "Nd"(port));
}

/* CMOS index register: bit 7 masks NMI; the BIOS leaves NMI enabled. */
static inline u8 cmos_read(u8 index)
{
    out8(0x70, index);
    return in8(0x71);
}

static inline void cmos_write(u8 index, u8 v)
{
    out8(0x70, index);
    out8(0x71, v);
}

/* PCI configuration mechanism 1 (PCI 2.1, section 3.7.4.1). bdf: bus << 8 | device << 3 | function.
 */
static inline void pci_select(u16 bdf, u8 reg)
{
    out32(0xCF8, 0x80000000u | (u32)bdf << 8 | (reg & 0xFCu));
}

static inline u32 pci_read32(u16 bdf, u8 reg)
{
    pci_select(bdf, reg);
    return in32(0xCFC);
}

static inline u16 pci_read16(u16 bdf, u8 reg)
{
    pci_select(bdf, reg);
    return in16((u16)(0xCFC + (reg & 2)));
}

static inline u8 pci_read8(u16 bdf, u8 reg)
{
    pci_select(bdf, reg);
    return in8((u16)(0xCFC + (reg & 3)));
}

static inline void pci_write32(u16 bdf, u8 reg, u32 v)
{
    pci_select(bdf, reg);
    out32(0xCFC, v);
}

static inline void pci_write16(u16 bdf, u8 reg, u16 v)
{
    pci_select(bdf, reg);
    out16((u16)(0xCFC + (reg & 2)), v);
}

static inline void pci_write8(u16 bdf, u8 reg, u8 v)
{
    pci_select(bdf, reg);
    out8((u16)(0xCFC + (reg & 3)), v);
}

#endif
