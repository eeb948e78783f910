"""The initramfs writer: what it writes, and what it refuses."""

import io
import stat
import tempfile
import unittest
from pathlib import Path

from vmmtools.cpio import BLOCK, Cpio


def written(cpio):
    """The bytes of an archive."""
    out = io.BytesIO()
    cpio.write(out)
    return out.getvalue()


def entries(data):
    """Reads an archive: (name, mode, content, inode) of each entry."""
    found = []
    at = 0
    while True:
        head = data[at:at + 110]
        assert head[:6] == b"070701", at
        fields = [int(head[6 + 8 * i:14 + 8 * i], 16) for i in range(13)]
        size, name_size = fields[6], fields[11]
        name = data[at + 110:at + 110 + name_size - 1].decode()
        at = (at + 110 + name_size + 3) // 4 * 4
        if name == "TRAILER!!!":
            return found, at
        found.append((name, fields[1], data[at:at + size], fields[0]))
        at = (at + size + 3) // 4 * 4


class CpioTest(unittest.TestCase):
    """Cpio"""

    def test_folders_on_the_way_are_added_once_and_first(self):
        cpio = Cpio()
        cpio.file("a/b/one", b"1")
        cpio.file("a/b/two", b"2")
        names = [entry[0] for entry in entries(written(cpio))[0]]
        self.assertEqual(names, ["a", "a/b", "a/b/one", "a/b/two"])

    def test_every_length_of_name_and_content_is_aligned(self):
        for length in range(9):
            cpio = Cpio()
            cpio.file("x" * (length + 1), b"y" * length)
            cpio.file("end", b"z")
            found, _ = entries(written(cpio))
            self.assertEqual(found[0][2], b"y" * length)
            self.assertEqual(found[1][2], b"z")

    def test_archive_is_padded_with_zeroes(self):
        cpio = Cpio()
        cpio.file("x", b"1")
        data = written(cpio)
        self.assertEqual(len(data) % BLOCK, 0)
        self.assertEqual(data[entries(data)[1]:].strip(b"\0"), b"")

    def test_modes_tell_files_links_folders_and_devices(self):
        cpio = Cpio()
        cpio.folder("d", 0o1777)
        cpio.file("f", b"", 0o755)
        cpio.link("l", "f")
        cpio.device("c", 0o600, 5, 1)
        modes = {name: mode for name, mode, _, _
                 in entries(written(cpio))[0]}
        self.assertEqual(modes, {
            "d": stat.S_IFDIR | 0o1777, "f": stat.S_IFREG | 0o755,
            "l": stat.S_IFLNK | 0o777, "c": stat.S_IFCHR | 0o600})

    def test_inodes_differ(self):
        cpio = Cpio()
        cpio.file("a", b"")
        cpio.file("b", b"")
        inodes = [entry[3] for entry in entries(written(cpio))[0]]
        self.assertEqual(len(set(inodes)), 2)

    def test_name_added_twice_keeps_the_last(self):
        cpio = Cpio()
        cpio.file("a", b"1")
        cpio.file("/a", b"2")
        found, _ = entries(written(cpio))
        self.assertEqual([(e[0], e[2]) for e in found], [("a", b"2")])

    def test_names_that_leave_the_archive_are_refused(self):
        for name in ("../x", "a/../../x", "", "/"):
            with self.assertRaises(ValueError):
                Cpio().file(name, b"")

    def test_same_entries_give_the_same_bytes(self):
        def make():
            cpio = Cpio()
            cpio.file("a/b", b"1")
            return written(cpio)
        self.assertEqual(make(), make())

    def test_copy_takes_a_folder_with_links(self):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "tree"
            (root / "in").mkdir(parents=True)
            (root / "in/file").write_bytes(b"x")
            (root / "in/file").chmod(0o750)
            (root / "in/link").symlink_to("file")
            cpio = Cpio()
            cpio.copy("to", root)
            found, _ = entries(written(cpio))
            by_name = {entry[0]: entry for entry in found}
            self.assertEqual(by_name["to/in/file"][1:3],
                             (stat.S_IFREG | 0o750, b"x"))
            self.assertEqual(by_name["to/in/link"][2], b"file")
            out = Path(folder) / "out"
            out.mkdir()
            cpio.extract(out)
            self.assertEqual((out / "to/in/link").read_bytes(), b"x")
            self.assertEqual(
                stat.S_IMODE((out / "to/in/file").stat().st_mode), 0o750)

    def test_copy_refuses_special_files(self):
        with self.assertRaises(ValueError):
            Cpio().copy("null", Path("/dev/null"))


if __name__ == "__main__":
    unittest.main()
