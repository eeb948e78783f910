"""Recipes and their keys, mirrors, busybox's applets, the lab's words."""

import contextlib
import fcntl
import io
import os
import subprocess
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from vmmtools import apt, images, initramfs, kbuild, lab, qemu
from vmmtools.arch import ARCHES, find_arch
from vmmtools.base import (SOURCE_ROOT, UNUSED_DAYS, Failure, locked,
                           make_once, prune)

ARM64 = find_arch("arm64")


class KeyTest(unittest.TestCase):
    """Kernel.key"""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        (self.root / "arm64").mkdir()
        self.fragment = self.root / "arm64/one.config"
        self.fragment.write_text("CONFIG_A=y\n")
        patch = mock.patch.object(images, "RECIPES", self.root)
        patch.start()
        self.addCleanup(patch.stop)
        self.recipe = {"source": "linux-source-6.12", "version": "1",
                       "fragments": ["one"]}

    def key(self, **changes):
        """The key of the recipe with some changes."""
        return images.Kernel(ARM64, "k", {**self.recipe, **changes}).key

    def test_changed_fragment_changes_the_key(self):
        before = self.key()
        self.fragment.write_text("CONFIG_A=n\n")
        self.assertNotEqual(before, self.key())

    def test_changed_version_changes_the_key(self):
        self.assertNotEqual(self.key(), self.key(version="2"))

    def test_accepting_an_image_does_not_change_the_key(self):
        self.assertEqual(self.key(), self.key(prebuilt={"key": "x"}))

    def test_prebuilt_image_of_another_key_is_not_taken(self):
        (self.root / "file.xz").touch()
        row = {"file": "file.xz", "key": "0", "sha256": ""}
        with mock.patch.object(images, "PREBUILT", self.root), \
                mock.patch.dict(os.environ, VMM_IMAGE_CACHE=str(self.root)):
            kernel = images.Kernel(ARM64, "k", {**self.recipe, "prebuilt": row})
            self.assertFalse(kernel.ready())
            row["key"] = kernel.key
            self.assertTrue(kernel.ready())
            with self.assertRaises(Failure):
                kernel.get()  # Its SHA-256 is not that of the row.


class RecipeTest(unittest.TestCase):
    """guest-images/kernels.toml"""

    def test_accepted_images_are_those_of_today_s_recipes(self):
        for arch in ARCHES.values():
            for kernel in images.kernels(arch).values():
                row = kernel.recipe.get("prebuilt")
                if row:
                    self.assertEqual(row["key"], kernel.key, kernel.name)

    def test_the_lab_s_kernels_have_recipes(self):
        for arch in ARCHES.values():
            known = images.kernels(arch)
            own = [name for (of, _), name in lab.OWN_MINI.items()
                   if of == arch.name]
            for name in [*lab.HOSTS[arch.name].values(),
                         *lab.GUESTS[arch.name].values(), *own]:
                self.assertIn(name, known)

    def test_a_setting_that_the_kernel_does_not_take_is_an_error(self):
        with tempfile.TemporaryDirectory() as folder:
            fragment = Path(folder) / "f"
            fragment.write_text("CONFIG_A=y\nCONFIG_B=y\nCONFIG_C=n\n"
                                "# CONFIG_D is not set\n")
            kbuild.check_config("k", [fragment], "CONFIG_A=y\nCONFIG_B=y\n")
            with self.assertRaisesRegex(Failure, "^k: .* CONFIG_B=y$"):
                kbuild.check_config("k", [fragment], "CONFIG_A=y\n")


class BuildTest(unittest.TestCase):
    """kbuild"""

    def compile(self, script):
        """What is told while a program builds a kernel of 4 files."""
        said = []
        with mock.patch.object(kbuild, "say", said.append), \
                mock.patch.object(kbuild, "TELL_SECONDS", -1):
            kbuild._compile(["sh", "-c", script], dict(os.environ), "k",
                            {"files": 4})
        return said

    def test_progress_is_told_in_files(self):
        said = self.compile("echo '  CC      init/main.o'\n"
                            "echo '  LD      vmlinux'\n"
                            "echo '  AS      lib/memcpy.o'\n")
        self.assertIn("building the kernel k: about a minute", said[0])
        self.assertEqual(said[1:], [f"k: {n} of about 4 files"
                                    for n in (1, 1, 2)])

    def test_failed_build_shows_the_end_of_what_make_said(self):
        with contextlib.redirect_stderr(io.StringIO()) as err, \
                self.assertRaisesRegex(Failure, "kernel k: .* status 3"):
            self.compile("echo no rule; exit 3")
        self.assertEqual(err.getvalue(), "no rule\n")

    def test_every_kernel_that_is_built_tells_how_long(self):
        for arch in ARCHES.values():
            for kernel in images.kernels(arch).values():
                if "source" in kernel.recipe:
                    self.assertGreater(kbuild.seconds(kernel.recipe), 30,
                                       kernel.name)


