#!/usr/bin/env python3
"""On a CPU before the 80386, Umbra's BIOS says so on the debug console, once, and stops."""
from machine import BUILD, expect, umbra

own = ["--bios", BUILD / "bios" / "bios.bin", "--vga-bios", BUILD / "bios" / "vgabios.bin"]
for cpu in ("8086", "186", "286"):
    for seconds in (2, 20, 200):  # it stops, but does not end; a busy host takes longer to get there
        status, output = umbra("--cpu", cpu, *own, seconds=seconds)
        if "needs" in output:
            break
    expect(status == 3 and output.count("needs an 80386 or later") == 1, f"a message on an {cpu}", output)
    status, output = umbra("--cpu", cpu)
    expect(status == 1 and "80386 code" in output, f"umbra refuses its own BIOS on an {cpu}", output)
