"""A connection against a small model of the server, over a wire that is slow and cut at random."""

from collections import deque
from random import Random

import pytest

import planningpoker.v1 as pb
from planning_poker_client.changes import Change, Receipt, Resynced
from planning_poker_client.errors import CommandRefused, OutcomeUnknown, Replaced
from planning_poker_client.notices import Ended, Hangup, Settled, Told, Undone
from planning_poker_model.view import GameView
from tests.client import said
from tests.client.driven import LOST, SECRET, Driven


class Model:
    """The server's half: a log, receipts, a round at a time, and one subscription per stream."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.view = GameView.from_game(said.game(2))
        self.events: dict[int, pb.GameEvent] = {}
        """By version; the game has begun when the client comes."""
        self.card = ""
        self.receipts: dict[str, int] = {}
        self.log_is_away = False
        self.to_client: deque[pb.ServerEnvelope] = deque()
        self.streaming = False
        self.sent: int | None = None
        self.seats: set[str] = set()
        self.new_round()

    @property
    def head(self) -> int:
        return self.view.version

    @property
    def round_id(self) -> str:
        assert self.view.round is not None
        return self.view.round.round_id

    def append(self, event: pb.GameEvent) -> int:
        self.events[event.version] = event
        self.view.apply(event)
        return self.head

    def new_round(self) -> None:
        self.append(said.round_started(self.head + 1, f"r{self.head + 1}"))
        self.card = ""

    def hear(self, envelope: pb.ClientEnvelope) -> None:
        match envelope.WhichOneof("payload"):
            case "hello":
                self.say(said.welcome(within_ms=20, max_unanswered_commands_per_game=4))
                self.streaming = True
                if self.log_is_away:
                    self.say(said.READ_ONLY)
            case "attach":
                self._attach(envelope)
            case "detach":
                self.sent = None
            case "command":
                self._command(envelope)
            case "ping":
                self.say(said.envelope(pong=pb.Pong(head_versions={said.GAME: self.head})))
            case "ack":
                assert self.sent is None or envelope.ack.version <= self.sent

    def _attach(self, envelope: pb.ClientEnvelope) -> None:
        attach, after = envelope.attach, envelope.attach.after_version
        self.seats = {seat.player_id for seat in attach.seats}
        event = self.events.get(after)
        known = event is not None and event.correlation_id == attach.after_correlation_id
        self.sent = after if known else self.head
        snapshot = None if known else self.view.to_game()
        self.say(said.attached(envelope.correlation_id, snapshot, *self.seats, head=self.head))
        self._catch_up(self.head)
        self._tell_seat()

    def _command(self, envelope: pb.ClientEnvelope) -> None:
        id_, command = envelope.correlation_id, envelope.command
        assert command.player_id in self.seats
        vote = command.submit_vote
        if id_ not in self.receipts:
            if vote.round_id != self.round_id or self.log_is_away:
                why = said.LOG_DOWN if self.log_is_away else said.ROUND_CLOSED
                self.say(said.refused(id_, why))
                return
            event = said.voted(self.head + 1, "p1", vote.round_id)
            self.receipts[id_] = self.append(said.caused(id_, event))
            self.card = vote.card
        self._catch_up(self.receipts[id_])
        self._tell_seat()
        self.say(said.accepted(id_, self.receipts[id_]))

    def _catch_up(self, version: int) -> None:
        while self.sent is not None and self.sent < version:
            self.pump()

    def _tell_seat(self) -> None:
        self._catch_up(self.head)
        state = pb.SeatState(
            game_id=said.GAME,
            player_id="p1",
            round_id=self.round_id,
            card=self.card,
            at_version=self.head,
        )
        if self.sent is not None:
            self.say(said.envelope(seat_state=state))

    def pump(self) -> None:
        """Tell the subscriber some of what it does not have."""
        if self.sent is None or self.sent == self.head:
            return
        if self.random.random() < 0.1:
            self.sent = self.head
            self.say(said.snapshot_instead(self.view.to_game()))
            self._tell_seat()
            return
        last = min(self.head, self.sent + self.random.randint(1, 3))
        run = range(self.sent + 1, last + 1)
        self.say(said.batch(*(self.events[version] for version in run)))
        self.sent = last

    def say(self, envelope: pb.ServerEnvelope) -> None:
        self.to_client.append(envelope)

    def lose_or_find_log(self) -> None:
        self.log_is_away = not self.log_is_away
        if self.streaming:
            self.say(said.READ_ONLY if self.log_is_away else said.AVAILABLE)

    def cut(self) -> None:
        self.to_client.clear()
        self.streaming = False
        self.sent = None
        self.seats = set()


class Run:
    """One course of events, decided by a seed; in every other one votes are kept."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311, the same every time is the point
        self.server = Model(self.random)
        self.client = Driven(
            connect_timeout=1e6,
            command_timeout=1e6,
            backoff_longest=1.0,
            max_attempts=10_000,
            offline_votes_for=1e6 * (seed % 2),
        )
        self.to_server: deque[pb.ClientEnvelope] = deque()
        self.streaming = False
        self.asked: dict[str, pb.SubmitVote] = {}
        self.settled: dict[str, int] = {}
        self.refused: set[str] = set()
        self.replaced: set[str] = set()
        self.undone: list[str] = []
        self.told = 0
        self.cuts = 0
        self.attaches = 0
        self.held: set[str] = set()
        self.coming = False
        self.client.connection.open(self.client.now)
        self.attach("p1")

    def step(self) -> None:
        """Something happens."""
        choices = {
            self.write: 6,
            self.reach_server: 6,
            self.reach_client: 8,
            self.server.pump: 4,
            self.another_event: 2,
            self.command: 2,
            self.wait: 3,
            self.come_or_go: 1,
            self.cut: 1,
            self.server.lose_or_find_log: 1,
        }
        self.random.choices(list(choices), list(choices.values()))[0]()
        self.look()

    def write(self) -> None:
        retry_at = self.client.connection.retry_at
        if not self.streaming and retry_at is not None and retry_at <= self.client.now:
            self.client.connection.opened(self.client.now)
            self.streaming = True
        if self.streaming:
            self.to_server.extend(self.client.written())

    def reach_server(self) -> None:
        if self.to_server:
            self.server.hear(self.to_server.popleft())

    def reach_client(self) -> None:
        if self.server.to_client:
            self.client.hear(self.server.to_client.popleft())

    def another_event(self) -> None:
        if self.random.random() < 0.2:
            self.server.new_round()
        else:
            version = self.server.head + 1
            self.server.append(said.event(version, f"other-{version}"))

    def command(self) -> None:
        if "p1" in self.held:
            id_, card = f"command-{len(self.asked)}", str(len(self.asked))
            round_id = self.client.connection.games[said.GAME].last_round_id
            self.asked[id_] = pb.SubmitVote(round_id=round_id, card=card)
            self.client.vote(id_, card, round_id)

    def wait(self) -> None:
        self.client.wait(self.random.random())

    def cut(self) -> None:
        if self.streaming:
            self.cuts += 1
            self.streaming = False
            self.to_server.clear()
            self.server.cut()
            self.client.lose(LOST, jitter=self.random.random())

    def come_or_go(self) -> None:
        """The second seat comes and goes on the same stream."""
        if "p2" in self.held:
            self.held.discard("p2")
            self.client.connection.release(said.GAME, "p2", self.client.now)
        elif not self.coming:
            self.coming = True
            self.attach("p2")

    def attach(self, seat: str) -> None:
        self.attaches += 1
        attach = pb.Attach(game_id=said.GAME)
        attach.seats.append(pb.Seat(player_id=seat, seat_secret=SECRET))
        self.client.connection.attach(attach, f"attach-{self.attaches}", self.client.now)

    def look(self) -> None:
        """What must hold after every step."""
        assert not self.client.told(Ended)
        if self.client.told(Hangup):
            self.cut()
        for told in self.client.told(Told):
            for item in told.items:
                if isinstance(item, Change):
                    assert not self.told or item.version == self.told + 1
                    self.told = item.version
                elif isinstance(item, Resynced):
                    assert not self.told or item.from_version == self.told
                    self.told = item.to_version
        for undone in self.client.told(Undone):
            self.undone.append(undone.item.correlation_id)
        for settled in self.client.told(Settled):
            assert settled.correlation_id not in self.answered()
            # Unknown: refused for the moment, after an earlier attempt that was not answered.
            if isinstance(settled.outcome, CommandRefused | OutcomeUnknown):
                self.refused.add(settled.correlation_id)
                continue
            if isinstance(settled.outcome, Replaced):
                self.replaced.add(settled.correlation_id)
                continue
            assert isinstance(settled.outcome, Receipt)
            self.settled[settled.correlation_id] = settled.outcome.version
            if settled.correlation_id.startswith("attach"):
                seat = settled.outcome.player_id
                self.coming = self.coming and seat != "p2"
                self.held.add(seat)
                self.client.connection.hold(said.GAME, seat)

        self.look_at_hopes()

    def answered(self) -> set[str]:
        return self.settled.keys() | self.refused | self.replaced

    def look_at_hopes(self) -> None:
        """The last vote without an answer shows, as long as its round is open."""
        inbox = self.client.connection.games.get(said.GAME)
        if inbox is None:
            return
        open_ = [id_ for id_ in self.asked if id_ not in self.answered()]
        assert set(open_) <= set(self.client.pending())
        if not open_:
            return
        last = self.asked[open_[-1]]
        if inbox.view.round is not None and inbox.view.round.round_id == last.round_id:
            assert self.client.view().has_voted("p1")
            assert self.client.card() == last.card

    def at_rest(self) -> bool:
        inbox = self.client.connection.games.get(said.GAME)
        return (
            self.streaming
            and not (self.to_server or self.server.to_client)
            and inbox is not None
            and inbox.view.version == self.server.head
            and inbox.ack_due is None
            and self.asked.keys() <= self.answered()
            and not self.coming
            and self.server.seats == self.held
        )

    def calm(self) -> None:
        """No more cuts and nothing new: everything comes to rest."""
        if self.server.log_is_away:
            self.server.lose_or_find_log()
        for _ in range(2_000):
            if self.at_rest():
                return
            self.wait()
            self.write()
            self.reach_server()
            self.server.pump()
            self.reach_client()
            self.look()


@pytest.mark.parametrize("seed", range(40))
def test_whatever_the_wire_does_nothing_is_lost_doubled_acknowledged_early_or_shown_wrongly(
    seed: int,
) -> None:
    run = Run(seed)
    for _ in range(400):
        run.step()
    run.calm()
    assert run.at_rest()
    assert {id_: version for id_, version in run.settled.items() if id_ in run.asked} == (
        run.server.receipts
    )
    assert run.asked.keys() - run.server.receipts.keys() == run.refused | run.replaced
    assert sorted(run.undone) == sorted(run.refused)
    assert run.client.view() is run.client.connection.games[said.GAME].view
    assert run.client.view() == run.server.view
    assert not run.client.view().stale
    assert run.client.card() == run.server.card
    assert run.cuts > 0