class MirrorTest(unittest.TestCase):
    """Where the system's apt gets Debian from"""

    SOURCES = """\
# A comment
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /keys/debian.gpg

Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main

Types: deb
URIs: http://other.example/thing
Suites: nodistro
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""
    LIST = """\
# deb http://off.example/debian bookworm main
deb [signed-by=/keys/debian.gpg] http://mirror.example/debian bookworm main
deb http://mirror.example/security bookworm-security main contrib
deb-src http://source.example/debian bookworm main
"""

    def check(self, mirrors):
        """Both forms say the same."""
        backports = apt.mirror_for("bookworm-backports", mirrors)
        self.assertEqual(backports.uri, "http://mirror.example/debian")
        self.assertEqual(backports.signed_by, "/keys/debian.gpg")
        security = apt.mirror_for("bullseye-security", mirrors)
        self.assertEqual(security.uri, "http://mirror.example/security")
        self.assertNotIn("off.example", str(mirrors))

    def test_deb822(self):
        self.check(apt.parse_deb822(self.SOURCES))

    def test_one_line_style(self):
        self.check(apt.parse_list(self.LIST))

    def test_security_archive_stands_beside_the_main_one(self):
        mirrors = apt.parse_list(self.LIST.splitlines()[1])
        self.assertEqual(apt.mirror_for("bookworm-security", mirrors).uri,
                         "http://mirror.example/debian-security")

    def test_no_mirror_is_a_failure(self):
        with self.assertRaises(Failure):
            apt.mirror_for("bookworm", apt.parse_deb822(""))


class AppletTest(unittest.TestCase):
    """applets"""

    def test_table_is_found(self):
        program = (b"\x7fELF..\0[\0[[\0ash\0busybox\0linuxrc\0mount\0sh\0\0"
                   b"rest\0")
        self.assertEqual(initramfs.applets(program),
                         ["[", "[[", "ash", "mount", "sh"])

    def test_program_without_a_table_is_refused(self):
        with self.assertRaises(Failure):
            initramfs.applets(b"\x7fELF nothing")


class MakeOnceTest(unittest.TestCase):
    """make_once"""

    def test_failure_leaves_nothing(self):
        def fail(path):
            path.write_text("half")
            raise Failure("no")

        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "thing"
            with self.assertRaises(Failure):
                make_once(target, fail)
            self.assertEqual([path.name for path in Path(folder).iterdir()],
                             [".thing.lock"])
            make_once(target, lambda path: path.write_text("whole"))
            make_once(target, fail)
            self.assertEqual(target.read_text(), "whole")


class PruneTest(unittest.TestCase):
    """prune"""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def make(self, name, days=0):
        """An entry that was used so many days ago."""
        target = make_once(self.root / name, lambda path: path.write_text(""))
        self.age(target, days)
        return target

    @staticmethod
    def age(path, days):
        """Nobody has touched it for so long."""
        then = time.time() - days * 24 * 3600
        os.utime(path, (then, then))

    def names(self):
        """What is in the folder."""
        return sorted(path.name for path in self.root.iterdir())

    def test_what_nobody_uses_goes_with_its_lock(self):
        self.make("old", UNUSED_DAYS + 1)
        self.make("named", UNUSED_DAYS + 1)
        self.make("new", UNUSED_DAYS - 1)
        (self.root / ".old.killed").mkdir()
        (self.root / ".old.killed/half").write_text("")
        prune(self.root, keep={"named"})
        self.assertEqual(self.names(),
                         [".named.lock", ".new.lock", "named", "new"])

    def test_to_use_it_is_to_keep_it(self):
        self.make("thing", UNUSED_DAYS + 1)
        make_once(self.root / "thing", lambda path: self.fail("made anew"))
        prune(self.root)
        self.assertEqual(self.names(), [".thing.lock", "thing"])

    def test_what_a_run_is_about_to_use_stays(self):
        self.make("thing", UNUSED_DAYS + 1)
        with locked(self.root / ".thing.lock"):
            prune(self.root)
        self.assertEqual(self.names(), [".thing.lock", "thing"])

    def test_what_it_did_not_make_stays(self):
        (self.root / "theirs").write_text("")
        self.age(self.root / "theirs", UNUSED_DAYS + 1)
        prune(self.root)
        self.assertEqual(self.names(), ["theirs"])
        make_once(self.root / "theirs", lambda path: self.fail("made anew"))
        self.assertEqual(self.names(), ["theirs"])

    def test_what_somebody_else_made_stays(self):
        self.make("theirs", UNUSED_DAYS + 1)
        with (mock.patch("os.access", return_value=False),
              mock.patch("pathlib.Path.open", side_effect=PermissionError)):
            prune(self.root)
        self.assertEqual(self.names(), [".theirs.lock", "theirs"])

    def test_what_was_never_made_leaves_no_lock(self):
        with locked(self.root / ".thing.lock"):
            pass
        prune(self.root)
        self.assertEqual(self.names(), [".thing.lock"])
        self.age(self.root / ".thing.lock", UNUSED_DAYS + 1)
        prune(self.root)
        self.assertEqual(self.names(), [])

    def test_a_removed_lock_is_held_by_nobody(self):
        lock = self.root / ".thing.lock"
        real, taken = fcntl.flock, []

        def flock(file, how):
            """The first is given a lock that was removed as it waited."""
            real(file, how)
            taken.append(file.fileno())
            if len(taken) == 1:
                lock.unlink()

        with mock.patch("fcntl.flock", flock), locked(lock):
            self.assertEqual(len(taken), 2)
            with self.assertRaises(BlockingIOError):
                with locked(lock, wait=False):
                    pass


class LabTest(unittest.TestCase):
    """The lab's own words"""

    def test_file_goes_where_it_is_told(self):
        here = str(SOURCE_ROOT / "meson.build")
        for word, target in ((here, "lab/meson.build"),
                             (f"{here}:/etc/x", "etc/x"),
                             (f"{here}:/etc/", "etc/meson.build")):
            self.assertEqual(lab.parse_file(word), (Path(here), target))

    def test_a_processor_without_such_pages_is_named(self):
        for cpu, gic in (("cortex-a57", 3), ("", 2)):
            options = lab.Options(ARM64, [], cpu=cpu, gic=gic, page="16k")
            with self.assertRaisesRegex(Failure, "a cortex-a.. has no such"):
                lab.host_kernel(options)

    def test_missing_file_is_named(self):
        with self.assertRaisesRegex(Failure, "/nonexistent"):
            lab.parse_file("/nonexistent:/x")

    def test_counted_runs_use_the_console(self):
        machine = qemu.Machine(Path("k"), Path("i"), icount=True)
        self.assertTrue(machine.on_console)
        words = qemu.command_line("arm64", machine, 3, None)
        self.assertIn("-icount", words)
        self.assertNotIn("virtio-serial-pci", words)

    def test_gicv2_has_a_processor_that_goes_with_it(self):
        machine = qemu.Machine(Path("k"), Path("i"), gic=2)
        words = qemu.command_line("arm64", machine, 3, 4)
        self.assertIn("cortex-a72", words)
        self.assertIn("virt,virtualization=on,gic-version=2", words)


    def test_mips_has_its_channel_beside_the_console(self):
        machine = qemu.Machine(Path("k"), Path("i"))
        words = " ".join(qemu.command_line("mips", machine, 3, 4))
        self.assertIn("lab_channel=/dev/ttyS1", words)
        self.assertIn("-serial chardev:console -chardev socket,id=lab,fd=4 "
                      "-serial chardev:lab", words)

    def test_mips_refuses_what_it_has_not(self):
        for wrong in ({"gic": 2}, {"mte": True}, {"smp": 2}):
            machine = qemu.Machine(Path("k"), Path("i"), **wrong)
            with self.assertRaises(Failure):
                qemu.command_line("mips", machine, 3, 4)

    def test_a_guest_has_its_host_s_page_size_where_it_must(self):
        for page, name in (("4k", "mini-guest"), ("16k", "mini-guest-16k")):
            for guest in ("", "mini"):
                options = lab.Options(find_arch("mips"), [], page=page,
                                      guest=guest)
                self.assertEqual(lab.guest_kernel(options).name, name)


