"""tools/lab keeps its promises on a MIPS host, too."""

import unittest

from common import MIPS, CommandTests, CountedTests, TerminalTests, lab


class CommandTest(CommandTests, unittest.TestCase):
    """The same on a MIPS host, whose channel is a serial port"""

    arch = MIPS
    much = 30000

    def test_pages_of_both_sizes(self):
        for page in (4, 16):
            self.assertEqual(
                self.lab("sh", "-c", "grep -m 1 KernelPageSize "
                         "/proc/self/smaps",
                         options=["--page", f"{page}k"])[1].split(),
                [b"KernelPageSize:", b"%d" % page, b"kB"])


class CountedTest(CountedTests, unittest.TestCase):
    """The same as often as it is run"""

    arch = MIPS


class EndTest(unittest.TestCase):
    """A run's end"""

    def test_host_that_ends_by_itself_is_125(self):
        status, _, err = lab("reboot", "-f", arch=MIPS)
        self.assertEqual(status, 125)
        self.assertIn(b"reboot: Restarting system", err)


class TerminalTest(TerminalTests, unittest.TestCase):
    """tools/lab -i on a terminal"""

    arch = MIPS


if __name__ == "__main__":
    unittest.main()
