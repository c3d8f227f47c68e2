#!/usr/bin/env python3
"""El Torito: CDs whose boot image is a program, a floppy and a hard disk; 4Ah to 4Dh. The CDs are
made here, from what the El Torito specification 1.0 says, so that no mkisofs is needed."""
import struct

from machine import DIR, assemble, checks

SECTOR = 2048


def boot_catalog(media, load_sectors, lba):
    validation = bytearray(struct.pack("<BBH24sHBB", 1, 0, 0, b"Umbra", 0, 0x55, 0xAA))
    total = -sum(struct.unpack("<16H", validation)) & 0xFFFF
    struct.pack_into("<H", validation, 28, total)
    initial = struct.pack("<BBHBBHI", 0x88, media, 0, 0, 0, load_sectors, lba)
    return bytes(validation) + initial


def make_cd(name, media, load_sectors, *images):
    """The first image at sector 32 is what boots; the others follow."""
    cd = bytearray(32 * SECTOR)
    cd[16 * SECTOR:16 * SECTOR + 7] = b"\x01CD001\x01"
    record = b"\x00CD001\x01" + b"EL TORITO SPECIFICATION".ljust(32, b"\0")
    cd[17 * SECTOR:17 * SECTOR + len(record)] = record
    struct.pack_into("<I", cd, 17 * SECTOR + 0x47, 19)
    cd[18 * SECTOR:18 * SECTOR + 7] = b"\xffCD001\x01"
    catalog = boot_catalog(media, load_sectors, 32)
    cd[19 * SECTOR:19 * SECTOR + len(catalog)] = catalog
    for image in images:
        cd += image
    path = DIR / f"{name}.iso"
    path.write_bytes(cd)
    return path


def boot_image(*defines):
    image = bytearray(assemble("cd", defines).read_bytes())
    image[-512:-508] = b"LAST"
    return bytes(image)


floppy = DIR / "real.img"
floppy.write_bytes(b"REAL".ljust(1474560, b"\0"))
disk = DIR / "disk.img"
disk.write_bytes(b"REAL".ljust(4 << 20, b"\0"))
second = boot_image("MEDIA=2", "SECOND=1")
real = ["--fda", floppy, "--hda", disk, "--boot", "d"]
checks("no emulation", "--cdrom", make_cd("none", 0, 44, boot_image("MEDIA=0"), second), *real)
checks("no emulation, nothing else in the machine", "--cdrom", DIR / "none.iso")
checks("floppy emulation", "--cdrom", make_cd("floppy", 2, 1, boot_image("MEDIA=2")), *real)
checks("disk emulation", "--cdrom", make_cd("disk", 4, 1, boot_image("MEDIA=4")), *real)
