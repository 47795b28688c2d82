"""The server as people run it: a process of its own, which can be killed and measured."""

import asyncio
import os
import re
import resource
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.integration.raw import PATIENCE_S
from tests.workspace.tree import ROOT

_PROGRAM = Path(sys.executable).with_name("planning-poker")


class ServerProcess:
    """`planning-poker serve` on a free port and a database in `folder`.

    `variables` are settings as the environment gives them: ROOM__SETTLE_MS="0".
    """

    def __init__(self, folder: Path, **variables: str) -> None:
        self.database = folder / "games.db"
        self.log = folder / "server.log"
        self.address = ""
        defaults = {
            "SERVER__PORT": "0",
            "DATABASE__URL": f"sqlite:///{self.database}",
            "LOGGING__FORMAT": "json",
        }
        given = {f"PLANNING_POKER_{key}": value for key, value in (defaults | variables).items()}
        self._environ = {k: v for k, v in os.environ.items() if not k.startswith("PLANNING_")}
        self._environ |= given
        self._process: asyncio.subprocess.Process

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.returncode is None:
            await self.kill()

    async def start(self) -> None:
        """Start it and wait until it serves."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                _PROGRAM,
                "serve",
                "--config",
                ROOT / "config",
                env=self._environ,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            async for line in self._process.stdout:
                if found := re.search(r"serves on (\S+)", line.decode()):
                    self.address = found[1]
                    return
        raise AssertionError(f"the server did not start: {self.log.read_text()}")

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        return self._process.pid

    async def restart(self) -> None:
        """Start it again, at the address that its clients know."""
        self._environ["PLANNING_POKER_SERVER__PORT"] = self.address.rpartition(":")[2]
        await self.start()

    async def kill(self) -> None:
        """End it as a crash or a power cut would, without a chance to do anything."""
        self._process.send_signal(signal.SIGKILL)
        await self._ended()

    def freeze(self) -> None:
        """Let it do nothing, as a host that is paused."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on as if no time had passed."""
        self._process.send_signal(signal.SIGCONT)

    async def terminate(self) -> int:
        """Ask it to stop; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return await self._ended()

    async def _ended(self) -> int:
        async with asyncio.timeout(PATIENCE_S):
            # What it still has to say must not keep it.
            await self._process.communicate()
        assert self._process.returncode is not None
        return self._process.returncode

    def limit_files_to(self, size: int) -> None:
        """No file may grow beyond `size` bytes: to a database, that is a full disk.

        RLIM_INFINITY takes it back.
        """
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def forget_peak(self) -> None:
        """`peak_bytes` counts from now on."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    @property
    def peak_bytes(self) -> int:
        """The most memory that was ever resident."""
        return self._kib("VmHWM") * 1024

    @property
    def resident_bytes(self) -> int:
        """The memory that is resident now."""
        return self._kib("VmRSS") * 1024

    def _kib(self, name: str) -> int:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None
        return int(found[1])
