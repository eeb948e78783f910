"""docs/TEST.md: the examples for make, GitHub Actions and GitLab CI do what they
should; their services are not here, so that what is shell in them is run."""

import subprocess
import unittest

import yaml

from fleet_docs import FleetTest, script

CASES = "cases:\n" + "".join(f"  - {{name: c{i}, command: test {i} != BAD}}\n"
                            for i in range(6))


class CiTest(FleetTest):
    def sh(self, text, **env):
        """Runs a step as these services do: by a shell that stops at a failure."""
        text = text.replace("--kernel Image", "--kernel here")
        return subprocess.run(["bash", "-e", "-o", "pipefail", "-c", text],
                              cwd=self.dir, env={"PATH": self.path, **env},
                              capture_output=True, text=True, check=False)

    def test_make(self):
        self.put("Makefile", script("TEST.md", "Makefile").replace(
            "old/Image new/Image", "old/here new/here"))
        run = self.put("tests/run", "#!/bin/sh\nexit ${BAD:-0}\n")
        run.chmod(0o755)
        done = self.sh("make check")
        self.assertEqual(done.returncode, 0, done.stderr)
        for name in ("old", "new"):
            self.assertTrue(
                (self.dir / f"out/check-{name}/here/console").exists())
        self.assertEqual(self.sh("make check", BAD="1").returncode, 2)

    def test_github_actions(self):
        flow = yaml.safe_load(script("TEST.md", ".github/workflows/test.yml"))
        # YAML 1.1 takes "on" for true.
        self.assertEqual(set(flow), {True, "jobs"})
        job = flow["jobs"]["test"]
        self.assertIn("kvm", job["runs-on"])
        for step in job["steps"]:
            self.assertLessEqual(set(step), {"uses", "run", "if", "with"})
            self.assertEqual(("uses" in step) + ("run" in step), 1)
        text = next(step["run"] for step in job["steps"] if "run" in step)
        for bad, status in (("9", 0), ("3", 1)):
            self.put("cases.yaml", CASES.replace("BAD", bad))
            done = self.sh(text)
            self.assertEqual(done.returncode, status, done.stderr)
            kept = job["steps"][-1]["with"]["path"]
            self.assertTrue((self.dir / kept / "report.xml").exists())

    def test_gitlab_ci(self):
        jobs = yaml.safe_load(script("TEST.md", ".gitlab-ci.yml"))
        test, report = jobs["test"], jobs["report"]
        for bad, statuses, merged in (("9", {0}, 0), ("3", {0, 1}, 1)):
            self.put("cases.yaml", CASES.replace("BAD", bad))
            found = {self.sh(
                "\n".join(test["script"]), CI_NODE_INDEX=str(i),
                CI_NODE_TOTAL=str(test["parallel"])).returncode
                     for i in range(1, test["parallel"] + 1)}
            self.assertEqual(found, statuses)
            done = self.sh("\n".join(report["script"]))
            self.assertEqual(done.returncode, merged, done.stderr)
            self.assertTrue((self.dir / report["artifacts"]["reports"]
                             ["junit"]).exists())


if __name__ == "__main__":
    unittest.main()
