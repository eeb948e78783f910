"""What meson does with the tree when it is not a build for the lab."""

import platform
import shutil
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path

from vmmtools.arch import ARCHES
from vmmtools.base import SOURCE_ROOT

PORTED = any(arch.native and arch.ported for arch in ARCHES.values())
GIT = shutil.which("git") and (SOURCE_ROOT / ".git").exists()


def meson(*words):
    """Runs meson: its status, and what it said."""
    done = subprocess.run(["meson", *words], stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          check=False)
    return done.returncode, done.stdout


class MesonTest(unittest.TestCase):
    """meson install and meson dist"""

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.build = Path(scratch.name) / "build"
        status, cls.said = meson("setup", str(cls.build), str(SOURCE_ROOT))
        if status:
            raise AssertionError(cls.said)

    @unittest.skipIf(PORTED, "this machine's architecture has a vmm")
    def test_nothing_is_installed_where_there_is_no_vmm(self):
        why = f"there is no vmm for {platform.machine()} machines"
        self.assertIn(why, self.said)
        tree = self.build.parent / "tree"
        status, said = meson("install", "--no-rebuild", "-C", str(self.build),
                             "--destdir", str(tree))
        self.assertNotEqual(status, 0)
        self.assertIn(f"{why} to install", said)
        self.assertEqual([path for path in tree.rglob("*") if path.is_file()],
                         [])

    @unittest.skipUnless(GIT, "this tree is not git's, or there is no git")
    def test_dist_makes_an_archive_of_the_tree(self):
        status, said = meson("dist", "-C", str(self.build), "--allow-dirty",
                             "--no-tests", "--formats", "gztar")
        self.assertEqual(status, 0, said)
        made, = (self.build / "meson-dist").glob("vmm-*.tar.gz")
        root = made.name.removesuffix(".tar.gz")
        with tarfile.open(made) as archive:
            names = archive.getnames()
        for name in ("meson.build", "debian/rules", "tools/lab"):
            self.assertIn(f"{root}/{name}", names)


if __name__ == "__main__":
    unittest.main()
