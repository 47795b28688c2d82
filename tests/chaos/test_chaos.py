"""A real server that is killed, frozen and starved, clients too, on a bad network.

CHAOS_SECONDS=60 goes on for longer, CHAOS_SEED=17 draws other troubles: `make chaos`.
The seed fixes what is done and in which order; which command it hits is up to the machine.
What must hold is what must hold in the simulation: the same checkers judge what was recorded.
"""

import asyncio
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest

from planning_poker_client import PokerClient, Watch, Watched
from planning_poker_simulator.checking.evidence import Evidence
from planning_poker_simulator.checking.history import Accepted, Refused
from tests.chaos.applied import APPLIED, LOOKED_AT, findings
from tests.chaos.crowd import EAGER
from tests.chaos.session import SETTINGS, Session, playing, until
from tests.chaos.troubles import Troubles
from tests.integration.figures import tell
from tests.integration.sitting import Sitting, sitting

SECONDS = float(os.environ.get("CHAOS_SECONDS", "5"))
SEED = os.environ.get("CHAOS_SEED", "1")
GAMES = 4 + int(SECONDS / 60)
"""Somebody ends one now and then."""
PROGRAMS = GAMES // 2
"""Players in processes of their own, in the first games."""
IN_CALM = 200
"""So many commands are asked for when everything goes well again."""


class Watcher:
    """What a bot is told of all games."""

    def __init__(self, watch: Watch) -> None:
        self.told: list[tuple[str, int]] = []
        self._watch = watch

    async def listen(self) -> None:
        async for item in self._watch:
            if isinstance(item, Watched):
                self.told.append((item.game_id, item.version))


def stored(database: Path) -> list[tuple[str, int]]:
    """All events, in the order of the log."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(
            "SELECT game_id, version FROM events ORDER BY position"
        ).fetchall()


async def verified(database: Path) -> str:
    """What `planning-poker games verify` says of a log that is in order."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("planning-poker"),
        *("games", "verify", "--database", f"sqlite:///{database}"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode().strip().splitlines()[-1]


@asynccontextmanager
async def seated(session: Session, table: int) -> AsyncIterator[Sitting]:
    """A player in a process of its own, which is on no record but by what it says."""
    code, request_id = session.crowd.tables.codes[table], str(uuid4())
    session.history.taken.append(request_id)
    async with sitting(session.network.address, code, "Program", request_id) as program:
        player_id = (await program.says("seat"))[-1].split()[1]
        session.history.elsewhere.add((session.crowd.game_id(table), player_id))
        yield program


def untold(session: Session, watcher: Watcher, programs: Sequence[Sitting]) -> list[str]:
    """What those who are on no record were not told, or not once and in the order of the log."""
    log, missing = stored(session.server.database), []
    if watcher.told != log:
        missing.append(f"the watcher was told {len(watcher.told)} of {len(log)} events, or others")
    for table, program in enumerate(programs):
        game_id, told = session.crowd.game_id(table), program.told
        last = max(version for game, version in log if game == game_id)
        first, ended = (told[0], told[-1]) if told else (0, 0)
        if told != list(range(first, ended + 1)) or (ended != last and not program.detached):
            missing.append(f"the program at table {table + 1} was told {told} of {last}")
    return missing


async def play_in_calm(session: Session) -> None:
    """Go on over connections that nothing was done to."""
    session.network.cut()
    await until(lambda: session.crowd.connected)
    asked = session.history.asked
    enough = len(asked) + IN_CALM
    await until(lambda: len(asked) >= enough)
    await session.crowd.use_ids_again()


@pytest.mark.alone
@pytest.mark.redelivers
@pytest.mark.usefixtures("only_warnings")
async def test_whatever_is_done_to_everyone_all_that_was_promised_holds(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(playing(tmp_path, GAMES, SEED, SETTINGS))
        programs = [
            await stack.enter_async_context(seated(session, table)) for table in range(PROGRAMS)
        ]
        dial = session.recorder.dial(session.network.address, EAGER, "bot")
        bot = await stack.enter_async_context(PokerClient("the server", dial=dial))
        watcher = Watcher(bot.watch())
        troubles = Troubles(session, programs, Random(f"troubles {SEED}"))  # noqa: S311
        async with asyncio.TaskGroup() as group:
            listening = [group.create_task(program.listen()) for program in programs]
            listening.append(group.create_task(watcher.listen()))
            await troubles.stir(SECONDS)
            await play_in_calm(session)
            await session.come_to_rest()
            with suppress(TimeoutError):
                await until(lambda: untold(session, watcher, programs) == [])
            missing = untold(session, watcher, programs)
            for task in listening:
                task.cancel()
        await session.server.kill()
        verdict = await verified(session.server.database)
    evidence = Evidence(session.history, session.settings)
    looked_at = {name: count(evidence) for name, count in LOOKED_AT.items()}
    looked_at["no incident"] = len(session.server.log.read_text().splitlines())
    report(evidence, troubles, looked_at, len(watcher.told), verdict)
    assert findings(evidence) == []
    assert [name for name in APPLIED if not looked_at[name]] == []
    assert missing == []
    assert all(troubles.happened[kind] for kind in troubles.kinds)


def report(
    evidence: Evidence,
    troubles: Troubles,
    looked_at: Mapping[str, int],
    watched: int,
    verdict: str,
) -> None:
    """Print what was done, and what became of it."""
    asked = evidence.history.asked
    outcomes = Counter(type(outcome).__name__ for each in asked for outcome in each.outcomes)
    refused = (o for each in asked for o in each.outcomes if isinstance(o, Refused))
    accepted = (o for each in asked for o in each.outcomes if isinstance(o, Accepted))
    streams = evidence.history.streams
    tell(
        {
            "seed, seconds of trouble": f"{SEED}, {SECONDS:g}",
            **troubles.happened,
            "commands": len(asked),
            **{f"outcomes: {name}": count for name, count in outcomes.items()},
            "of them told as duplicates": sum(outcome.duplicate for outcome in accepted),
            "refused for": dict(Counter(outcome.reason for outcome in refused)),
            "events in the log": sum(truth.head for truth in evidence.truths.values()),
            "connections": len(streams),
            "messages read": sum(len(stream.written) for stream in streams),
            "events told to the watcher": watched,
            **{f"paths: {name}": n for name, n in sorted(evidence.history.sometimes.items())},
            **{f"looked at for {name!r}": count for name, count in looked_at.items()},
            "games verify": verdict,
        }
    )
