#!/usr/bin/env python3
"""Guests find tables by searching the ROM for a signature. It must hold none but the tables' own, which are made in RAM:
not one in a string or an instruction of the BIOS itself."""
from machine import BUILD, expect

rom = (BUILD / "bios" / "bios.bin").read_bytes()
for signature in (b"RSD PTR ", b"_MP_", b"_SM_", b"_DMI_", b"$PIR", b"_32_"):
    at = rom.find(signature)
    expect(at < 0, f"{signature.decode()} is not in the ROM", f"found at {0x100000 - len(rom) + at:x}h")
