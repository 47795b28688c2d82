"""Many clients, a log that fails and a server that dies: what must hold whatever happens.

Each client builds its view from what it is told, as the contract says. Nobody
sees a gap, a hidden card or two answers that contradict each other, and in the
end all see what the log says. The seeds are fixed; run more of them to hunt.
"""

import asyncio
import random
from dataclasses import dataclass, field

import pytest

import planningpoker.v1 as pb
from planning_poker_model.view import GameView
from planning_poker_server.domain.refusals import RETRYABLE
from planning_poker_server.eventlog.port import Commit, Conflict, Proposal
from planning_poker_server.requests import AttachRequest, CommandRequest
from planning_poker_server.settings import RoomSettings
from planning_poker_simulator.virtual_time import VirtualLoop, let_pass, now_ms, quiet
from tests.server.core.parts import GAME_ID, Bench, cid, game, room_settings, secret_of, ticket
from tests.server.core.scripted import (
    Client,
    Played,
    ScriptedLog,
    Step,
    driven,
    full,
    lost,
    lost_behind_the_commit,
    overtaken_by,
    ticket_of,
)

_NAMES = ("Ada", "Bob", "Cid", "Dee")
_OTHERS = ["retract", "start", "reveal", "story", "rename", "observe"]
_CARDS = ("1", "2", "3", "5", "8")
_SMALL_WINDOW = {"window_events": 5, "max_outbox_frames": 8}


def slow(ms: int) -> Step:
    """The log takes its time."""

    async def step(log: ScriptedLog, proposal: Proposal) -> Commit | Conflict:
        await asyncio.sleep(ms / 1_000)
        return await log.really_append(proposal)

    return step


@dataclass
class Asked:
    """A command of a client, and what it was told about it."""

    command: pb.Command
    waiting: int = 0
    accepted: pb.Accepted | None = None
    settled: bool = False

    @property
    def may_change_nothing(self) -> bool:
        return self.command.HasField("retract_vote") or self.command.update_player.HasField("role")


@dataclass
class Person:
    """A client program as the contract wants it."""

    name: str
    player_id: str
    view: GameView = field(default_factory=GameView)
    last_cause: str = ""
    client: Client | None = None
    follows: bool = False
    asked: dict[str, Asked] = field(default_factory=dict)
    card: str = ""

    def take(self, envelope: pb.ServerEnvelope) -> None:
        match envelope.WhichOneof("payload"):
            case "attached":
                self._attached(envelope.attached)
            case "event_batch":
                self._batch(envelope.event_batch)
            case "command_result":
                self._result(envelope)
            case "seat_state":
                assert envelope.seat_state.player_id == self.player_id
                assert envelope.seat_state.at_version == self.view.version
                self.card = envelope.seat_state.card
            case "detached":
                self.follows = False
            case "goodbye":
                raise AssertionError(envelope)

    def _attached(self, attached: pb.Attached) -> None:
        self.follows = True
        if attached.HasField("snapshot"):
            assert attached.snapshot.version == attached.head_version
            self._replace(attached.snapshot)
        else:
            assert attached.outcome == pb.ATTACH_OUTCOME_RESUMED
            assert attached.head_version >= self.view.version

    def _batch(self, batch: pb.EventBatch) -> None:
        assert self.follows
        if batch.HasField("snapshot"):
            assert batch.attempt > 1 or batch.snapshot.version > self.view.version
            self._replace(batch.snapshot)
        for event in batch.events:
            if batch.attempt > 1 and event.version <= self.view.version:
                continue  # had before, and not acknowledged
            self.view.apply(event)  # raises where there is a gap
            self.last_cause = event.correlation_id
            if event.WhichOneof("event") in ("round_started", "round_abandoned"):
                self.card = ""

    def _replace(self, snapshot: pb.Game) -> None:
        assert snapshot.version >= self.view.version
        self.view, self.last_cause = GameView.from_game(snapshot), ""

    def _result(self, envelope: pb.ServerEnvelope) -> None:
        asked, result = self.asked[envelope.correlation_id], envelope.command_result
        asked.waiting -= 1
        assert asked.waiting >= 0, "answered twice"
        if asked.may_change_nothing:
            asked.accepted = None  # then it leaves no receipt, and is decided anew
        if result.HasField("refusal"):
            refusal = result.refusal
            assert asked.accepted is None or refusal.reason in RETRYABLE | _OF_THE_STREAM, result
            # Another one of the same that is under way may still be accepted.
            alone = asked.waiting == 0
            asked.settled |= alone and refusal.definite and not refusal.retryable
            return
        assert asked.accepted in (None, result.accepted), "two answers to one command"
        asked.accepted, asked.settled = result.accepted, True
        if self.follows:
            assert self.view.version >= result.accepted.version, "an answer before its events"


