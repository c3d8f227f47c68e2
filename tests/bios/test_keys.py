#!/usr/bin/env python3
"""What INT 16h makes of keys, by IBM's tables for the 101-key keyboard; Ctrl-Alt-Del."""
from machine import assemble, expect, umbra

KEYS = """
a 1E61  A 1E41  {ctrl-a} 1E01  {alt-a} 1E00  1 0231  ! 0221  {alt-1} 7800  {ctrl-2} 0300  {ctrl-6} 071E
{f1} 3B00  {shift-f1} 5400  {ctrl-f1} 5E00  {alt-f1} 6800  {f10} 4400  {alt-f10} 7100
{f11} 8500  {f12} 8600  {shift-f11} 8700  {ctrl-f12} 8A00  {alt-f11} 8B00
{up} 48E0  {down} 50E0  {left} 4BE0  {right} 4DE0  {home} 47E0  {end} 4FE0  {pgup} 49E0  {pgdn} 51E0
{ins} 52E0  {del} 53E0  {ctrl-up} 8DE0  {ctrl-down} 91E0  {ctrl-left} 73E0  {ctrl-right} 74E0
{ctrl-home} 77E0  {ctrl-end} 75E0  {ctrl-pgup} 84E0  {ctrl-pgdn} 76E0  {ctrl-ins} 92E0  {ctrl-del} 93E0
{alt-up} 9800  {alt-del} A300  {kp7} 4700  {kp8} 4800  {shift-kp7} 4737  {kp+} 4E2B  {kp-} 4A2D  {kp*} 372A
{kp/} E02F  {kpenter} E00D  {ctrl-kpenter} E00A  {ctrl-kp/} 9500  {ctrl-kp7} 7700
{esc} 011B  {alt-esc} 0100  {tab} 0F09  {shift-tab} 0F00  {ctrl-tab} 9400  {alt-tab} A500
{enter} 1C0D  {ctrl-enter} 1C0A  {alt-enter} 1C00  {bs} 0E08  {ctrl-bs} 0E7F  {alt-bs} 0E00  {space} 3920
[ 1A5B  {ctrl-[} 1A1B  {ctrl--} 0C1F  {alt--} 8200  ~ 297E
{caps} -  a 1E41  A 1E61  {caps} -  a 1E61  {numlock} -  {kp7} 4737  {kp.} 532E  {numlock} -  {kp.} 5300
{alt-kp6} 0006  {print} PRINT  {ctrl-pause} BREAK,0000  q 1071
{up} 4800  {kpenter} 1C0D  {kp/} 352F  {ctrl-up} -  {f12} -  {kp5} -  {ins} 5200  q 1071
"""

pairs = KEYS.split()
typed = "{wait 1}" + "".join(pairs[0::2])
wanted = [(key, line) for key, lines in zip(pairs[0::2], pairs[1::2]) if lines != "-"
          for line in lines.split(",")]
keys = assemble("keys")
status, output = umbra("--fda", keys, "--snapshot", "--type", typed)
got = [line for line in output.split("\n") if line and not line.startswith("umbra")]
expect(got[:1] == ["BOOT"], "boots", output)
wrong = [f"{key}: {line}, not {there}" for (key, line), there in zip(wanted, got[1:]) if line != there]
expect(not wrong and status == 0, "\n".join(wrong[:20]), output)
print(f"{len(wanted)} keys")

status, output = umbra("--fda", keys, "--snapshot", "--type", "{wait 1}{ctrl-alt-del}{wait 2}qq")
expect(status == 0 and output.count("BOOT") == 2, "Ctrl-Alt-Del boots again", output)
status, output = umbra("--fda", keys, "--snapshot", "--no-reboot", "--type", "{wait 1}{ctrl-alt-del}")
expect(output.count("BOOT\n") == 1 and status != 3, f"--no-reboot ends instead (status {status})", output)
