"""The server that a command asks, and what proves to it who asks."""

import contextlib
import os
from argparse import Namespace
from collections.abc import AsyncIterator
from typing import Final

from planning_poker_client import ClientOptions, PokerClient, PokerError
from planning_poker_server.cli.games.arguments import SERVER
from planning_poker_server.cli.running import Failure
from planning_poker_server.config_loader import TOKEN_VARIABLE
from planning_poker_server.observability import configure_logging
from planning_poker_server.settings import LoggingSettings

_PATIENCE_S: Final = 5.0
"""How long a server may say nothing, or be away."""


def token_of(arguments: Namespace) -> str | None:
    """From --token-file or the variable, never from an argument: everybody sees those in `ps`."""
    if arguments.token_file is None:
        return os.environ.get(TOKEN_VARIABLE) or None
    try:
        token: str = arguments.token_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"The token cannot be read from {arguments.token_file}.", code=2) from error
    if not token:
        raise Failure(f"There is no token in {arguments.token_file}.", code=2)
    return token


@contextlib.asynccontextmanager
async def asking(arguments: Namespace) -> AsyncIterator[PokerClient]:
    """A client that asks by single calls; PokerError within becomes a Failure."""
    # What the SDK would log is also raised.
    configure_logging(LoggingSettings(level="CRITICAL", format="text"))
    try:
        client = PokerClient(
            arguments.server or SERVER,
            token=token_of(arguments),
            client_name="planning-poker",
            connect=False,
            options=ClientOptions(command_timeout=_PATIENCE_S),
        )
    except ValueError as error:
        raise Failure(f"The token cannot be used: {error}.", code=2) from error
    try:
        async with client:
            yield client
    except PokerError as error:
        raise Failure(str(error)) from error
