"""How the guests that are no ready images are made: each recipe gives the options for umbra run.

A recipe gets a Kit: a scratch folder, the guest images, and the Debian packages that packages.sh
fetches into its cache. What can't be had skips the guest with the reason.
"""
import gzip
import os
import pathlib
import shutil
import struct
import subprocess
import sys

SKIP = 77
HERE = pathlib.Path(__file__).resolve().parent


def skip(why):
    print(f"SKIP: {why}")
    sys.exit(SKIP)


class Kit:
    def __init__(self, source, folder):
        self.source = source
        self.folder = folder

    def image(self, name):
        """A file of shared/guests."""
        folders = [os.environ.get("UMBRA_GUESTS"), self.source / ".." / "shared" / "guests"]
        for folder in folders:
            if folder and (pathlib.Path(folder) / name).exists():
                return pathlib.Path(folder) / name
        skip(f"{name} is not in shared/guests beside the checkout")

    def package(self, item, pattern):
        """The one file of an item of packages.sh that matches pattern."""
        got = subprocess.run([HERE / "packages.sh", item], capture_output=True, text=True)
        if got.returncode == SKIP:
            skip(got.stderr.strip().removeprefix("SKIP: "))
        if got.returncode:
            sys.exit(f"packages.sh {item}: exit status {got.returncode}\n{got.stderr}")
        found = sorted(pathlib.Path(got.stdout.strip()).glob(pattern))
        if not found:
            sys.exit(f"package {item} has no {pattern}")
        return found[0]

    def copy(self, path):
        """A copy in the scratch folder that the guest may write to."""
        copy = self.folder / path.name
        shutil.copyfile(path, copy)
        copy.chmod(0o644)
        return copy

    def tool(self, name):
        places = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        return shutil.which(name, path=places) or skip(f"{name} is not installed")

    def run(self, tool, *arguments, **options):
        done = subprocess.run([self.tool(tool), *map(str, arguments)], capture_output=True, **options)
        if done.returncode:
            sys.exit(f"{tool} failed:\n{done.stderr.decode(errors='replace')}")
        return done.stdout


def disk(drive, item, pattern):
    """A ready image of a package in a drive."""
    return lambda kit: [drive, str(kit.copy(kit.package(item, pattern)))]


def kernel(item, pattern, append=""):
    def recipe(kit):
        path = kit.package(item, pattern)
        if path.suffix == ".gz" and path.stem.startswith("gnumach"):
            plain = kit.folder / path.stem
            plain.write_bytes(gzip.decompress(path.read_bytes()))
            path = plain
        return ["--kernel", str(path)] + (["--append", append] if append else [])

    return recipe


INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
export PS1='umbra# '
echo "init: the kernel is up"
setsid cttyhack sh
poweroff -f
"""


def initramfs(kit):
    """busybox with a shell on the console; `exit` powers off."""
    root = kit.folder / "root"
    for name in ("bin", "proc", "sys", "dev"):
        (root / name).mkdir(parents=True)
    shutil.copy(kit.package("busybox", "bin/busybox"), root / "bin")
    (root / "init").write_text(INIT)
    (root / "init").chmod(0o755)
    names = "\0".join(sorted(str(p.relative_to(root)) for p in root.rglob("*")))
    archive = kit.run("cpio", "-o", "-0", "-H", "newc", "-R", "0:0", input=names.encode(), cwd=root)
    path = kit.folder / "initrd.gz"
    path.write_bytes(gzip.compress(archive, 6))
    return path


def linux(item):
    def recipe(kit):
        return ["--kernel", str(kit.package(item, "boot/vmlinuz-*")), "--initrd", str(initramfs(kit)),
                "--append", "console=ttyS0", "--serial", "stdio"]

    return recipe


INSTALLER = "usr/lib/debian-installer/images/12/i386/text/debian-installer/i386/"


def installer(append):
    return lambda kit: ["--kernel", str(kit.package("installer", INSTALLER + "linux")),
                        "--initrd", str(kit.package("installer", INSTALLER + "initrd.gz")),
                        "--append", append]


def hdt_cd(kit):
    """An ISOLINUX CD whose default is the Hardware Detection Tool."""
    tree = kit.folder / "cd"
    tree.mkdir()
    shutil.copy(kit.package("syslinux", "usr/lib/ISOLINUX/isolinux.bin"), tree)
    modules = kit.package("syslinux", "usr/lib/syslinux/modules/bios")
    for module in modules.glob("*.c32"):
        shutil.copy(module, tree)
    (tree / "isolinux.cfg").write_text("DEFAULT hdt.c32\nPROMPT 0\n")
    (tree / "isolinux.bin").chmod(0o644)
    iso = kit.folder / "hdt.iso"
    kit.run("xorriso", "-as", "mkisofs", "-quiet", "-o", iso, "-b", "isolinux.bin", "-c", "boot.cat",
            "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", tree)
    return ["--cdrom", str(iso)]


def memdisk(image):
    return lambda kit: ["--kernel", str(kit.package("syslinux", "usr/lib/syslinux/memdisk")),
                        "--initrd", str(kit.copy(kit.image(image)))]


def partition_entry(active, kind, start, sectors):
    """An MBR entry; the CHS fields say "use the LBA ones"."""
    return struct.pack("<B3sB3sII", 0x80 if active else 0, b"\xfe\xff\xff", kind, b"\xfe\xff\xff",
                       start, sectors)


GRUB_MODULES = ["biosdisk", "part_msdos", "ext2", "normal", "configfile", "ls", "cat", "echo",
                "linux", "test", "search", "serial", "terminal", "minicmd", "reboot", "halt"]


def grub_disk(kit, path, filesystem, prefix="(hd0,msdos1)/boot/grub"):
    """Makes path a bootable disk: GRUB in the MBR and the gap, one partition at sector 2048 with
    filesystem (a file), as grub-install would do on a real disk."""
    core = kit.folder / "core.img"
    modules = kit.package("grub", "usr/lib/grub/i386-pc")
    kit.run("grub-mkimage", "-O", "i386-pc", "-d", modules, "-o", core, "-p", prefix, *GRUB_MODULES)
    boot = (modules / "boot.img").read_bytes()
    sectors = filesystem.stat().st_size // 512
    core = core.read_bytes()
    assert len(core) <= 2047 * 512, "core.img must fit before the partition"
    with open(path, "wb") as f:
        f.write(boot[:440] + b"UMBR\0\0" + partition_entry(True, 0x83, 2048, sectors) + bytes(48) +
                b"\x55\xaa")
        f.write(core)  # sector 1 is where boot.img looks, its own block list starts at sector 2
        f.truncate((2048 + sectors) * 512)
    kit.run("dd", f"if={filesystem}", f"of={path}", "bs=1M", "seek=1", "conv=notrunc,sparse")


def grub_hd(kit):
    tree = kit.folder / "files"
    (tree / "boot/grub").mkdir(parents=True)
    (tree / "hello-from-ext2").write_text("hello\n")
    ext2 = kit.folder / "ext2.img"
    kit.run("mke2fs", "-q", "-t", "ext2", "-d", tree, ext2, "8M")
    path = kit.folder / "grub.img"
    grub_disk(kit, path, ext2)
    return ["--hda", str(path)]
