#!/usr/bin/env python3
"""What boots and what the BIOS says when nothing does; the boot order, the menu on F12; POST's time."""
import json

from machine import DIR, assemble, expect, umbra

keys = assemble("keys")
image = bytearray(keys.read_bytes())
image[510:512] = bytes(2)
unsigned = DIR / "unsigned.img"
unsigned.write_bytes(image)
empty = DIR / "empty.img"
empty.write_bytes(bytes(1474560))
disk = DIR / "disk.img"
disk.write_bytes(bytes(4 << 20))
quit_keys = "{wait 1}qq"


def shows(text, *arguments):
    status, output = umbra("--snapshot", "--until", text, *arguments)
    expect(status == 0, f"shows '{text}' with {' '.join(map(str, arguments))}", output)


def boots(*arguments, typed=quit_keys):
    status, output = umbra("--snapshot", "--type", typed, *arguments)
    expect(status == 0 and "BOOT\n" in output, f"boots with {' '.join(map(str, arguments))} {typed}", output)


shows("no boot sector on the diskette", "--fda", empty)
shows("No bootable device.", "--fda", empty)
shows("not bootable (no 55AAh signature)", "--hda", disk)
shows("No bootable device.", "--hda", disk, "--fda", empty)
shows("No hard disk", "--fda", keys, "--boot", "c")
shows("no boot record (El Torito) on the disc", "--cdrom", disk)
boots("--fda", unsigned)
boots("--fda", keys, "--hda", disk)
boots("--fda", keys, "--hda", disk, "--boot", "ca")
boots("--fda", empty, "--hda", keys)
menu = "{f12}{wait 1}"
shows("Esc  the usual order", "--fda", keys, "--hda", disk, "--type", menu)
boots("--fda", keys, "--hda", disk, "--boot", "c", typed=menu + "1" + quit_keys)
boots("--fda", empty, "--hda", keys, "--boot", "a", typed=menu + "2" + quit_keys)
boots("--fda", keys, "--hda", disk, typed=menu + "{esc}" + quit_keys)
boots("--fda", keys, "--boot", "c", typed="{wait 1}{f12}{ctrl-alt-del}{f12}{wait 1}1" + quit_keys)

first = DIR / "first.img"
first.write_bytes(bytes([0xE6, 0xF4, 0xF4, 0xEB, 0xFD]).ljust(510, b"\0") + b"\x55\xaa")
status, output = umbra("--fda", first, "--hda", disk, "--debug-exit", "0xF4", "--stats")
stats = json.loads(output[output.index("{"):])
expect(status & 1, "the boot sector runs", output)
print(f"POST: {stats['virtual_ns'] / 1e6:.0f} ms, {stats['instructions']} instructions")
expect(stats["virtual_ns"] < 400e6, "POST takes less than 0.4 s", output)
