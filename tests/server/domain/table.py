"""A game played through bytes, for tests: decide, stamp, encode, decode, fold.

It does what the room does between a decision and the log, and nothing else:
versions, times and causes are put on drafts, and the state is folded from what
would be read back from the log.
"""

import hashlib
import uuid
from collections.abc import Iterable
from typing import NamedTuple

import planningpoker.storage.v1 as storage
import planningpoker.v1 as pb
from planning_poker_model.limits import GameLimits
from planning_poker_model.view import GameView
from planning_poker_server.domain.consequences import consequences
from planning_poker_server.domain.decide import decide
from planning_poker_server.domain.digest import digest
from planning_poker_server.domain.receipts import Receipts, sender_of
from planning_poker_server.domain.state import GameState
from planning_poker_server.domain.types import (
    Actor,
    Command,
    Decision,
    Draft,
    FireTimer,
    Presence,
)

START_MS = 1_750_000_000_000
OWNER = "team-bot"
GAME_ID = "0123456789abcdef0123456789abcdef"
MOST_CONSEQUENCES = 4


def secret_of(name: str) -> bytes:
    return hashlib.sha256(b"secret of " + name.encode()).digest()


def hashed(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def scrypted(passcode: str) -> storage.SealedPasscode:
    """Stands for scrypt, which the domain never does itself."""
    if not passcode:
        return storage.SealedPasscode()
    return storage.SealedPasscode(salt=b"salt", hash=hashed(passcode.encode()))


class Row(NamedTuple):
    """One event as the log would hold it."""

    event: bytes
    sealed: bytes


def stamp(draft: Draft, version: int, time_ms: int, cause: str, actor_id: str) -> pb.GameEvent:
    event = pb.GameEvent()
    event.CopyFrom(draft.event)
    event.version = version
    event.event_time.FromMilliseconds(time_ms)
    event.correlation_id = cause
    event.actor_id = "" if draft.by_server else actor_id
    return event


def fold(rows: Iterable[Row]) -> GameState:
    state = GameState()
    for row in rows:
        state.evolve(pb.GameEvent.FromString(row.event), storage.Sealed.FromString(row.sealed))
    return state


class Table:
    """One game, its log, a spectator, and the clock and presence that decisions are given."""

    def __init__(self, limits: GameLimits | None = None) -> None:
        self.limits = limits or GameLimits()
        self.now_ms = START_MS
        self.connected: set[str] = set()
        self.away_since: dict[str, int] = {}
        self.settled = True
        self.rows: list[Row] = []
        self.state = GameState()
        self.spectator = GameView()
        self.receipts = Receipts()
        self.secrets: dict[str, bytes] = {}
        self._causes = 0

    @property
    def view(self) -> GameView:
        return self.state.view

    @property
    def presence(self) -> Presence:
        return Presence(frozenset(self.connected), dict(self.away_since), self.settled)

    @property
    def round_id(self) -> str:
        return f"r{self.state.last_round}"

    @property
    def events(self) -> list[pb.GameEvent]:
        return [pb.GameEvent.FromString(row.event) for row in self.rows]

    def kinds(self, since: int = 0) -> list[str]:
        """Names of the events after version `since`."""
        return [event.WhichOneof("event") or "" for event in self.events[since:]]

    def actor(self, player_id: str = "") -> Actor:
        """The player with the right secret; without a player, the game's owner."""
        secret = self.secrets.get(player_id)
        principal = "" if player_id else OWNER
        return Actor(principal, player_id, hashed(secret) if secret else b"")

    def ask(self, command: Command, actor: Actor | None = None) -> Decision:
        """The decision alone."""
        if actor is None:
            actor = self.actor("" if isinstance(command, FireTimer) else command.player_id)
        return decide(self.state, command, actor, self.presence, self.now_ms, self.limits)

    def do(self, command: Command, actor: Actor | None = None) -> Decision:
        """Decide and, if accepted, let it happen with its consequences."""
        decision = self.ask(command, actor)
        if not isinstance(decision, pb.Refusal):
            self.happen(decision, command, actor)
        return decision

    def happen(
        self, drafts: list[Draft], command: Command | None = None, actor: Actor | None = None
    ) -> None:
        self._causes += 1
        cause = str(uuid.UUID(int=self._causes))
        client = command if isinstance(command, pb.Command) else None
        sent_by = actor or self.actor(client.player_id if client else "")
        self._append(drafts, cause, client, sent_by)
        for _ in range(MOST_CONSEQUENCES):
            following = consequences(self.state, self.presence, self.now_ms, self.limits)
            if not following:
                return
            assert all(draft.by_server for draft in following)
            self._append(following, cause, None, Actor())
        raise AssertionError("consequences do not come to an end")

    def settle(self) -> None:
        """Look at what follows from who is there now, as the room does when presence changes."""
        self.happen([])

    def _append(
        self, drafts: list[Draft], cause: str, command: pb.Command | None, actor: Actor
    ) -> None:
        time_ms = max(self.now_ms, self.state.last_event_ms)
        for draft in drafts:
            assert draft.by_server or command is not None, "the server acts in its own name"
            event = stamp(draft, self.state.version + 1, time_ms, cause, actor.player_id)
            sealed = storage.Sealed()
            sealed.CopyFrom(draft.sealed)
            if command is not None and not draft.by_server:
                sealed.digest = digest(command)
                sealed.sender_hash = sender_of(actor, command)[1]
            self._take(Row(event.SerializeToString(), sealed.SerializeToString()))

    def _take(self, row: Row) -> None:
        event = pb.GameEvent.FromString(row.event)
        sealed = storage.Sealed.FromString(row.sealed)
        self.rows.append(row)
        self.state.evolve(event, sealed)
        self.receipts.fold(event, sealed)
        self.spectator.apply(pb.GameEvent.FromString(row.event))

    # What people do, in few words.

    def create(
        self,
        settings: pb.GameSettings | None = None,
        *,
        player: str = "Ada",
        ttl_ms: int = 0,
        passcode: str = "",
    ) -> Decision:
        """A game with `player` as its facilitator p1; with none, of OWNER."""
        create = pb.CreateGame(display_name="Sprint 12", settings=settings, passcode=passcode)
        if ttl_ms:
            create.ttl.FromMilliseconds(ttl_ms)
        if player:
            create.creator.display_name = player
            create.creator.seat_secret = secret_of(player)
        seat_hash = hashed(secret_of(player)) if player else b""
        actor = Actor(OWNER, "", seat_hash, b"", scrypted(passcode), "K7QF-3M")
        decision = self.do(pb.Command(game_id=GAME_ID, create_game=create), actor)
        if player and not isinstance(decision, pb.Refusal):
            self.secrets["p1"] = secret_of(player)
            self.connect("p1")
        return decision

    def join(
        self,
        name: str,
        *,
        role: pb.PlayerRole.ValueType = pb.PLAYER_ROLE_UNSPECIFIED,
        secret: bytes | None = None,
        external_id: str = "",
        proxied: bool = False,
        connect: bool = True,
        passcode: str = "",
    ) -> Decision:
        secret = secret or secret_of(name)
        join = pb.JoinGame(
            display_name=name,
            role=role,
            seat_secret=secret,
            external_id=external_id,
            proxied=proxied,
        )
        command = pb.Command(join_game=join)
        proven = scrypted(passcode).hash if passcode else b""
        decision = self.do(command, Actor("someone", "", hashed(secret), proven))
        player_id = self.state.player_with_secret(hashed(secret))
        if player_id and not isinstance(decision, pb.Refusal):
            self.secrets[player_id] = secret
            if connect and not proxied:
                self.connect(player_id)
        return decision

    def connect(self, *player_ids: str) -> None:
        self.connected |= set(player_ids)
        for player_id in player_ids:
            self.away_since.pop(player_id, None)
        self.settle()

    def disconnect(self, *player_ids: str) -> None:
        self.connected -= set(player_ids)
        self.away_since.update(dict.fromkeys(player_ids, self.now_ms))
        self.settle()

    def add_story(self, title: str = "Login page", sender: str = "p1") -> Decision:
        add = pb.AddStories(stories=[pb.NewStory(title=title)])
        return self.do(pb.Command(player_id=sender, add_stories=add))

    def start(self, story_id: str = "", sender: str = "p1") -> Decision:
        start = pb.StartRound(story_id=story_id)
        return self.do(pb.Command(player_id=sender, start_round=start))

    def vote(self, player_id: str, card: str, comment: str = "", round_id: str = "") -> Decision:
        vote = pb.SubmitVote(round_id=round_id or self.round_id, card=card, comment=comment)
        return self.do(pb.Command(player_id=player_id, submit_vote=vote))

    def retract(self, player_id: str) -> Decision:
        retract = pb.RetractVote(round_id=self.round_id)
        return self.do(pb.Command(player_id=player_id, retract_vote=retract))

    def reveal(self, sender: str = "p1", *, force: bool = False) -> Decision:
        reveal = pb.RevealVotes(round_id=self.round_id, force=force)
        return self.do(pb.Command(player_id=sender, reveal_votes=reveal))

    def accept(self, story_id: str, value: str, round_id: str = "") -> Decision:
        accept = pb.AcceptEstimate(story_id=story_id, value=value, round_id=round_id)
        return self.do(pb.Command(player_id="p1", accept_estimate=accept))

    def fire(self, kind: str) -> Decision:
        """Fire the timer of this kind as it is set."""
        timer = next(timer for timer in self.state.timers() if timer.kind == kind)
        return self.do(FireTimer(timer.kind, timer.round_id, timer.set_version))


def table(settings: pb.GameSettings | None = None, *others: str) -> Table:
    """A game of Ada (p1, facilitator) and `others`, who are p2, p3 … and connected."""
    game = Table()
    accepted(game.create(settings))
    for name in others:
        accepted(game.join(name))
    return game


def accepted(decision: Decision) -> list[Draft]:
    assert not isinstance(decision, pb.Refusal), decision.message
    return decision


def refused(decision: Decision, reason: pb.Reason.ValueType) -> pb.Refusal:
    assert isinstance(decision, pb.Refusal), "was accepted"
    assert pb.Reason.Name(decision.reason) == pb.Reason.Name(reason), decision.message
    return decision
