"""README's lines that make a kernel and a root file system, as far as a test can
run them: the packages are there, and the disk comes out right."""

import re
import subprocess
import tempfile
import tomllib
import unittest
from pathlib import Path

from vmmtools.base import SOURCE_ROOT


def lines():
    """The first block of the section "Use it"."""
    text = (SOURCE_ROOT / "README.md").read_text(encoding="utf-8")
    block = text.split("## Use it")[1].split("\n\n    ")[1].split("\n\n")[0]
    return [line.strip() for line in block.splitlines()]


class Readme(unittest.TestCase):
    def test_there_is_a_line_for_each_and_it_is_shell(self):
        self.assertEqual(len(lines()), 2)
        for line in lines():
            subprocess.run(["sh", "-n", "-c", line], check=True)

    def test_the_kernel_is_the_one_that_the_lab_boots(self):
        package, files = re.match(
            r"apt-get install (\S+) [^&]*&& cp /boot/vmlinuz-\*-(\S+) Image",
            lines()[0]).groups()
        self.assertEqual(package, f"linux-image-{files}")
        recipes = tomllib.loads((SOURCE_ROOT / "guest-images/kernels.toml")
                                .read_text(encoding="utf-8"))
        booted = recipes["arm64"]["debian-6.1"]["package"]
        self.assertTrue(booted.endswith(f"-{files}"), booted)

    def test_packages_are_debians(self):
        known = subprocess.run(["apt-cache", "pkgnames"], check=False,
                               capture_output=True, text=True).stdout.split()
        if "bash" not in known:
            self.skipTest("apt knows no packages here")
        self.assertIn("debootstrap", known)
        self.assertIn("e2fsprogs", known)

    def test_the_disk_holds_the_folder(self):
        command = lines()[1].split(" && ")[-1]
        self.assertTrue(command.startswith("mke2fs "), command)
        with tempfile.TemporaryDirectory() as name:
            root = Path(name) / "root"
            root.mkdir()
            (root / "hello").write_text("here", encoding="utf-8")
            path = {"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"}
            subprocess.run(command, shell=True, cwd=name, check=True, env=path)
            disk = Path(name) / "root.img"
            self.assertEqual(disk.stat().st_size, 2 << 30)
            self.assertLess(disk.stat().st_blocks * 512, 256 << 20)
            found = subprocess.run(
                ["debugfs", "-R", "cat /hello", str(disk)], check=True,
                capture_output=True, text=True, env=path).stdout
            self.assertEqual(found, "here")


if __name__ == "__main__":
    unittest.main()
