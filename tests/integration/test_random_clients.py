"""Clients that do anything at any moment still see one history, each event once and in order."""

import asyncio
import random
import sqlite3
from contextlib import closing, suppress
from typing import Any

import pytest

import planningpoker.v1 as pb
from planning_poker_model.view import GameView
from tests.integration.harness import Host
from tests.integration.raw import Seat, Stream, StreamEnded, new_id, new_secret

CARDS = ["1", "2", "3", "5", "8"]
STEPS = 60
ANSWERS_OF_A_FAILING_LOG = {pb.REASON_LOG_UNAVAILABLE, pb.REASON_TIMEOUT}


class RandomClient:
    """Votes, takes back, starts, reveals, leaves, returns, vanishes, resumes."""

    def __init__(self, host: Host, seed: str) -> None:
        self.seat: Seat
        self.accepted: dict[str, int] = {}
        """Version by correlation id, of everything that was accepted."""
        self.stream: Stream
        self._host = host
        self._random = random.Random(seed)  # noqa: S311
        self._view: GameView | None = None
        self._last_cause = ""

    async def play(self) -> None:
        for _ in range(STEPS):
            step = self._random.choice([self._act] * 8 + [self._ack, self._vanish, self._detach])
            await step()

    async def _act(self) -> None:
        view = self.stream.views[self.seat.game_id]
        round_id = view.round.round_id if view.round else "r1"
        body: dict[str, Any] = self._random.choice(
            [
                {"submit_vote": pb.SubmitVote(round_id=round_id, card=self._random.choice(CARDS))},
                {"submit_vote": pb.SubmitVote(round_id=round_id, card=self._random.choice(CARDS))},
                {"retract_vote": pb.RetractVote(round_id=round_id)},
                {"reveal_votes": pb.RevealVotes(round_id=round_id, force=True)},
                {"start_round": pb.StartRound()},
                {"add_stories": pb.AddStories(stories=[pb.NewStory(title="Story")])},
                {"update_player": pb.UpdatePlayer(display_name=f"P {self._random.random()}")},
            ]
        )
        await self._once(new_id(), body)

    async def _once(self, correlation_id: str, body: dict[str, Any]) -> None:
        """Send a command until its outcome is known."""
        while True:
            result = await self.stream.ask(self.seat, correlation_id, **body)
            if result.refusal.reason not in ANSWERS_OF_A_FAILING_LOG:
                break
            await asyncio.sleep(0.01)
        if result.HasField("accepted"):
            self.accepted[correlation_id] = result.accepted.version
            seen = self.stream.views[self.seat.game_id].version
            assert seen >= result.accepted.version  # the answer is behind its events

    async def _ack(self) -> None:
        await self.stream.ack(self.seat.game_id, self.stream.views[self.seat.game_id].version)

    async def _vanish(self) -> None:
        """Lose the connection, perhaps with a command under way, and come back."""
        self._remember()
        if self._random.random() < 0.5:
            vote = pb.SubmitVote(round_id="r1", card="5")
            await self.stream.begin(self.seat, submit_vote=vote)
        await self.stream.close()
        self.stream = await self._host.stream()
        await self._attach()

    async def _detach(self) -> None:
        self._remember()
        await self.stream.send(detach=pb.Detach(game_id=self.seat.game_id))
        await self.stream.expect("detached")
        self._remember()
        await self._attach()

    def _remember(self) -> None:
        view = self.stream.views.get(self.seat.game_id)
        if view is None:
            return
        self._view = view.copy()
        events = [e for b in self.stream.received for e in b.event_batch.events]
        causes = [e.correlation_id for e in events if e.version == view.version]
        self._last_cause = causes[-1] if causes else ""

    async def _attach(self) -> None:
        resume: dict[str, Any] = {}
        if self._view is not None and self._last_cause and self._random.random() < 0.7:
            resume = {
                "after_version": self._view.version,
                "after_correlation_id": self._last_cause,
            }
            self.stream.views[self.seat.game_id] = self._view
        attached = await self.stream.attach(self.seat, **resume)
        if resume:
            assert attached.outcome == pb.ATTACH_OUTCOME_RESUMED


async def failing_now_and_then(host: Host, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    while True:
        await asyncio.sleep(chance.random() * 0.1)
        match chance.randrange(3):
            case 0:
                host.log.refuses = True
            case 1:
                host.log.forgets = True
            case 2:
                host.log.hold()
        await asyncio.sleep(chance.random() * 0.03)
        host.log.recover()
        host.log.release()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("reliable", [True, False], ids=["reliable", "unreliable"])
async def test_whatever_clients_do_they_see_one_history_and_nothing_accepted_is_lost(
    host: Host, seed: int, reliable: bool
) -> None:
    host.lines.expected |= {"the log is unavailable", "an append is in doubt"}
    host.lines.expected.add("timers cannot be read")
    everyone = pb.PERMISSION_EVERYONE
    settings = pb.GameSettings(reveal=everyone, manage_rounds=everyone, manage_stories=everyone)
    await host.start(
        stream={"command_burst": 10_000},
        room={"presence_grace_ms": 20, "presence_interval_ms": 5},
    )
    clients = [RandomClient(host, f"{seed} {number}") for number in range(6)]
    for client in clients:
        client.stream = await host.stream()
    clients[0].seat = await clients[0].stream.create("Player 0", settings=settings)
    game_id = clients[0].seat.game_id
    for number, client in enumerate(clients[1:], 1):
        client.seat = await client.stream.join(
            game_id, f"Player {number}", seat_secret=new_secret()
        )
    faults = asyncio.create_task(failing_now_and_then(host, seed)) if not reliable else None
    try:
        await asyncio.gather(*(client.play() for client in clients))
    finally:
        if faults is not None:
            faults.cancel()
            with suppress(asyncio.CancelledError):
                await faults
            host.log.recover()
            host.log.release()
    await one_history(host, game_id, clients)


async def one_history(host: Host, game_id: str, clients: list[RandomClient]) -> None:
    await clients[0].stream.do(clients[0].seat, end_game=pb.EndGame())
    query = "SELECT event FROM events WHERE game_id = ? ORDER BY version"
    with closing(sqlite3.connect(host.database)) as connection:
        rows = connection.execute(query, (game_id,)).fetchall()
    stored = [pb.GameEvent.FromString(row[0]) for row in rows]
    folded = GameView()
    for event in stored:
        folded.apply(event)
    for client in clients:
        with suppress(StreamEnded):
            assert await client.stream.reaches(game_id, folded.version) == folded
        for correlation_id, version in client.accepted.items():
            caused = [event.version for event in stored if event.correlation_id == correlation_id]
            # Accepted without an event changes nothing; else it happened, and once.
            assert not caused or version in caused
            assert (
                len([e for e in stored if e.correlation_id == correlation_id and e.actor_id]) <= 1
            )
