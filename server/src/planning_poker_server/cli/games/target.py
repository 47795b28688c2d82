"""The file that a command writes: there as a whole, or not at all."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

from planning_poker_server.cli.running import Failure, OutputGone, printing

PRIVATE: Final = 0o600
AS_USUAL: Final = 0o666


@contextlib.contextmanager
def target(path: Path | None, mode: int = AS_USUAL) -> Iterator[TextIO]:
    """What to write to: standard output, or a file that is there once all of it is written.

    Raises OutputGone where it cannot be written, Failure where it is no file.
    """
    if path is None:
        with printing():
            yield sys.stdout
            sys.stdout.flush()
        return
    final = path.resolve()
    if final.exists() and not final.is_file():
        raise Failure(f"{path} is no file that could be written anew.", code=2)
    part = final.with_name(f".{final.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                yield file
                file.flush()
                os.fsync(descriptor)
            part.replace(final)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise OutputGone(f"{path}: {error.strerror or error}") from error
