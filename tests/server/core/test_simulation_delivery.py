"""Readers that are slow, silent, cut off or elsewhere: what delivery owes them whatever happens.

Streams read at their own pace, acknowledge late, attach again, are superseded or
stay half open; seats are left, removed, reset and taken anew; the log fails and
the server dies. Each follower checks what it is told; here it is checked that
nobody is left waiting: nothing stays unsent, unreported or held for no reason.
The seeds are fixed; run more of them to hunt.
"""

import asyncio
import random
from collections import Counter

import pytest

import planningpoker.v1 as pb
from planning_poker_server.outbox import Outbox
from planning_poker_server.requests import AttachRequest
from planning_poker_simulator.virtual_time import VirtualLoop, let_pass, now_ms, quiet
from tests.server.core.follower import Follower
from tests.server.core.parts import GAME_ID, cid, game, room_settings, secret_of, ticket
from tests.server.core.scripted import (
    Client,
    Played,
    driven,
    full,
    lost,
    lost_behind_the_commit,
    overtaken_by,
    ticket_of,
)
from tests.server.core.test_simulation import slow

_NAMES = ("Ada", "Bob", "Cid", "Dee")
_WINDOWS: tuple[dict[str, int], ...] = (
    {},
    {"window_events": 5, "max_outbox_frames": 8},
    {"window_bytes": 300, "max_outbox_bytes": 900},
)
_BODIES = (
    ["vote"] * 6
    + ["start", "reveal", "accept"] * 2
    + ["retract", "rename", "observe", "leave", "remove", "reset", "story"]
)
_SETTINGS = room_settings(
    tail_events=20, max_batch=4, max_mailbox=30, idle_ms=30_000, max_open_reports=4
)


