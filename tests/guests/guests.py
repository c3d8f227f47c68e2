"""The guests that the suite boots: one entry each, with what it must reach.

A guest is started as a user would start it, from a copy of its image. `until` is the marker that
ends the run; `screen` looks at the screenshot of a graphical guest. Images come from the folder
shared/guests beside the checkout (or $UMBRA_GUESTS), or a recipe makes them from Debian packages; a
guest whose file is not there is skipped.
"""
from dataclasses import dataclass, field
from typing import Callable, Optional

import recipes


@dataclass
class Guest:
    name: str
    image: str = ""  # in the guests folder
    options: list = field(default_factory=list)
    type: str = ""
    until: str = ""
    seconds: int = 60  # host seconds allowed, with the translator
    screen: Optional[Callable] = None  # picture -> list of complaints
    after: float = 0  # no marker: look at the screen after so many host seconds
    seabios: bool = False  # boot it with SeaBIOS as well
    drive: str = "--fda"
    recipe: Optional[Callable] = None  # instead of image: kit -> options
    talk: list = field(default_factory=list)  # (wait for, then send) on the serial port at stdio
    powers_off: bool = False  # no marker: the guest ends the run itself, with status 0


def size_is(p, width, height):
    return [] if (p.width, p.height) == (width, height) else [
        f"screen is {p.width}x{p.height}, not {width}x{height}"]


def share_between(p, what, test, low, high=1.0):
    share = p.share(test)
    return [] if low <= share <= high else [
        f"{what}: {share:.1%} of the screen, expected {low:.0%} to {high:.0%}"]


def maze(p):
    return share_between(p, "not black", lambda r, g, b: r + g + b > 30, 0.45) + (
        [] if p.colours() >= 6 else ["fewer than six colours: walls have shades"])


def bricks(p):
    return share_between(p, "coloured", lambda r, g, b: max(r, g, b) - min(r, g, b) > 60, 0.05) + (
        [] if p.colours() >= 4 else ["fewer than four colours"])


def well(p):
    return share_between(p, "grey", lambda r, g, b: abs(r - g) < 20 and 60 < r < 220, 0.02)


def menuet(p):
    return size_is(p, 640, 480) + share_between(
        p, "red", lambda r, g, b: r > 40 and r > 2 * g and r > 2 * b, 0.3)


def visopsys(p):
    return ([] if p.width >= 1024 else [f"screen is only {p.width} wide"]) + share_between(
        p, "blue", lambda r, g, b: b > r + 20 and b > 60, 0.3)


def wonder(p):
    return size_is(p, 1024, 768) + share_between(
        p, "teal", lambda r, g, b: g > 60 and b > 60 and r < g - 30, 0.3)


def vanadium(p):
    return ([] if p.width >= 640 else [f"screen is only {p.width} wide"]) + share_between(
        p, "grey", lambda r, g, b: abs(r - g) < 24 and abs(g - b) < 24 and r > 60, 0.3)


# A shell on the serial console: a sum that only a shell can do, then the way to the power switch.
LINUX_TALK = [("umbra# ", "echo sum=$((6 * 7)) $(uname -s)\n"), ("sum=42 Linux", "exit\n")]

def ship_went_left(p):
    """grub-invaders: cyan invaders above, and the magenta ship left of the middle, where keys took it."""
    ship = [x for y in range(340, p.height) for x in range(p.width)
            if p.pixel(x, y)[0] > 100 and p.pixel(x, y)[1] < 60 and p.pixel(x, y)[2] > 100]
    return share_between(p, "cyan", lambda r, g, b: r < 60 and g > 100 and b > 100, 0.001) + (
        [] if ship and sum(ship) / len(ship) < p.width / 2 - 15 else ["the ship did not go left"])


def installer_dialog(p):
    """The language list on the frame buffer: a grey dialog, English in a red bar."""
    return size_is(p, 1024, 768) + share_between(
        p, "grey", lambda r, g, b: r == g == b == 170, 0.6, 0.97) + share_between(
        p, "red", lambda r, g, b: r == 170 and g == b == 0, 0.004, 0.05)


