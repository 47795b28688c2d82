"""The asking half: starts a program on a core and asks it, one JSON line each way."""

import json
import subprocess
import sys
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from benchmarks.machine import ROOT

_STOP_S = 20


class ProgramFailed(Exception):
    """A program of the benchmark ended, or answered that it could not."""


class Program:
    """A module that runs in a process of its own until the `with` block ends."""

    def __init__(self, module: str, core: int) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, str(core)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, name: str, **arguments: Any) -> dict[str, Any]:
        """The answer to a request; raises ProgramFailed where there is none."""
        request, answer = self._process.stdin, self._process.stdout
        assert request is not None
        assert answer is not None
        with suppress(BrokenPipeError):  # it ended: there is no answer either
            request.write(json.dumps({"ask": name, **arguments}) + "\n")
            request.flush()
        line = answer.readline()
        if not line:
            raise ProgramFailed(f"{self._module} ended before it answered {name}")
        found: dict[str, Any] = json.loads(line)
        if "failed" in found:
            raise ProgramFailed(f"{self._module} could not {name}:\n{found['failed']}")
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()  # asks it to stop
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
