"""Random games: whatever people send, in whatever order, these properties hold.

Every command goes through bytes, as through the log. The machine keeps no model
of the rules; it holds what must be true of any game whatever its rules decide.
"""

from typing import Any

from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import planningpoker.storage.v1 as storage
import planningpoker.v1 as pb
from planning_poker_model.limits import GameLimits
from planning_poker_model.view import GameView
from planning_poker_server.domain.consequences import consequences
from planning_poker_server.domain.state import story_size
from planning_poker_server.domain.types import Actor, FireTimer
from tests.server.domain.dump import dump
from tests.server.domain.table import Table, fold, hashed, secret_of

CANARY_CARD = "🐤card"
CANARY_COMMENT = "🐤comment"
DECK = pb.Deck(
    name="with canaries",
    cards=[
        pb.Card(label="1", value=1),
        pb.Card(label="2", value=2),
        pb.Card(label=CANARY_CARD, value=3),
        pb.Card(label="?", special=True),
    ],
)
LIMITS = GameLimits(max_players=5, max_stories=4, max_story_bytes=120, max_events=500)
NAMES = ["Ada", "ada", "Bob", "Cy", "Dee", "Eve", "Fay"]
NUMBERS = st.integers(1, 6)
PLAYERS = NUMBERS.map("p{}".format)
ROLES = st.sampled_from([pb.PLAYER_ROLE_UNSPECIFIED, pb.PLAYER_ROLE_VOTER, pb.PLAYER_ROLE_OBSERVER])
PERMISSIONS = st.sampled_from([pb.PERMISSION_EVERYONE] * 2 + [pb.PERMISSION_FACILITATORS])
SECONDS = st.sampled_from([0, 5, 60])
TITLES = st.sampled_from(["Login page", "Suche", "登录页面", "x" * 60, ""])


@st.composite
def some_settings(draw: st.DrawFn) -> pb.GameSettings:
    chosen = pb.GameSettings(
        deck=DECK,
        reveal=draw(PERMISSIONS),
        manage_rounds=draw(PERMISSIONS),
        manage_stories=draw(PERMISSIONS),
        manage_players=draw(PERMISSIONS),
        electorate=draw(st.sampled_from([pb.ELECTORATE_CONNECTED, pb.ELECTORATE_INVITED])),
        auto_reveal=draw(st.booleans()),
    )
    chosen.reveal_countdown.seconds = draw(SECONDS)
    chosen.round_duration.seconds = draw(SECONDS)
    chosen.claim_grace.seconds = draw(SECONDS)
    return chosen


def trial_events(player_ids: list[str]) -> list[pb.GameEvent]:
    """Events that touch everything a state holds."""
    trial = pb.Player(player_id="p90", display_name="Trial", role=pb.PLAYER_ROLE_VOTER)
    story = pb.Story(story_id="s90", title="Trial")
    opened = pb.Round(round_id="r90", story_id="s90", status=pb.ROUND_STATUS_OPEN)
    revealed = pb.Round(round_id="r90", story_id="s90", status=pb.ROUND_STATUS_REVEALED)
    vote = pb.VoteSubmitted(round_id="r90", player_id="p90")
    left = [
        pb.GameEvent(player_removed=pb.PlayerRemoved(player_id=player_id))
        for player_id in player_ids
    ]
    return [
        *left,
        pb.GameEvent(game_updated=pb.GameUpdated(display_name="Trial")),
        pb.GameEvent(player_joined=pb.PlayerJoined(player=trial)),
        pb.GameEvent(stories_added=pb.StoriesAdded(stories=[story])),
        pb.GameEvent(round_started=pb.RoundStarted(round=opened, story=story)),
        pb.GameEvent(vote_submitted=vote),
        pb.GameEvent(seat_reset=pb.SeatReset(player_id="p90")),
        pb.GameEvent(votes_revealed=pb.VotesRevealed(round=revealed, story=story)),
    ]


