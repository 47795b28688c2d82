"""One game at a table, decided by the server's own rules, for the scenes of the fold vectors.

Time and ids are fixed, so that the same scene gives the same events each time.
"""

import hashlib
import uuid
from typing import Any

import planningpoker.storage.v1 as storage
import planningpoker.v1 as pb
from planning_poker_model.limits import GameLimits
from planning_poker_server.domain.types import Actor, Command, FireTimer, Presence
from planning_poker_server.eventlog.port import Commit
from planning_poker_server.room import Room, Ticket

GAME_ID = "0123456789abcdef0123456789abcdef"
START_MS = 1_750_000_000_000
SECOND_MS = 1_000
DECK = pb.Deck(
    name="small",
    cards=[
        *(pb.Card(label=label, value=float(label)) for label in ("1", "2", "3")),
        pb.Card(label="?", special=True),
    ],
)


class Table:
    """A game, and what happened in it since the scene began."""

    def __init__(self) -> None:
        self.start: pb.Game | None = None
        """What the game was when the scene began; None: there was none yet."""
        self.events: list[pb.GameEvent] = []
        """Since then."""
        self.refused = False
        """Whether the last event is one that must not be folded."""
        self.connected: set[str] = set()
        self._room = Room(GAME_ID, GameLimits(), tail_events=1_000)
        self._now_ms = START_MS
        self._serial = 0

    @property
    def round_id(self) -> str:
        """The open or last revealed round's."""
        round_ = self._room.state.view.round
        return round_.round_id if round_ is not None else ""

    def begin(self) -> None:
        """The scene begins here; all before was its preparation."""
        self.start = self._room.state.view.to_game()
        self.events.clear()

    # What people do

    def create(self, settings: pb.GameSettings | None = None, **fields: Any) -> None:
        """A game of Ada's, who is p1."""
        asked = settings or pb.GameSettings()
        asked.deck.CopyFrom(DECK)
        creator = pb.JoinGame(display_name="Ada", seat_secret=_secret("p1"))
        create = pb.CreateGame(display_name="Sprint 12", settings=asked, creator=creator, **fields)
        self.connected.add("p1")
        self._decide(pb.Command(game_id=GAME_ID, create_game=create), _actor("p1", seated=False))

    def join(self, player_id: str, display_name: str, **fields: Any) -> None:
        """The next player, or one who left before, takes a seat."""
        join = pb.JoinGame(display_name=display_name, seat_secret=_secret(player_id), **fields)
        self.connected.add(player_id)
        self._decide(pb.Command(game_id=GAME_ID, join_game=join), _actor(player_id, seated=False))

    def do(self, player_id: str, **body: Any) -> None:
        """A command of this player; it must be accepted."""
        command = pb.Command(game_id=GAME_ID, player_id=player_id, **body)
        self._decide(command, _actor(player_id))

    def vote(self, player_id: str, card: str) -> None:
        self.do(player_id, submit_vote=pb.SubmitVote(round_id=self.round_id, card=card))

    def reveal(self, *, force: bool = False) -> None:
        self.do("p1", reveal_votes=pb.RevealVotes(round_id=self.round_id, force=force))

    def fire(self, kind: str) -> None:
        """Wait until the deadline or countdown is due, and let it happen."""
        timer = next(timer for timer in self._room.state.timers() if timer.kind == kind)
        self._now_ms = max(self._now_ms, timer.due_ms)
        self._decide(FireTimer(timer.kind, timer.round_id, timer.set_version), Actor())

    # What the room and its log do

    def _decide(self, command: Command, actor: Actor) -> None:
        self._now_ms += SECOND_MS
        self._serial += 1
        presence = Presence(frozenset(self.connected))
        ticket = Ticket(command, actor, str(uuid.UUID(int=self._serial)))
        proposal = self._room.propose([ticket], presence, self._now_ms)
        published = self._room.publish(Commit(proposal))
        for answer in published.answers:
            if answer.result.HasField("refusal"):
                raise AssertionError(answer.result.refusal.message)
        self.events.extend(published.events)


def _actor(player_id: str, *, seated: bool = True) -> Actor:
    """Whoever knows the secret of this seat, with all that hashing would have given."""
    return Actor(
        principal="example",
        player_id=player_id if seated else "",
        seat_hash=hashlib.sha256(_secret(player_id)).digest(),
        new_passcode=storage.SealedPasscode(salt=b"salt", hash=b"hash"),
        join_code="K7QF-3M",
    )


def _secret(player_id: str) -> bytes:
    return hashlib.sha256(player_id.encode()).digest()


# How scenes are prepared


def with_bob(table: Table, settings: pb.GameSettings | None = None) -> None:
    table.create(settings)
    table.join("p2", "Bob")


def with_stories(table: Table, *titles: str) -> None:
    with_bob(table)
    stories = [pb.NewStory(title=title) for title in titles]
    table.do("p1", add_stories=pb.AddStories(stories=stories))


def voting(table: Table, settings: pb.GameSettings | None = None) -> None:
    with_bob(table, settings)
    table.do("p1", start_round=pb.StartRound())


def revealed(table: Table) -> None:
    """Both voted on a story, and the cards are turned."""
    with_stories(table, "Login page", "Search")
    table.do("p1", start_round=pb.StartRound(story_id="s1"))
    table.vote("p1", "2")
    table.vote("p2", "3")
    table.reveal()


def countdown(table: Table) -> None:
    """Both voted, and the cards are about to be turned by themselves."""
    settings = pb.GameSettings(auto_reveal=True)
    settings.reveal_countdown.seconds = 5
    voting(table, settings)
    table.vote("p1", "2")
    table.vote("p2", "3")
