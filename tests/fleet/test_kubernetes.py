"""docs/FLEET.md: the indexed Job is one of the API's, and its shell does what it
should."""

import re
import subprocess
import textwrap
import unittest
from pathlib import Path

from fleet_docs import FleetTest, script

TYPES = Path(__file__).with_name("kubernetes_types.py")


class KubernetesTest(FleetTest):
    def judge(self, text):
        done = subprocess.run(["/usr/bin/python3", TYPES], input=text,
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def test_job_is_as_the_api_has_it(self):
        job = script("FLEET.md", "job.yaml")
        self.assertEqual(self.judge(job), (0, ""))
        for word, other, fault in (
                ("completions:", "completion:", "no such key"),
                ("completions: 4", "completions: four", "is no int"),
                ("        - name: vmm\n          image",
                 "        - image", "`name`, must not be `None`"),
                ("[sh, -c]", "sh", "is no list"),
                ('cpu: "4"', "cpu: 4", "is no str"),
                ("claimName", "claim", "no such key")):
            self.assertIn(word, job)
            status, said = self.judge(job.replace(word, other))
            self.assertEqual(status, 1, word)
            self.assertIn(fault, said)

    def test_what_a_pod_runs(self):
        job = script("FLEET.md", "job.yaml")
        shell = textwrap.dedent(
            re.search(r"- \|\n((?: {14}.*\n)+)", job)[1])
        shell = shell.replace('"/out/', f'"{self.dir}/out/')
        self.put("cases.yaml", "cases:\n" + "".join(
            f"  - {{name: c{i}, command: test {i} != 5}}\n"
            for i in range(7)))
        self.put("pod.sh", shell)
        (self.dir / "out").mkdir()
        for index in range(4):
            subprocess.run(["sh", "pod.sh"], cwd=self.dir, check=True, env={
                "PATH": self.path, "JOB_COMPLETION_INDEX": str(index)},
                stdout=subprocess.DEVNULL)
        done = subprocess.run(
            "vmm test --merge out/*/report.jsonl", shell=True, cwd=self.dir,
            env={"PATH": self.path}, capture_output=True, text=True,
            check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("6 passed, 1 failed, 0 not run\n", done.stdout)
        self.put("cases.yaml", "cases: []\n")
        self.assertEqual(subprocess.run(
            ["sh", "pod.sh"], cwd=self.dir, check=False, env={
                "PATH": self.path, "JOB_COMPLETION_INDEX": "0"},
            stderr=subprocess.DEVNULL).returncode, 1)


if __name__ == "__main__":
    unittest.main()
