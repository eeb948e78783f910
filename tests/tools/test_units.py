#!/usr/bin/env python3
"""tests/tools/test_units.py - tests/style/units.py finds what is wrong."""

import pathlib
import sys
import tempfile
import unittest

STYLE = pathlib.Path(__file__).resolve().parents[1] / "style"
sys.path.insert(0, str(STYLE))

from units import faults  # noqa: E402  pylint: disable=wrong-import-position

MAIN = "int main(void)\n{{\n{}}}\n"


class UnitsTest(unittest.TestCase):
    """A program of tests with one thing wrong is found wrong."""

    def judge(self, text: str) -> list[str]:
        """Faults of a tree with one program of tests."""
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name) / "tests" / "unit"
            folder.mkdir(parents=True)
            (folder / "test_a.c").write_text(text)
            return list(faults(pathlib.Path(name)))

    def test_both_are_fine(self) -> None:
        """With and without setup; with something behind it."""
        for end in ("\treturn RUN_TESTS(tests);\n",
                    "\treturn RUN_TESTS_IN(tests, set,\n\t\t\tunset);\n",
                    "\tint r = RUN_TESTS(tests);\n\n\treturn r;\n"):
            with self.subTest(end=end):
                self.assertEqual(self.judge(MAIN.format(end)), [])

    def test_a_file_without_main_may_be_anything(self) -> None:
        """What several programs share is none."""
        self.assertEqual(self.judge("int help(void)\n{\n}\n"), [])

    def test_cmocka_started_directly_is_found(self) -> None:
        """With its line, and that no result is used."""
        found = self.judge(MAIN.format(
            "\treturn cmocka_run_group_tests(tests, NULL, NULL);\n"))
        self.assertEqual(found, [
            "tests/unit/test_a.c:3: starts cmocka itself, not by RUN_TESTS() "
            "or RUN_TESTS_IN()",
            "tests/unit/test_a.c: nothing uses what RUN_TESTS() or "
            "RUN_TESTS_IN() returns"])

    def test_a_status_that_is_lost_is_found(self) -> None:
        """RUN_TESTS() that does not decide what main() returns."""
        found = self.judge(MAIN.format("\tRUN_TESTS(tests);\n\treturn 0;\n"))
        self.assertEqual(len(found), 1)

    def test_a_comment_is_no_end(self) -> None:
        """Words in a comment do not count."""
        found = self.judge(MAIN.format(
            "\treturn 0; /*\n\treturn RUN_TESTS(tests);\n*/\n"))
        self.assertEqual(len(found), 1)


if __name__ == "__main__":
    unittest.main()