class RandomGame(RuleBasedStateMachine):
    """One game and everything that anybody may try with it."""

    def __init__(self) -> None:
        super().__init__()
        self.table = Table(LIMITS)
        self.late_spectator = GameView()
        self.dead: set[bytes] = set()
        self.checked = 0

    # Who sends what.

    def send(self, body: dict[str, Any], sender: str, *, wrong_secret: bool = False) -> None:
        """Ask for a decision, which must change nothing; then let it happen."""
        command = pb.Command(player_id=sender, **body)
        actor = self.table.actor(sender)
        if wrong_secret:
            actor = actor._replace(seat_hash=hashed(b"guessed"))
        self.carry_out(command, actor)

    def carry_out(self, command: pb.Command | FireTimer, actor: Actor) -> None:
        before = dump(self.table.state)
        decision = self.table.ask(command, actor)
        assert dump(self.table.state) == before, "deciding changed something"
        if isinstance(decision, pb.Refusal):
            self.check_refusal(decision)
            return
        seated = self.table.state.seat_hash(actor.player_id)
        assert not actor.player_id or actor.seat_hash == seated, "acted without proof"
        self.table.happen(decision, command, actor)

    def check_refusal(self, refusal: pb.Refusal) -> None:
        assert refusal.reason != pb.REASON_UNSPECIFIED
        assert refusal.code
        assert refusal.definite
        assert refusal.current_version == self.table.state.version
        assert 10 < len(refusal.message) <= 1_000
        assert len(refusal.message.splitlines()) == 1
        assert CANARY_COMMENT not in str(refusal)

    def sender(self, data: st.DataObject) -> str:
        """Mostly somebody at the table; sometimes the owner, or whoever is not there."""
        return data.draw(st.sampled_from([*self.table.view.players] * 4 + [""]))

    def story_id(self, data: st.DataObject) -> str:
        """Mostly a story of the backlog."""
        return data.draw(st.sampled_from([*self.table.view.stories] * 3 + ["", "s1"]))

    def round_id(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from([self.table.round_id] * 4 + ["r1", "r99", "x"]))

    @initialize(owned=st.booleans(), chosen=some_settings(), ttl_ms=st.sampled_from([0, 600_000]))
    def create(self, owned: bool, chosen: pb.GameSettings, ttl_ms: int) -> None:
        self.table.create(chosen, player="" if owned else "Ada", ttl_ms=ttl_ms)
        self.table.join("Bob")
        self.table.join("Cy")
        manager = "" if owned else "p1"
        self.table.add_story("Login page", manager)
        self.table.add_story("Search", manager)
        self.table.start("s1", manager)

    # People.

    @rule(
        name=st.sampled_from(NAMES),
        secret=st.sampled_from(NAMES),
        role=ROLES,
        proxied=st.booleans(),
        external_id=st.sampled_from(["", "", "x1", "x2"]),
    )
    def join(
        self,
        name: str,
        secret: str,
        role: pb.PlayerRole.ValueType,
        proxied: bool,
        external_id: str,
    ) -> None:
        known = self.table.state.player_with_secret(hashed(secret_of(secret)))
        decision = self.table.join(
            name,
            role=role,
            secret=secret_of(secret),
            proxied=proxied,
            external_id=external_id,
        )
        if isinstance(decision, pb.Refusal):
            self.check_refusal(decision)
            return
        assert hashed(secret_of(secret)) not in self.dead, "a dead secret came back to life"
        holder = self.table.state.player_with_secret(hashed(secret_of(secret)))
        assert known in ("", holder), "a known secret got another seat"

    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        self.send({"leave_game": pb.LeaveGame()}, self.sender(data))

    @rule(data=st.data(), whom=PLAYERS)
    def remove(self, data: st.DataObject, whom: str) -> None:
        old = self.table.state.seat_hash(whom)
        self.send({"remove_player": pb.RemovePlayer(player_id=whom)}, self.sender(data))
        if old and whom not in self.table.view.players:
            self.dead.add(old)

    @rule(data=st.data(), whom=PLAYERS, secret=st.sampled_from(NAMES))
    def reset_seat(self, data: st.DataObject, whom: str, secret: str) -> None:
        old, new = self.table.state.seat_hash(whom), secret_of(f"new {secret}")
        reset = pb.ResetSeat(player_id=whom, seat_secret=new)
        self.send({"reset_seat": reset}, self.sender(data))
        if old not in (b"", hashed(new)) and self.table.state.seat_hash(whom) == hashed(new):
            self.dead.add(old)
            self.table.secrets[whom] = new
            if self.table.view.phase == pb.GAME_PHASE_VOTING:
                assert self.table.state.own_vote(whom) == ("", "")

    @rule(
        data=st.data(),
        whom=st.one_of(st.just(""), PLAYERS),
        name=st.one_of(st.none(), st.sampled_from(NAMES)),
        role=st.one_of(st.none(), ROLES),
        facilitator=st.one_of(st.none(), st.booleans()),
    )
    def update_player(
        self,
        data: st.DataObject,
        whom: str,
        name: str | None,
        role: pb.PlayerRole.ValueType | None,
        facilitator: bool | None,
    ) -> None:
        change = pb.UpdatePlayer(
            player_id=whom, display_name=name, role=role, facilitator=facilitator
        )
        self.send({"update_player": change}, self.sender(data))

    @rule(data=st.data())
    def claim(self, data: st.DataObject) -> None:
        self.send({"claim_facilitation": pb.ClaimFacilitation()}, self.sender(data))

    @rule(data=st.data(), body=st.sampled_from(["end_game", "leave_game", "submit_vote"]))
    def guess_a_secret(self, data: st.DataObject, body: str) -> None:
        version = self.table.state.version
        command = pb.Command()
        getattr(command, body).SetInParent()
        name = data.draw(PLAYERS)
        self.send({body: getattr(command, body)}, name, wrong_secret=True)
        assert self.table.state.version == version

    # The backlog.

    @rule(data=st.data(), titles=st.lists(TITLES, max_size=3))
    def add_stories(self, data: st.DataObject, titles: list[str]) -> None:
        stories = [pb.NewStory(title=title) for title in titles]
        add = pb.AddStories(stories=stories, before_story_id=self.story_id(data))
        self.send({"add_stories": add}, self.sender(data))

    @rule(
        data=st.data(),
        title=st.one_of(st.none(), TITLES),
        skipped=st.one_of(st.none(), st.booleans()),
    )
    def update_story(self, data: st.DataObject, title: str | None, skipped: bool | None) -> None:
        story_id = self.story_id(data)
        change = pb.UpdateStory(story_id=story_id, title=title, skipped=skipped)
        self.send({"update_story": change}, self.sender(data))

    @rule(data=st.data())
    def move_story(self, data: st.DataObject) -> None:
        story_id, before = self.story_id(data), self.story_id(data)
        move = pb.MoveStory(story_id=story_id, before_story_id=before)
        self.send({"move_story": move}, self.sender(data))

    @rule(data=st.data())
    def remove_story(self, data: st.DataObject) -> None:
        remove = pb.RemoveStory(story_id=self.story_id(data))
        self.send({"remove_story": remove}, self.sender(data))

    # Rounds and votes.

    @rule(data=st.data(), abandon=st.booleans())
    def start_round(self, data: st.DataObject, abandon: bool) -> None:
        start = pb.StartRound(story_id=self.story_id(data), abandon_open=abandon)
        self.send({"start_round": start}, self.sender(data))

    @rule(data=st.data(), card=st.sampled_from([CANARY_CARD, CANARY_CARD, "1", "?", "7"]))
    def vote(self, data: st.DataObject, card: str) -> None:
        vote = pb.SubmitVote(round_id=self.round_id(data), card=card, comment=CANARY_COMMENT)
        sender = self.sender(data)
        before = self.table.state.version
        self.send({"submit_vote": vote}, sender)
        if self.table.state.version == before + 1:
            assert self.table.state.own_vote(sender) == (card, CANARY_COMMENT)

    @precondition(lambda self: self.table.view.phase == pb.GAME_PHASE_VOTING)
    @rule(card=st.sampled_from([CANARY_CARD, "2"]))
    def all_at_once_vote(self, card: str) -> None:
        self.everyone_votes(card)

    def everyone_votes(self, card: str) -> None:
        for player_id in list(self.table.view.players):
            vote = pb.SubmitVote(round_id=self.table.round_id, card=card)
            self.send({"submit_vote": vote}, player_id)

    @rule(data=st.data(), card=st.sampled_from([CANARY_CARD, "1", "?"]))
    def a_round_is_played(self, data: st.DataObject, card: str) -> None:
        managers = [p.player_id for p in self.table.view.players.values() if p.facilitator]
        manager = managers[0] if managers else ""
        start = pb.StartRound(story_id=self.story_id(data), abandon_open=True)
        self.send({"start_round": start}, manager)
        self.everyone_votes(card)
        reveal = pb.RevealVotes(round_id=self.table.round_id, force=True)
        self.send({"reveal_votes": reveal}, manager)

    @rule(data=st.data())
    def retract(self, data: st.DataObject) -> None:
        retract = pb.RetractVote(round_id=self.round_id(data))
        self.send({"retract_vote": retract}, self.sender(data))

    @rule(data=st.data(), force=st.booleans())
    def reveal(self, data: st.DataObject, force: bool) -> None:
        reveal = pb.RevealVotes(round_id=self.round_id(data), force=force)
        self.send({"reveal_votes": reveal}, self.sender(data))

    @rule(data=st.data())
    def cancel_reveal(self, data: st.DataObject) -> None:
        cancel = pb.CancelReveal(round_id=self.round_id(data))
        self.send({"cancel_reveal": cancel}, self.sender(data))

    @rule(data=st.data(), seconds=SECONDS)
    def set_deadline(self, data: st.DataObject, seconds: int) -> None:
        change = pb.SetDeadline(round_id=self.round_id(data))
        change.remaining.seconds = seconds
        self.send({"set_deadline": change}, self.sender(data))

    @rule(data=st.data())
    def abandon_round(self, data: st.DataObject) -> None:
        abandon = pb.AbandonRound(round_id=self.round_id(data))
        self.send({"abandon_round": abandon}, self.sender(data))

    @rule(data=st.data(), with_round=st.booleans(), value=TITLES)
    def accept(self, data: st.DataObject, with_round: bool, value: str) -> None:
        story_id = self.story_id(data)
        round_id = self.round_id(data) if with_round else ""
        accept = pb.AcceptEstimate(story_id=story_id, round_id=round_id, value=value[:10])
        self.send({"accept_estimate": accept}, self.sender(data))

    # The game, the clock, and who is there.

    @rule(data=st.data(), chosen=some_settings())
    def update_game(self, data: st.DataObject, chosen: pb.GameSettings) -> None:
        self.send({"update_game": pb.UpdateGame(settings=chosen)}, self.sender(data))

    @rule(data=st.data(), dice=st.integers(1, 8))
    def end_game(self, data: st.DataObject, dice: int) -> None:
        assume(dice == 1)
        self.send({"end_game": pb.EndGame()}, self.sender(data))

    @rule(seconds=st.sampled_from([1, 30, 600]))
    def time_passes(self, seconds: int) -> None:
        self.table.now_ms += 1_000 * seconds

    @rule()
    def the_clock_jumps_back(self) -> None:
        self.table.now_ms -= 10_000

    @rule(data=st.data())
    def a_timer_fires(self, data: st.DataObject) -> None:
        timers = self.table.state.timers()
        assume(timers)
        timer = data.draw(st.sampled_from(timers))
        set_version = data.draw(st.sampled_from([timer.set_version, timer.set_version + 1]))
        version = self.table.state.version
        self.carry_out(FireTimer(timer.kind, timer.round_id, set_version), Actor())
        due = set_version == timer.set_version and timer.due_ms <= self.table.now_ms
        assert due == (self.table.state.version > version)

    @rule(player_id=PLAYERS)
    def somebody_comes(self, player_id: str) -> None:
        player = self.table.view.players.get(player_id)
        if player is not None and not player.proxied:
            self.table.connect(player_id)

    @rule(player_id=PLAYERS)
    def somebody_goes(self, player_id: str) -> None:
        self.table.disconnect(player_id)

    @rule(settled=st.booleans())
    def the_room_settles(self, settled: bool) -> None:
        self.table.settled = settled
        self.table.settle()

    @rule()
    def the_server_restarts(self) -> None:
        state = fold(self.table.rows)
        assert dump(state) == dump(self.table.state)
        self.table.state = state

    @rule()
    def a_spectator_comes_late(self) -> None:
        self.late_spectator = GameView.from_game(
            pb.Game.FromString(self.table.view.to_game().SerializeToString())
        )

    @rule()
    def a_trial_copy_goes_its_own_way(self) -> None:
        before = dump(self.table.state)
        trial = self.table.state.fork()
        assert dump(trial) == before
        for event in trial_events(list(self.table.view.players)):
            event.version = trial.version + 1
            trial.evolve(event, storage.Sealed(seat=storage.SealedSeat(secret_hash=b"trial")))
        assert dump(self.table.state) == before

    # What must hold at every moment.

    @invariant()
    def all_promises_are_kept(self) -> None:
        self.every_new_event_keeps_the_promises()
        self.all_who_follow_see_the_same()
        self.no_snapshot_shows_a_card_before_its_reveal()
        self.the_table_makes_sense()
        self.the_round_makes_sense()
        self.the_backlog_makes_sense()
        self.nothing_more_is_due_by_itself()

    def every_new_event_keeps_the_promises(self) -> None:
        last_ms = 0
        for version, row in enumerate(self.table.rows[self.checked :], self.checked + 1):
            event = pb.GameEvent.FromString(row.event)
            assert event.version == version, "a hole in the versions"
            assert event.event_time.ToMilliseconds() >= last_ms, "time went back"
            last_ms = event.event_time.ToMilliseconds()
            self.check_secrecy(event, row.event)
            if event.version > self.late_spectator.version > 0:
                self.late_spectator.apply(event)
        self.checked = len(self.table.rows)

    def check_secrecy(self, event: pb.GameEvent, raw: bytes) -> None:
        kind = event.WhichOneof("event")
        if kind == "votes_revealed":
            return
        assert CANARY_COMMENT.encode() not in raw
        if kind not in ("game_created", "game_updated", "round_started"):
            assert CANARY_CARD.encode() not in raw

    def all_who_follow_see_the_same(self) -> None:
        game = self.table.view.to_game()
        assert self.table.spectator.to_game() == game
        if self.late_spectator.version:
            assert self.late_spectator.to_game() == game

    def no_snapshot_shows_a_card_before_its_reveal(self) -> None:
        game = self.table.view.to_game()
        assert game.version == len(self.table.rows)
        if game.phase == pb.GAME_PHASE_VOTING:
            assert not game.current_round.votes
            assert not game.current_round.HasField("statistics")
            game.settings.ClearField("deck")
            game.current_round.ClearField("deck")
            raw = game.SerializeToString()
            assert CANARY_CARD.encode() not in raw
            assert CANARY_COMMENT.encode() not in raw
        assert "🐤" not in repr(self.table.state)

    def the_table_makes_sense(self) -> None:
        view, state = self.table.view, self.table.state
        players = view.players.values()
        full = state.version >= LIMITS.max_events - 3
        managed = bool(state.owner) or not players or any(p.facilitator for p in players)
        assert managed or full or view.phase == pb.GAME_PHASE_ENDED
        assert len(view.players) <= LIMITS.max_players
        assert len({player.display_name.casefold() for player in players}) == len(view.players)
        external_ids = [player.external_id for player in players if player.external_id]
        assert len(set(external_ids)) == len(external_ids)
        for player_id in view.players:
            assert state.player_with_secret(state.seat_hash(player_id)) == player_id
        for secret_hash in self.dead:
            assert state.player_with_secret(secret_hash) == ""

    def the_round_makes_sense(self) -> None:
        view, state = self.table.view, self.table.state
        voting = view.phase == pb.GAME_PHASE_VOTING
        is_open = view.round is not None and view.round.status == pb.ROUND_STATUS_OPEN
        assert voting == is_open
        assert voting or not view.voted
        for player_id in view.voted:
            assert view.players[player_id].role == pb.PLAYER_ROLE_VOTER
            assert state.sealed_vote(player_id)[0]
        assert voting or not [timer for timer in state.timers() if timer.kind != "lifetime"]

    def the_backlog_makes_sense(self) -> None:
        view, state = self.table.view, self.table.state
        assert len(view.stories) <= LIMITS.max_stories
        assert state.story_bytes == sum(map(story_size, view.stories.values()))
        assert state.story_bytes <= LIMITS.max_story_bytes
        for story in view.stories.values():
            assert story.HasField("estimate") == (story.status == pb.STORY_STATUS_ESTIMATED)

    def nothing_more_is_due_by_itself(self) -> None:
        table = self.table
        assert not consequences(table.state, table.presence, table.now_ms, LIMITS)

    def teardown(self) -> None:
        assert dump(fold(self.table.rows)) == dump(self.table.state)
        assert len(self.table.rows) <= LIMITS.max_events


TestRandomGame = RandomGame.TestCase
TestRandomGame.settings = settings(
    max_examples=50, stateful_step_count=40, deadline=None, derandomize=True, database=None
)
