"""The scripts of tools/bench are shell, and its words are checked."""

import subprocess
import unittest
from unittest import mock

from vmmtools import bench, bench_boot, bench_dirty, images, lab
from vmmtools.arch import ARCHES
from vmmtools.base import SOURCE_ROOT


class BootTest(unittest.TestCase):
    """tools/bench boot"""

    def test_scripts_are_shell_and_name_the_guest_s_kernel(self):
        for arch in ARCHES.values():
            script = bench_boot.boot_script(arch)
            subprocess.run(["sh", "-n"], input=script, text=True, check=True)
            self.assertIn(f"--kernel /guest/{arch.kernel_name} ", script)


class KernelsTest(unittest.TestCase):
    """What a bench runs on"""

    def test_kernels_are_named_and_made_first(self):
        for arch in ARCHES.values():
            made = []
            with mock.patch.object(images.Kernel, "get",
                                   lambda kernel: made.append(kernel.name)), \
                    mock.patch.object(bench.subprocess, "run") as run:
                run.return_value.returncode = 0
                run.return_value.stdout = '{"all": 1}\n'
                self.assertEqual(bench.run_in_lab(arch, "true", []),
                                 [{"all": 1}])
            words = run.call_args[0][0]
            for option, name in (("--host", lab.HOSTS[arch.name]["4k"]),
                                 ("--guest", "mini-guest")):
                self.assertEqual(words[words.index(option) + 1], name)
                self.assertIn(name, made)


class DirtyTest(unittest.TestCase):
    """tools/bench dirty"""

    def test_what_it_builds_is_built_where_it_says(self):
        for path in (bench_dirty.PROGRAM,
                     bench_dirty.GUEST.format(arch="arm64")):
            file = SOURCE_ROOT / path
            recipe = (file.parent / "meson.build").read_text()
            self.assertIn(f"'{file.name.removesuffix('.bin')}'", recipe)


class WordsTest(unittest.TestCase):
    """The command line"""

    def test_what_cannot_be_counted_is_refused(self):
        done = subprocess.run(
            [SOURCE_ROOT / "tools/bench", "dirty", "--arch", "mips"],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"mips hosts count no instructions", done.stderr)


if __name__ == "__main__":
    unittest.main()