_OF_THE_STREAM = {pb.REASON_SEAT_NOT_HELD, pb.REASON_INTERNAL}


class World:
    """A server, its log and its clients, moved by one source of chance."""

    def __init__(self, seed: int, played: Played) -> None:
        self.chance = random.Random(seed)  # noqa: S311
        self.played = played
        self.people = [Person(name, f"p{n}") for n, name in enumerate(_NAMES, start=1)]
        self.serial = 0

    # What clients do

    def connect(self, person: Person) -> None:
        self.drop(person)
        window = self.chance.choice([{}, _SMALL_WINDOW])
        person.client = Client(hello=True, **window)
        seat = pb.Seat(player_id=person.player_id, seat_secret=secret_of(person.name))
        attach = pb.Attach(game_id=GAME_ID, seats=[seat])
        if person.last_cause:
            attach.after_version = person.view.version
            attach.after_correlation_id = person.last_cause
        self.played.driver.attach(person.client, AttachRequest(attach, "a"), b"")
        self.listen(person)
        open_ = [cause for cause, asked in person.asked.items() if not asked.settled]
        for correlation_id in open_[:10]:
            self.send(person, correlation_id)

    def tick(self) -> None:
        """What nobody acknowledged is sent again, or given up."""
        for person in self.people:
            if person.client is not None:
                self.played.tick(person.client)

    def drop(self, person: Person) -> None:
        if person.client is None:
            return
        person.client.session.gone = True
        self.played.driver.unsubscribe(person.client)
        person.client, person.follows = None, False
        for asked in person.asked.values():
            asked.waiting = 0

    def ask(self, person: Person) -> None:
        if person.client is None or len(person.asked) > 200:
            return
        self.serial += 1
        correlation_id = cid(self.serial)
        person.asked[correlation_id] = Asked(self.command(person, correlation_id))
        self.send(person, correlation_id)

    def command(self, person: Person, correlation_id: str) -> pb.Command:
        command = pb.Command(game_id=GAME_ID, player_id=person.player_id)
        round_ = person.view.round
        round_id = round_.round_id if round_ else "r1"
        match self.chance.choice(["vote"] * 5 + _OTHERS):
            case "vote":
                card, canary = self.chance.choice(_CARDS), f"canary-{correlation_id}"
                command.submit_vote.CopyFrom(
                    pb.SubmitVote(round_id=round_id, card=card, comment=canary)
                )
            case "retract":
                command.retract_vote.round_id = round_id
            case "start":
                command.start_round.abandon_open = self.chance.random() < 0.5
            case "reveal":
                command.reveal_votes.CopyFrom(pb.RevealVotes(round_id=round_id, force=True))
            case "story":
                command.add_stories.stories.add(title=f"Story {self.serial}")
            case "observe":
                command.update_player.role = self.chance.choice(pb.PlayerRole.values())
            case _:
                command.update_player.display_name = f"{person.name} {self.serial}"
        return command

    def send(self, person: Person, correlation_id: str) -> None:
        client, asked = person.client, person.asked[correlation_id]
        assert client is not None
        client.now_ms = now_ms()
        asked.waiting += 1
        command = pb.Command()
        command.CopyFrom(asked.command)
        for request in client.command(command, correlation_id):
            assert isinstance(request, CommandRequest)
            if not self.played.driver.closed:
                self.played.driver.submit(ticket_of(client, request))

    def repeat(self, person: Person) -> None:
        """Send a command again, answered or not."""
        if person.client is not None and person.asked:
            correlation_id = self.chance.choice(list(person.asked))
            person.asked[correlation_id].settled = False  # a refused one is a new attempt
            self.send(person, correlation_id)

    def acknowledge(self, person: Person) -> None:
        if person.client is not None and person.follows:
            version = self.chance.choice([person.view.version, person.view.version // 2])
            self.played.ack(person.client, version)

    def listen(self, person: Person) -> None:
        if person.client is None:
            return
        for envelope in person.client.told():
            self.look_for_cards(person, envelope)
            person.take(envelope)
        self.played.drop(person.client)
        assert not person.client.ended
        if person.follows and person.view.version == self.played.room.head:
            assert person.card == self.played.room.state.own_vote(person.player_id)[0]

    def look_for_cards(self, person: Person, envelope: pb.ServerEnvelope) -> None:
        """No comment of somebody else's vote that was not revealed by now."""
        text = str(envelope)
        if "canary" not in text:
            return
        revealed = any(event.HasField("votes_revealed") for event in envelope.event_batch.events)
        shown = envelope.event_batch.snapshot, envelope.attached.snapshot
        revealed |= any(len(snapshot.current_round.votes) for snapshot in shown)
        mine = envelope.seat_state.player_id == person.player_id
        assert revealed or mine, envelope

    # What happens to the server

    def fail(self) -> None:
        step = self.chance.choice([full, lost, lost_behind_the_commit, slow(20), slow(2_000)])
        self.played.log.script.append(step)

    def overtake(self) -> None:
        """Another node renames the game's first player, in between."""
        self.serial += 1
        change = pb.UpdatePlayer(display_name=f"Ada {self.serial}")
        command = pb.Command(game_id=GAME_ID, player_id="p1", update_player=change)
        self.played.log.script.append(overtaken_by(ticket(command, "Ada")))

    async def restart(self) -> None:
        """The process dies; another one begins with the log alone."""
        for person in self.people:
            self.drop(person)
        self.played.task.cancel()
        await asyncio.wait({self.played.task})
        self.played = Played(self.played.log, _settings())

    async def step(self) -> None:
        person = self.chance.choice(self.people)
        match self.chance.choice(
            ["ask"] * 8
            + ["connect", "connect", "drop", "repeat", "ack", "ack", "listen", "listen"]
            + ["quiet", "quiet", "quiet", "fail", "overtake", "wait", "restart"]
        ):
            case "ask":
                self.ask(person)
            case "connect":
                self.connect(person)
            case "drop":
                self.drop(person)
            case "repeat":
                self.repeat(person)
            case "ack":
                self.acknowledge(person)
            case "listen":
                self.listen(person)
            case "fail":
                self.fail()
            case "overtake":
                self.overtake()
            case "wait":
                await let_pass(self.chance.choice([10, 500, 5_000, 20_000]))
                self.tick()
            case "restart" if self.chance.random() < 0.2:
                await self.restart()
            case _:
                await quiet()
        if self.played.driver.closed:
            await self.restart()

    # What must hold in the end

    async def end(self) -> None:
        self.played.log.script.clear()
        for _ in range(10):
            await let_pass(60_000)  # rates and retries are over
            if self.played.driver.closed:
                await self.restart()
            for person in self.people:
                self.connect(person)
            await let_pass(10_000)
            for person in self.people:
                self.listen(person)
                while person.client is not None and person.follows and self._behind(person):
                    self.played.ack(person.client, person.view.version)
                    self.listen(person)
        self._check_views()
        self._check_log()

    def _behind(self, person: Person) -> bool:
        return person.view.version < self.played.room.head

    def _check_views(self) -> None:
        room = self.played.room
        for person in self.people:
            assert person.view == room.state.view
            assert person.card == room.state.own_vote(person.player_id)[0]
            assert all(asked.settled for asked in person.asked.values())

    def _check_log(self) -> None:
        fresh = Bench()
        fresh.room.catch_up(self.played.log.rows)
        assert fresh.room.state.view == self.played.room.state.view
        events = [pb.GameEvent.FromString(row.event) for row in self.played.log.rows]
        assert [event.version for event in events] == list(range(1, len(events) + 1))
        own = [(e.actor_id, e.correlation_id) for e in events if e.actor_id]
        effects = {cause: own.count(cause) for cause in own if cause[1] in self._causes()}
        assert set(effects.values()) <= {1}, "a command had its effect twice"
        for person in self.people:
            for correlation_id, asked in person.asked.items():
                happened = (person.player_id, correlation_id) in own
                if not asked.may_change_nothing:
                    assert happened == (asked.accepted is not None), "done, yet refused"

    def _causes(self) -> set[str]:
        return {
            correlation_id
            for person in self.people
            for correlation_id, asked in person.asked.items()
            if not asked.command.HasField("start_round")  # it may abandon a round too
        }


def _settings() -> RoomSettings:
    return room_settings(tail_events=20, max_batch=4, max_mailbox=30, idle_ms=30_000)


async def simulate(seed: int, steps: int) -> None:
    everyone = pb.GameSettings(
        auto_reveal=seed % 2 == 0,
        reveal=pb.PERMISSION_EVERYONE,
        manage_rounds=pb.PERMISSION_EVERYONE,
        manage_stories=pb.PERMISSION_EVERYONE,
    )
    played = await driven(game(*_NAMES[1:], settings=everyone, voting=True))
    world = World(seed, played)
    for person in world.people:
        world.connect(person)
    for _ in range(steps):
        await world.step()
    await world.end()
    await world.restart()


@pytest.mark.parametrize("seed", range(8))
def test_nobody_sees_a_gap_a_hidden_card_or_two_answers_whatever_happens(seed: int) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(simulate(seed, steps=150))
