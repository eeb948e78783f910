"""The Debian package: lintian finds no error, it is installed, and runs."""

import subprocess
import unittest

from common import ARM64, MIPS, lab
from vmmtools.hostpkgs import ensure
from vmmtools.lab import TEST_GUEST
from vmmtools.package import LIBRARIES, libraries, make_package

DEPENDS = (*LIBRARIES, "libgcc-s1", "gcc-12-base", "libcrypt1")
"""All that the package depends on."""
INSTALL = """
mkdir -p /var/lib/dpkg/info && touch /var/lib/dpkg/status
dpkg -i /lab/debs/*.deb >&2 || exit 1
for file in bash-completion/completions/vmm man/man1/vmm-run.1.gz \\
        doc/vmm/README.Debian vmm/vmm-test.schema.json; do
    ls /usr/share/$file
done
/usr/bin/vmm version || exit 1
"""
BOOT = """
exec /usr/bin/vmm run --kernel /guest/{kernel} --initrd /guest/initrd --mem 64M \\
    --cmdline "console=ttyS0 quiet run='echo from the package'"
"""


class PackageTests:
    """The package of one architecture"""

    def test_lintian_finds_no_error(self):
        ensure({"lintian": "lintian"}, "look at the package")
        done = subprocess.run(
            ["lintian", "--no-cfg", "--fail-on", "error",
             make_package(self.arch)], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_it_is_installed_and_boots_a_guest(self):
        debs = [make_package(self.arch),
                *libraries(self.arch, DEPENDS).glob("*.deb")]
        status, out, err = lab(
            "sh", "-c", INSTALL + BOOT.format(kernel=self.arch.kernel_name),
            arch=self.arch, options=[
                "--guest", TEST_GUEST[self.arch.name],
                *(f"--file={deb}:/lab/debs/" for deb in debs)])
        self.assertEqual(status, 0, err.decode())
        for word in (b"completions/vmm\n", b"vmm-run.1.gz\n",
                     b"README.Debian\n", b"vmm-test.schema.json\n", b"vmm 0.1.0", b"from the package"):
            self.assertIn(word, out)


class Arm64Test(PackageTests, unittest.TestCase):
    """Of arm64"""

    arch = ARM64


class MipsTest(PackageTests, unittest.TestCase):
    """Of MIPS"""

    arch = MIPS


if __name__ == "__main__":
    unittest.main()
