#!/usr/bin/env python3
"""tests/tools/test_names.py - tests/style/names.py finds what is wrong."""

import pathlib
import sys
import tempfile
import unittest

STYLE = pathlib.Path(__file__).resolve().parents[1] / "style"
sys.path.insert(0, str(STYLE))

from names import faults  # noqa: E402  pylint: disable=wrong-import-position

FUNCTION = "static int {}(int a,\n\t\t   int b)\n{{\n\treturn a + b;\n}}\n"


class NamesTest(unittest.TestCase):
    """A small tree with one thing wrong is found wrong."""

    def judge(self, **files: str) -> list[str]:
        """Faults of a tree; folder__folder__file names folder/folder/file.c"""
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            for arch in ("arch/arm64", "arch/mips"):
                (root / arch).mkdir(parents=True)
            for file, text in files.items():
                path = root / (file.replace("__", "/") + ".c")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return faults(root)

    def test_different_names_are_fine(self) -> None:
        """Nothing is found where nothing is wrong."""
        self.assertEqual(self.judge(
            base__file=FUNCTION.format("open_file"),
            mem__map=FUNCTION.format("open_map")), [])

    def test_a_name_in_two_files_is_found_once(self) -> None:
        """Both architectures' programs have the two files."""
        found = self.judge(base__file=FUNCTION.format("open_file"),
                           vmm__kvm__vm=FUNCTION.format("open_file"))
        self.assertEqual(
            found, ["vmm/kvm/vm.c:1: open_file() is in base/file.c, too"])

    def test_two_architectures_may_share_a_name(self) -> None:
        """No program has both."""
        self.assertEqual(self.judge(
            arch__arm64__vm=FUNCTION.format("write_tree"),
            arch__mips__vm=FUNCTION.format("write_tree")), [])

    def test_an_architecture_may_not_take_a_common_name(self) -> None:
        """Its program has the common files, too."""
        found = self.judge(base__fdt=FUNCTION.format("write_tree"),
                           arch__mips__vm=FUNCTION.format("write_tree"))
        self.assertEqual(
            found, ["arch/mips/vm.c:1: write_tree() is in base/fdt.c, too"])

    def test_a_name_of_one_word_is_found(self) -> None:
        """With the line of its definition."""
        found = self.judge(mem__map="\n\n" + FUNCTION.format("find"))
        self.assertEqual(
            found, ["mem/map.c:3: find() does not say what it acts on"])

    def test_declarations_comments_and_strings_do_not_count(self) -> None:
        """Only definitions of static functions do."""
        text = ("/* static int find(int a) { */\nint find(int a)\n{\n"
                '\treturn a;\n}\nstatic const char say[] = "\\\n'
                'static int take(int a) {";\n')
        self.assertEqual(self.judge(mem__map=text), [])

    def test_a_sentence_that_begins_with_who_is_found(self) -> None:
        """At the beginning of a comment, and within it across lines."""
        for text in ("/* Who calls has the lock. */\n",
                     "/*\n * Plain.\n * Who calls has the lock.\n */\n",
                     "/* Plain. Who\n * calls has the lock. */\n"):
            with self.subTest(text=text):
                found = self.judge(mem__map=text)
                self.assertEqual(
                    found, ["mem/map.c:1: a sentence of this comment begins "
                            'with "Who"'])

    def test_another_who_is_fine(self) -> None:
        """As a relative pronoun, in a string and in a longer word."""
        text = ('/* The user who calls. Whole pages. */\n'
                'static const char text[] = "/* Who are you? */";\n')
        self.assertEqual(self.judge(mem__map=text), [])


if __name__ == "__main__":
    unittest.main()
