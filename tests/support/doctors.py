"""`tfunnel doctor` in the client's namespace, and the lines that it prints."""

import json
import os

import netlab

FAULTS = ("warning", "wrong")
QUICK = 2  # seconds for an answer, where it is asked again and again


class Doctor:
    """What it finds here, and what becomes of that."""

    def __init__(self, lab, up, far_end):
        self.lab = lab
        self.up = up
        self.far_end = far_end  # the command of --via
        self.words = ()  # of each call
        self.timeout = netlab.patient(5)  # of a question; where none is answered it may be short
        self.before = ()  # a command that runs it

    def run(self, *words, timeout=None):
        """The exit status, and all that is not right."""
        done = self.lab.client.run(
            [*self.before, self.up.program, "doctor", "--json", f"--timeout={timeout or self.timeout}", *self.words, *words],
            check=False, env=self.up.environment,
        )  # fmt: skip
        assert done.returncode in (0, 1) and not done.stderr, done
        told = json.loads(done.stdout)
        assert told["healthy"] == (done.returncode == 0), told
        return done.returncode, [check for check in told["checks"] if check["verdict"] in FAULTS]

    def assert_healthy(self):
        """Nothing is wrong, nor worth a warning, once what has just been mended has settled."""
        seen = []

        def is_healthy():
            seen.append(self.run("--strict", timeout=QUICK))
            return seen[-1] == (0, [])

        try:
            netlab.wait_until(is_healthy, 5)
        except netlab.LabError:
            raise AssertionError(seen[-1]) from None

    def find(self, text, timeout=None):
        """The fault whose words have that in them, if there is one."""
        _, faults = self.run(timeout=timeout)
        return next((fault for fault in faults if text in fault["what"]), None)

    def named(self, text, verdict="wrong"):
        """The same, which must be there."""
        status, faults = self.run()
        found = next((fault for fault in faults if text in fault["what"]), None)
        assert found and found["verdict"] == verdict and found["meaning"], faults
        assert status == (1 if any(fault["verdict"] == "wrong" for fault in faults) else 0)
        assert self.run("--strict")[0] == 1
        return found

    def mend(self, fault, **words):
        """Runs its line, with what a person would fill in. What goes on (tfunnel) is left running."""
        line = fault["mend"].replace("COMMAND", f"'{self.far_end}'")
        for word, meaning in words.items():
            line = line.replace(word, meaning)
        environment = {**os.environ, **self.up.environment}
        if line.startswith("tfunnel ") and line != "tfunnel down":
            return self.lab.client.start(["sh", "-c", f"exec {line}"], name="mended", env=environment)
        return self.lab.client.run(["sh", "-c", line], env=environment)

    def mended(self, text, verdict="wrong", **words):
        """Named, and gone once its line has run."""
        self.mend(self.named(text, verdict), **words)
        netlab.wait_until(lambda: not self.find(text, QUICK), what=f"the end of {text!r}")
