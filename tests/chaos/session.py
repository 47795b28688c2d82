"""A server process, a crowd of programs on a network that can fail, and the record of all of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from planning_poker_server.redelivery import ladder_ms
from planning_poker_server.settings import Settings
from planning_poker_simulator import FaultProxy
from planning_poker_simulator.checking import about_end
from planning_poker_simulator.checking.evidence import Evidence
from planning_poker_simulator.checking.history import History
from planning_poker_simulator.server import SettingsBySection, settings_for
from tests.chaos.crowd import Crowd, errors_of_clients
from tests.chaos.followed_log import FollowedLog
from tests.chaos.recording import Recorder, clock_ms, now
from tests.integration.process import ServerProcess
from tests.tampering import copy_of

_REDELIVERY_MS: Final = 1_000
SETTINGS: Final[SettingsBySection] = {
    "server": {"open_feed": True},
    "stream": {"redelivery_ms": _REDELIVERY_MS, "redeliveries": 1},
    "room": {
        "presence_grace_ms": 3_000,
        "settle_ms": 3_000,
        "report_ms": 1_000,
        "report_end_ms": ladder_ms(_REDELIVERY_MS, 1),
    },
}
"""Above those that are shipped: what takes seconds there is not waited for so long here."""
_SETTLED_WITHIN_S: Final = 60.0
_LOOKED_EVERY_S: Final = 0.1


@dataclass
class Session:
    """Everything there is."""

    server: ServerProcess
    network: FaultProxy
    history: History
    log: FollowedLog
    recorder: Recorder
    crowd: Crowd
    settings: Settings

    async def come_to_rest(self) -> None:
        """Nobody asks for anything any more; when all are current, the record ends.

        It ends, too, where they never are: the checkers tell what is missing.
        """
        self.crowd.tables.calm = True
        with suppress(TimeoutError):
            await until(self._look, within=_SETTLED_WITHIN_S)
        # All of one moment: whatever still goes on is on no record.
        self.history = copy_of(self.history)
        reader = self.crowd.guests[0].client
        for shown in self.history.shown:
            if reader is not None:
                shown.served = await reader.read_game(shown.game_id, version=shown.view.version)

    def _look(self) -> bool:
        """Look at everyone; whether all is done."""
        self.log.catch_up()
        history = self.history
        history.shown, history.expected = self.crowd.look(), self.crowd.expected
        heads = {append.game_id: append.records[-1].version for append in history.appends}
        if any(shown.view.version != heads[shown.game_id] for shown in history.shown):
            return False
        if any(len(fed.items) < sum(heads.values()) for fed in history.fed):
            return False
        still_open = [stream for stream in history.streams if stream.closed_ms is None]
        evidence = Evidence(replace(history, streams=still_open, appends=[]), self.settings)
        checkers = about_end.nothing_undone, about_end.presence, about_end.reports_final
        return not any(finding for checker in checkers for finding in checker(evidence))


async def until(condition: Callable[[], bool], within: float = 20.0) -> None:
    """Wait for what nobody is told of; raises TimeoutError."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(_LOOKED_EVERY_S)


@asynccontextmanager
async def playing(
    folder: Path, games: int, seed: str, sections: SettingsBySection
) -> AsyncIterator[Session]:
    """Everybody sits and plays; afterwards the history has what the server logged, too.

    `sections` are settings above those that are shipped.
    """
    history, settings = History(int(seed)), settings_for(folder, sections)
    async with (
        ServerProcess(folder, LOGGING__LEVEL="ERROR", **_variables(sections)) as server,
        FaultProxy(server.address) as network,
    ):
        log = FollowedLog(server.database, history.appends, now, clock_ms)
        delay_ms = settings.stream.redelivery_ms - settings.stream.ack_within_ms
        recorder = Recorder(history, log.catch_up, prompt_s=delay_ms / 2_000)
        crowd = Crowd(games, network.address, recorder, seed)
        session = Session(server, network, history, log, recorder, crowd, settings)
        with closing(log), errors_of_clients() as errors:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(work)
                    for work in (crowd.play(), crowd.measure(), recorder.notice_delays())
                ]
                await until(lambda: crowd.all_sit)
                yield session
                for task in tasks:
                    task.cancel()
    session.history.incidents += [*errors, *incidents(server.log)]


def _variables(sections: SettingsBySection) -> dict[str, str]:
    """Settings as the environment gives them."""
    return {
        f"{section}__{key}".upper(): str(value).lower() if isinstance(value, bool) else str(value)
        for section, values in sections.items()
        for key, value in values.items()
    }


def incidents(log: Path) -> Iterator[str]:
    """What a server logged that no run may have: bugs, whether it caught them or not."""
    for line in log.read_text().splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            yield f"server: {line}"
        else:
            if "exception" in said or said["level"] == "CRITICAL":
                yield f"server: {said['message']}: {said.get('exception')}"
