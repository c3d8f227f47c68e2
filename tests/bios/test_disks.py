#!/usr/bin/env python3
"""INT 13h on a floppy and on disks of 20 MiB, 10 GiB (beyond CHS) and 200 GiB (beyond 28-bit LBA),
and what stands in the images afterwards."""
from machine import DIR, assemble, checks, expect


def sector(image, number):
    with open(image, "rb") as f:
        f.seek(number * 512)
        return f.read(512)


for megabytes in (20, 10 * 1024, 200 * 1024):
    floppy = assemble("disks")
    disk = DIR / "disk.img"
    with open(disk, "wb") as f:
        f.truncate(megabytes << 20)
    checks(f"disk of {megabytes} MiB", "--fda", floppy, "--hda", disk)
    expect(sector(disk, (megabytes << 11) - 1) == b"!DNE" * 128, "the disk's last sector is in the image")
    expect(sector(floppy, 2879) == b"POLF" * 128, "the floppy's last sector is in the image")
    expect(sector(floppy, (40 * 2 + 1) * 18) == b"\xf6" * 512, "the formatted track is in the image")
    disk.unlink()
