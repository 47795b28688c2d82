"""A room loaded from its log, and a bare scan that decodes the same records."""

import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import planningpoker.storage.v1 as storage
import planningpoker.v1 as pb
from benchmarks.machine import ROOT
from benchmarks.programs.answering import answer, run
from planning_poker_server.availability import Availability
from planning_poker_server.bus import LocalBus
from planning_poker_server.clock import SteadyClock
from planning_poker_server.config_loader import load_settings
from planning_poker_server.domain.digest import digest
from planning_poker_server.domain.types import Actor, Presence
from planning_poker_server.eventlog.open import open_log
from planning_poker_server.eventlog.port import Commit, EventLog
from planning_poker_server.eventlog.tables import events as events_table
from planning_poker_server.metrics import Metrics
from planning_poker_server.requests import AttachRequest
from planning_poker_server.room import Room, Ticket
from planning_poker_server.rooms import Rooms
from planning_poker_server.seats import hash_of
from planning_poker_server.session import Session
from planning_poker_server.settings import Settings

GAME_ID: Final = "0" * 32
PLAYERS: Final = 8
_SCAN: Final = f"SELECT event, sealed FROM {events_table.name} WHERE game_id = ? ORDER BY version"


def _settings(folder: str) -> Settings:
    environ = {"PLANNING_POKER_DATABASE__URL": f"sqlite:///{_database(folder)}"}
    return load_settings(ROOT / "config", environ, environment="production")


def _database(folder: str) -> Path:
    return Path(folder) / "games.db"


async def build(folder: str, events: int) -> Mapping[str, Any]:
    """Play a game of at least that many events into the log."""
    settings = _settings(folder)
    log = await open_log(settings.database)
    room = Room(GAME_ID, settings.game, settings.room.tail_events)
    clock = SteadyClock()
    try:
        for commands in _game(events):
            await _decide(room, log, commands, clock.now_ms())
    finally:
        await log.close()
    return {"events": room.head}


async def _decide(room: Room, log: EventLog, commands: Sequence[pb.Command], now_ms: int) -> None:
    tickets = [_ticket(command) for command in commands]
    everyone = Presence(frozenset(f"p{n + 1}" for n in range(PLAYERS)))
    outcome = await log.append(room.propose(tickets, everyone, now_ms))
    assert isinstance(outcome, Commit), outcome
    for each in room.publish(outcome).answers:
        assert each.result.HasField("accepted"), each.result.refusal.message


def _ticket(command: pb.Command) -> Ticket:
    joining = command.create_game.creator if command.HasField("create_game") else command.join_game
    secret = joining.seat_secret or _secret(command.player_id)
    actor = Actor("anonymous", command.player_id, hash_of(secret), join_code="K7QF-3M")
    return Ticket(command, actor, str(uuid.uuid4()), digest(command))


def _secret(player_id: str) -> bytes:
    return player_id.encode().ljust(32, b".")


def _game(events: int) -> Iterator[Sequence[pb.Command]]:
    """Commands that are decided together: seats, a story, then round after round."""
    for number in range(PLAYERS):
        seat = pb.JoinGame(
            display_name=f"Player {number + 1}", seat_secret=_secret(f"p{number + 1}")
        )
        if number == 0:
            create = pb.CreateGame(display_name="Sprint 12", creator=seat)
            create.settings.auto_reveal = True
            yield [pb.Command(game_id=GAME_ID, create_game=create)]
        else:
            yield [pb.Command(game_id=GAME_ID, join_game=seat)]
    stories = pb.AddStories(stories=[pb.NewStory(title="Let people sign in with a link")])
    yield [pb.Command(game_id=GAME_ID, player_id="p1", add_stories=stories)]
    made, round_number = PLAYERS + 2, 0
    while made < events:
        round_number += 1
        yield _round(round_number)
        made += PLAYERS + 2


def _round(number: int) -> Sequence[pb.Command]:
    start = pb.Command(game_id=GAME_ID, player_id="p1")
    start.start_round.story_id = "s1"
    commands = [start]
    for player in range(PLAYERS):
        vote = pb.SubmitVote(round_id=f"r{number}", card=("3", "5", "8")[(player + number) % 3])
        commands.append(pb.Command(game_id=GAME_ID, player_id=f"p{player + 1}", submit_vote=vote))
    return commands


class _Watcher:
    """A stream that only follows."""

    def __init__(self, settings: Settings) -> None:
        self.session = Session("s", "anonymous", pb.Welcome(), settings.stream, 30_000, 0)

    def wake(self) -> None:
        pass


async def ours(folder: str) -> Mapping[str, Any]:
    """From asking for a game that is not in memory to following it."""
    settings = _settings(folder)
    log = await open_log(settings.database)
    rooms = Rooms(
        log, settings.room, settings.game, SteadyClock(), Metrics(), Availability(), LocalBus()
    )
    try:
        await rooms.attach(_Watcher(settings), "", _attach("1" * 32))  # threads and connections
        watcher = _Watcher(settings)
        began = time.perf_counter()
        await rooms.attach(watcher, "", _attach(GAME_ID))
        took = time.perf_counter() - began
        head = watcher.session.subscriptions[GAME_ID].room.head
    finally:
        await rooms.close()
        await log.close()
    return {"ms": took * 1e3, "events": head, "per_s": head / took}


def _attach(game_id: str) -> AttachRequest:
    return AttachRequest(pb.Attach(game_id=game_id), "")


async def bare(folder: str) -> Mapping[str, Any]:
    """Read the records with sqlite3 and decode them."""
    connection = sqlite3.connect(_database(folder))
    try:
        connection.execute("SELECT 1").fetchone()
        count, began = 0, time.perf_counter()
        for event, sealed in connection.execute(_SCAN, (GAME_ID,)):
            pb.GameEvent.FromString(event)
            storage.Sealed.FromString(sealed)
            count += 1
        took = time.perf_counter() - began
    finally:
        connection.close()
    return {"ms": took * 1e3, "events": count, "per_s": count / took}


async def main() -> None:
    await answer({"build": build, "ours": ours, "bare": bare})


if __name__ == "__main__":
    run(main)