class World:
    """A server and its followers, moved by one source of chance."""

    def __init__(self, seed: int, played: Played, onlookers: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311
        self.played = played
        self.people = [Follower(name, f"p{n}") for n, name in enumerate(_NAMES, start=1)]
        self.people.append(Follower("Eve", plays=False))
        self.half_open: list[Client] = []
        self.onlookers: list[Client] = []
        self.acknowledged: dict[str, int] = {}
        self.serial = 0
        self._crowd(onlookers)
        for person in self.people:
            self.open(person)

    def _crowd(self, count: int) -> None:
        """So many followers that all are told in ticks."""
        self.onlookers = [Client() for _ in range(count)]
        for client in self.onlookers:
            self.played.attach(client)

    @property
    def streams(self) -> list[Client]:
        theirs = [person.client for person in self.people if person.client is not None]
        return [*theirs, *self.half_open, *self.onlookers]

    # What clients do

    def open(self, person: Follower) -> None:
        """On a new stream; the old one is closed, or nobody has noticed yet that it is dead."""
        if person.client is not None and self.chance.random() < 0.3:
            self.half_open.append(person.client)
            person.hang_up()
        self.drop(person)
        client = Client(hello=False, **self.chance.choice(_WINDOWS))
        client.hello(instance_id=self.chance.choice([person.name, ""]))
        client.told()
        person.client, person.reads_at_once = client, self.chance.random() < 0.5
        self.attach(person)

    def attach(self, person: Follower) -> None:
        assert person.client is not None
        if person.plays and not person.player_id:
            if not person.joins:
                self.join(person)
            return
        attach = pb.Attach(game_id=GAME_ID)
        if person.player_id:
            attach.seats.add(player_id=person.player_id, seat_secret=person.secret)
        if person.cause and self.chance.random() < 0.8:
            attach.after_version, attach.after_correlation_id = person.view.version, person.cause
            self._has(person, person.view.version)
        person.attaches_again = True
        self.played.driver.attach(person.client, AttachRequest(attach, "a"), b"")
        person.client.wake()

    def join(self, person: Follower) -> None:
        self.serial += 1
        name = f"{person.name} {self.serial}"
        person.secrets, person.tried = [secret_of(name)], 0
        join = pb.JoinGame(display_name=name, seat_secret=person.secret, attach=True)
        self.send(person, pb.Command(game_id=GAME_ID, join_game=join), cid(self.serial))

    def drop(self, person: Follower) -> None:
        if person.client is not None:
            self._close(person.client)
        person.hang_up()

    def _close(self, client: Client) -> None:
        client.session.gone = True
        self.played.driver.unsubscribe(client)

    def ask(self, person: Follower) -> None:
        """Something new, or something that was asked before once more."""
        if person.client is None or not person.player_id:
            return
        if person.asked and self.chance.random() < 0.1:
            correlation_id = self.chance.choice(list(person.asked))
            command = person.asked[correlation_id][0]
        else:
            self.serial += 1
            correlation_id, command = cid(self.serial), self.command(person)
        if not command.HasField("join_game") or correlation_id not in person.asked:
            self.send(person, command, correlation_id)

    def command(self, person: Follower) -> pb.Command:
        command = pb.Command(game_id=GAME_ID, player_id=person.player_id)
        round_id = person.view.round.round_id if person.view.round else "r1"
        other = self.chance.choice(self.people[1 : len(_NAMES)])
        match self.chance.choice(_BODIES):
            case "vote":
                card = self.chance.choice("12358")
                vote = pb.SubmitVote(round_id=round_id, card=card, comment="canary")
                command.submit_vote.CopyFrom(vote)
            case "retract":
                command.retract_vote.round_id = round_id
            case "start":
                command.start_round.abandon_open = True
            case "reveal":
                command.reveal_votes.CopyFrom(pb.RevealVotes(round_id=round_id, force=True))
            case "accept":
                estimate = pb.AcceptEstimate(story_id="s1", round_id=round_id, value="5")
                command.accept_estimate.CopyFrom(estimate)
            case "observe":
                command.update_player.role = self.chance.choice(pb.PlayerRole.values())
            case "leave" if person.name != "Ada":
                command.leave_game.SetInParent()
            case "remove" if person.name == "Ada" and other.player_id:
                command.remove_player.player_id = other.player_id
            case "reset" if person.name == "Ada" and other.player_id:
                other.secrets.append(secret_of(f"reset {self.serial}"))
                reset = pb.ResetSeat(player_id=other.player_id, seat_secret=other.secrets[-1])
                command.reset_seat.CopyFrom(reset)
            case "story":
                command.add_stories.stories.add(title=f"Story {self.serial}")
            case _:
                command.update_player.display_name = f"{person.name} x{self.serial}"
        return command

    def send(self, person: Follower, command: pb.Command, correlation_id: str) -> None:
        client = person.client
        assert client is not None
        client.now_ms = now_ms()
        person.asked[correlation_id] = command, person.asked.get(correlation_id, (None, 0))[1] + 1
        sent = pb.Command()
        sent.CopyFrom(command)
        for request in client.command(sent, correlation_id):
            self.played.driver.submit(ticket_of(client, request))  # type: ignore[arg-type]
        self._was_read(client)

    def detach(self, person: Follower) -> None:
        client = person.client
        if client is not None and GAME_ID in client.session.subscriptions:
            client.send(pb.ClientEnvelope(detach=pb.Detach(game_id=GAME_ID)))
            self.played.driver.unsubscribe(client)
            self._was_read(client)

    def ping(self, person: Follower) -> None:
        if person.client is not None:
            person.client.now_ms = now_ms()
            person.client.send(pb.ClientEnvelope(ping=pb.Ping()))
            self._was_read(person.client)

    def acknowledge(self, person: Follower, version: int) -> None:
        if person.client is not None and person.follows:
            self._has(person, version)
            self.played.ack(person.client, version)
            self._was_read(person.client)

    def _has(self, person: Follower, version: int) -> None:
        if person.player_id:
            known = self.acknowledged.get(person.player_id, 0)
            self.acknowledged[person.player_id] = max(known, version)

    @staticmethod
    def _was_read(client: Client) -> None:
        """What the reader of a stream does behind each message."""
        if client.session.has_output:
            client.wake()

    # What streams do

    def pump(self, person: Follower, written: int = 10_000, read: int = 10_000) -> None:
        person.write(now_ms(), written)
        if person.client is not None:
            self.played.drop(person.client)
        person.read(self.acknowledged, read)

    def ring(self) -> None:
        """The alarms of all streams."""
        for client in self.streams:
            self.played.tick(client)
            client.wake()
        for client in self.half_open:
            client.told()
            self.played.drop(client)

    def look_on(self) -> None:
        for client in self.onlookers:
            client.now_ms = now_ms()
            client.told()
            outbox = client.session.subscriptions.get(GAME_ID)
            if outbox is not None:
                self.played.ack(client, outbox.sent)
            self.played.drop(client)

    # What happens to all of them

    async def restart(self) -> None:
        for person in self.people:
            self.drop(person)
        for client in self.half_open:
            self._close(client)
        self.half_open.clear()
        self.played.task.cancel()
        await asyncio.wait({self.played.task})
        self.played = Played(self.played.log, _SETTINGS)
        self._crowd(len(self.onlookers))

    async def wait(self) -> None:
        for _ in range(self.chance.choice([1, 1, 2, 5, 20, 80])):
            await let_pass(self.chance.choice([10, 500, 1_000, 1_000]))
            self.look_on()
            self.ring()
            for person in self.people:
                if self.chance.random() < 0.2:
                    self.ping(person)
                if person.reads_at_once or self.chance.random() < 0.1:
                    self.pump(person)

    def trouble(self) -> None:
        self.serial += 1
        change = pb.UpdatePlayer(display_name=f"Ada {self.serial}")
        renamed = pb.Command(game_id=GAME_ID, player_id="p1", update_player=change)
        steps = [full, lost, lost_behind_the_commit, slow(20), slow(2_000)]
        steps.append(overtaken_by(ticket(renamed, "Ada")))
        self.played.log.script.append(self.chance.choice(steps))

    async def step(self) -> None:
        person = self.chance.choice(self.people)
        match self.chance.choice(
            ["ask"] * 8
            + ["ack", "pump a little", "quiet"] * 3
            + ["open", "trouble", "pump"] * 2
            + ["attach", "detach", "drop", "ping", "close", "wait", "settle", "restart"]
        ):
            case "ask":
                self.ask(person)
            case "ack":
                back = self.chance.choice([0, 0, 1, 3, person.view.version // 2])
                self.acknowledge(person, max(0, person.view.version - back))
            case "pump a little":
                self.pump(person, self.chance.randrange(4), self.chance.randrange(4))
            case "pump":
                self.pump(person)
            case "open":
                self.open(person)
            case "attach" if person.client is not None:
                self.attach(person)
            case "detach":
                self.detach(person)
            case "drop":
                self.drop(person)
            case "ping":
                self.ping(person)
            case "close" if self.half_open:
                self._close(self.half_open.pop())
            case "wait":
                await self.wait()
            case "settle":
                await self.settle()
            case "trouble":
                self.trouble()
            case "restart" if self.chance.random() < 0.2:
                await self.restart()
            case _:
                await quiet()
        for each in self.people:
            if each.reads_at_once:
                self.pump(each)
        self.look_on()
        if self.played.driver.closed:
            await self.restart()
        self.check_bookkeeping()

    # What must hold

    def check_bookkeeping(self) -> None:
        """Room and sessions agree on who follows, and on who holds which seat."""
        audience = self.played.driver._audience
        held: Counter[str] = Counter()
        for client in self.streams:
            outbox = client.session.subscriptions.get(GAME_ID)
            assert audience._subscribers.get(client) is outbox
            if outbox is not None:
                held.update(outbox.seats.keys())
                assert outbox.acknowledged <= outbox.sent <= self.played.room.head
        assert len(audience._subscribers) <= len(self.streams)
        assert audience._leases._holders == held
        assert {player_id: len(of) for player_id, of in audience._holders.items()} == held

    async def settle(self) -> None:
        """When all is written and read, nobody is left with less than there is."""
        await let_pass(600)
        self.look_on()
        for person in self.people:
            self.pump(person)
        await quiet()
        reports = self.played.driver._audience._deliveries._open.values()
        assert all(report.waiting for report in reports), "a report waits for nobody"
        for person in self.people:
            self.pump(person)
            outbox = person.client.session.subscriptions.get(GAME_ID) if person.client else None
            if outbox is None:
                assert person.client is None or not person.client.session._answers.held
            elif outbox.held:
                assert _is_full(outbox), "held back although the window is open"
            else:
                self._check_complete(person)
            person.attaches_again = False

    def _check_complete(self, person: Follower) -> None:
        room, audience = self.played.room, self.played.driver._audience
        assert person.client is not None
        assert person.view == room.state.view
        assert not person.client.session._answers.held
        assert not person.client.session.subscriptions[GAME_ID]._reports
        if person.player_id and person.view.phase == pb.GAME_PHASE_VOTING:
            assert person.card == room.state.own_vote(person.player_id)[0]
        if not audience._leases._unannounced:
            assert person.present & set(person.view.players) == audience.connected()

    async def end(self) -> None:
        """All come back and acknowledge: they see the same, and nothing stays open."""
        self.played.log.script.clear()
        for _ in range(12):
            await let_pass(60_000)  # rates and retries are over
            if self.played.driver.closed:
                await self.restart()
            for person in self.people:
                self.open(person)
            await self._catch_up()
            await self.settle()
        assert all(person.follows for person in self.people)
        assert all(person.view == self.played.room.state.view for person in self.people)
        for _ in range(90):
            await let_pass(1_000)
            await self._catch_up(times=1)
        assert self.played.driver._audience._deliveries.timer() is None, "a report stays open"
        for client in self.streams:
            self._close(client)
        await let_pass(120_000)
        assert self.played.task.done(), "a room that nobody uses stays in memory"

    async def _catch_up(self, times: int = 20) -> None:
        for _ in range(times):
            await quiet()
            for person in self.people:
                self.pump(person)
                self.acknowledge(person, person.view.version)
            self.look_on()


def _is_full(outbox: Outbox) -> bool:
    limits = outbox._limits
    events = outbox.sent - outbox._window_start()
    return events >= limits.window_events or outbox._unacknowledged_bytes >= limits.window_bytes


async def simulate(seed: int, steps: int) -> None:
    everyone = pb.GameSettings(
        auto_reveal=seed % 2 == 0,
        reveal=pb.PERMISSION_EVERYONE,
        manage_rounds=pb.PERMISSION_EVERYONE,
        manage_stories=pb.PERMISSION_EVERYONE,
    )
    played = await driven(game(*_NAMES[1:], settings=everyone, voting=True))
    played.task.cancel()
    world = World(seed, Played(played.log, _SETTINGS), onlookers=55 if seed % 4 == 3 else 0)
    for _ in range(steps):
        await world.step()
    await world.end()


@pytest.mark.parametrize("seed", range(8))
def test_nobody_is_left_waiting_whatever_happens(seed: int) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(simulate(seed, steps=150))