class GuestInitTest(unittest.TestCase):
    """guest-init.sh reads the kernel's command line"""

    def param(self, line, name="run"):
        """What its function param finds."""
        script = (SOURCE_ROOT / "guest-images/guest-init.sh").read_text()
        start = script.index("param() {")
        function = script[start:script.index("\n}\n", start) + 3]
        done = subprocess.run(
            ["sh", "-c", f'line=$1\n{function}\nparam "$2"', "sh", line, name],
            stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    def test_quotes(self):
        for line, value in (
                ("quiet run=uname panic=-1", "uname"),
                ("run='uname -a' quiet", "uname -a"),
                ('run="a -b; echo \'x  y\'" quiet', "a -b; echo 'x  y'"),
                ("quiet run='echo \"a b\"; exit 3'", 'echo "a b"; exit 3'),
                ("run=a run=b", "b"),
                ("norun=a", ""),
                ("quiet", ""),
                ("run=", ""),
                ("run='echo root=/dev/vda' quiet", "echo root=/dev/vda")):
            self.assertEqual(self.param(line), value, line)


class FindArchTest(unittest.TestCase):
    """find_arch"""

    def test_unknown_architecture_is_named(self):
        with contextlib.redirect_stderr(io.StringIO()), \
                self.assertRaisesRegex(Failure, "vax"):
            find_arch("vax")


if __name__ == "__main__":
    unittest.main()
