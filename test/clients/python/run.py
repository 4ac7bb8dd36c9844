"""Runs the promises of this folder, and tells what became of each in events as `go test -json` writes them."""

import json
import sys
import unittest
from pathlib import Path


class EventResult(unittest.TestResult):
    """A promise is named by the first line of its docstring."""

    def addSuccess(self, test):
        self._tell("pass", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._fail(test, self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self._fail(test, self.errors[-1][1])

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._tell("skip", test, Output=reason)

    def _fail(self, test, trace):
        self._tell("output", test, Output=trace)
        self._tell("fail", test)

    def _tell(self, action, test, **more):
        name = test.shortDescription() or test.id()
        print(json.dumps({"Action": action, "Test": name.replace("/", "∕"), **more}), flush=True)


if __name__ == "__main__":
    folder = Path(__file__).parent
    promises = unittest.defaultTestLoader.discover(str(folder), pattern="*_promises.py", top_level_dir=str(folder))
    sys.exit(not promises.run(EventResult()).wasSuccessful())