GUESTS = [
    Guest("bootos", "bootos.img", type="{until bootOS}{wait 0.5}dir\\n", until="fbird"),
    Guest("bootbasic", "bootbasic.img", type="{until Booting from Floppy}{wait 1}print 6*7\\n", until="42", seabios=True),
    Guest("cubicdoom", "cubicdoom.img", after=2, screen=maze, seabios=True),
    Guest("bricks", "bricks.img", after=3, screen=bricks),
    Guest("tetros", "tetros.img", after=3, screen=well),
    Guest("sectorlisp", "sectorlisp.bin", type="{wait 1}(CONS (QUOTE A) (QUOTE B))\\n",
          until="(A\u2219B)"),
    Guest("asmtris", "asmtris.img", after=4, screen=well),
    Guest("asmtris-cd", "asmtris-cd.iso", drive="--cdrom", after=4, screen=well, seabios=True),
    Guest("mikeos", "mikeos45.flp", until="Thanks for trying out MikeOS"),
    Guest("freedos-emm386", "freedos10.img", type="{until Select from Menu}3\\n", until="A:\\>", seconds=90,
          seabios=True),
    Guest("freedos-144", "freedos-144.img", until="A:\\>"),
    Guest("freedos-160", "freedos-160.img", until="A:\\>"),
    Guest("elks", "elks070.img", until="login:"),
    Guest("pcmos", "pcmos501.img", type="{until New date is}\\n{until New time is}\\n", until="[A:\\]", seconds=90),
    Guest("snowdrop", "snowdrop.img", until="snowshell]:", seconds=90),
    Guest("menuet", "menuet32.IMG", type="{wait 3}1{wait 1}1{wait 1}2{wait 1}1{wait 1}2{wait 1}1",
          after=30, screen=menuet, seconds=90),
    Guest("visopsys", "visopsys.img", options=["-m", "128"], after=15, screen=visopsys, seabios=True),
    Guest("xv6", "xv6.img", drive="--hda", options=["-m", "512", "--serial", "stdio"],
          type="{until init: starting sh}{wait 0.5}ls\\n", until="README", seconds=90, seabios=True),
    Guest("openbsd", "openbsd28.img", until="(I)nstall, (U)pgrade or (S)hell?", seconds=180),
    Guest("floppinux", "floppinux03.img", until="FLOPPINUX_V_0.3.0", seconds=180),
    Guest("fiwix", "fiwix33.img", until="Please press Enter to activate this console.", seconds=120),
    Guest("wonderos", "wonderos.img", after=8, screen=wonder),
    Guest("cosiris", "cosiris.img", options=["--serial", "stdio"],
          until="pid 2 exited with status: 0"),
    Guest("vanadium", "vanadium.img", type="{wait 3}" + " {wait 0.4}" * 18 + "c", after=45,
          screen=vanadium, seconds=120),
    Guest("prettyos", "prettyos.img", until="$>", seconds=90),

    # From Debian packages.
    Guest("linux-686", recipe=recipes.linux("linux-686"), options=["-m", "128"], seabios=True,
          talk=LINUX_TALK, powers_off=True, seconds=200),
    Guest("linux-686-pae", recipe=recipes.linux("linux-686-pae"), options=["-m", "128"],
          talk=LINUX_TALK, powers_off=True, seconds=200),
    Guest("installer-screen", recipe=recipes.installer("vga=normal"), options=["-m", "512"],
          after=80, screen=installer_dialog, seconds=300),
    Guest("installer-serial", recipe=recipes.installer("console=ttyS0"),
          options=["-m", "512", "--serial", "stdio"], until="Select a language", seconds=300),
    Guest("memtest", recipe=recipes.disk("--cdrom", "memtest", "usr/lib/memtest86+/*ia32.iso"),
          options=["-m", "16"], until="Pass:  1        Errors: 0 ", seconds=700),
    Guest("grub-floppy", recipe=recipes.disk("--fda", "grub-rescue", "**/grub-rescue-floppy.img"),
          type="{until GNU GRUB}{wait 1}c{until grub>}ls (fd0)/\\n", until="boot.catalog", seabios=True),
    Guest("grub-cd", recipe=recipes.disk("--cdrom", "grub-rescue", "**/grub-rescue-cdrom.iso"),
          type="{until GNU GRUB}{wait 1}c{until grub>}ls (cd)/\\n", until="boot.catalog"),
    Guest("grub-disk", recipe=recipes.grub_hd,
          type="{until grub>}ls (hd0,msdos1)/\\n", until="hello-from-ext2", seabios=True),
    Guest("grub-invaders", recipe=recipes.kernel("invaders", "boot/invaders.exec"), after=5,
          type="{wait 1}" + "{left}" * 25, screen=ship_went_left),
    Guest("hdt", recipe=recipes.hdt_cd, until="Hardware Detection Tool", seabios=True),
    Guest("ipxe", recipe=recipes.kernel("ipxe", "boot/ipxe.lkrn"), type="{wait 1}" + "{ctrl-b}{wait 0.5}" * 8,
          until="iPXE>", seconds=90),
    Guest("memdisk", recipe=recipes.memdisk("freedos-144.img"), until="A:\\>"),
    Guest("gnumach", recipe=recipes.kernel("gnumach", "boot/gnumach-1.8-486.gz", "console=com0"),
          options=["--serial", "stdio"], until="No bootstrap code loaded with the kernel!"),
]
