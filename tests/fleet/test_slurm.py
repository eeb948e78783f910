"""docs/FLEET.md: a suite as a job array of Slurm's, on this machine."""

import json
import os
import subprocess
import unittest
import xml.dom.minidom

from fleet_docs import FleetTest, script
from slurm import Slurm

CASES = "cases:\n" + "".join(
    f"  - {{name: c{i}, command: echo $SLURM_ARRAY_TASK_ID; sleep {t}}}\n"
    for i, t in enumerate((0.8, 0, 0, 0, 0, 0, 0, 0))) + """\
  - {name: kept, command: exit 3, status: 3, env: {SLURM_ARRAY_TASK_ID: }}
"""


class SlurmTest(FleetTest):
    def setUp(self):
        super().setUp()
        (self.dir / "slurm").mkdir()
        self.slurm = Slurm(self.dir / "slurm")
        self.slurm.env["PATH"] = self.path
        self.addCleanup(self.slurm.stop)
        self.slurm.start()
        for name in ("array.sh", "merge.sh", "submit.sh"):
            self.put(f"suite/{name}", script("FLEET.md", name))
        self.suite = self.dir / "suite"

    def submit(self, *words):
        return subprocess.run(words, env=self.slurm.env, cwd=self.suite,
                              capture_output=True, text=True, timeout=200,
                              check=False)

    def report(self):
        return (self.suite / "report.log").read_text()

    def parts(self):
        """The names of the runs of each part."""
        return [[json.loads(line)["name"] for line in (
            self.suite / f"out/{i}/report.jsonl").read_text().splitlines()[1:]]
                for i in (1, 2, 3, 4)]

    def test_array_is_one_report(self):
        self.put("suite/cases.yaml", CASES)
        done = self.submit("sh", "submit.sh")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("9 passed, 0 failed, 0 not run\n", self.report())
        junit = xml.dom.minidom.parse(str(self.suite / "report.xml"))
        self.assertEqual(len(junit.getElementsByTagName("testcase")), 9)
        self.assertEqual([len(part) for part in self.parts()], [3, 2, 2, 2])
        self.assertEqual((self.suite / "out/2/c1/stdout").read_text(), "2\n")

        # The times of this one make the parts of the next.
        done = self.submit("sh", "submit.sh")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("9 passed, 0 failed, 0 not run\n", self.report())
        self.assertIn(["c0"], self.parts())

    def test_failures_and_lost_parts_fail(self):
        self.put("suite/cases.yaml", CASES.replace("exit 3, status", "exit 4, "
                                                   "status"))
        done = self.submit("sh", "submit.sh")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("FAIL kept (", self.report())
        self.assertIn("8 passed, 1 failed, 0 not run\n", self.report())

        self.put("suite/cases.yaml", CASES)
        os.remove(self.suite / "out/3/report.jsonl")
        done = self.submit("sbatch", "--wait", "--array=1", "array.sh")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.submit("sbatch", "--wait", "merge.sh")
        self.assertEqual(done.returncode, 1)
        self.assertIn(", 0 failed, 1 not run\n", self.report())

        # The lost part is run again.
        done = self.submit("sbatch", "--wait", "--array=3", "array.sh")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.submit("sbatch", "--wait", "merge.sh")
        self.assertEqual(done.returncode, 0, self.report())
        self.assertIn("9 passed, 0 failed, 0 not run\n", self.report())


if __name__ == "__main__":
    unittest.main()
