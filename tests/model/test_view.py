"""How public events fold into the view, one kind at a time."""

import pytest

import planningpoker.v1 as pb
from planning_poker_model.decks import BUILT_IN
from planning_poker_model.view import CRITICAL_EVENTS, GameView

ADA = pb.Player(player_id="p1", display_name="Ada", role=pb.PLAYER_ROLE_VOTER, facilitator=True)
BOB = pb.Player(player_id="p2", display_name="Bob", role=pb.PLAYER_ROLE_VOTER)
LOGIN = pb.Story(story_id="s1", title="Login page", status=pb.STORY_STATUS_PENDING)
SEARCH = pb.Story(story_id="s2", title="Search", status=pb.STORY_STATUS_PENDING)
EXPORT = pb.Story(story_id="s3", title="Export", status=pb.STORY_STATUS_PENDING)


def apply(view: GameView, *events: pb.GameEvent) -> GameView:
    for event in events:
        event.version = view.version + 1
        event.event_time.FromMilliseconds(1_000 * event.version)
        view.apply(event)
    return view


def created() -> pb.GameEvent:
    settings = pb.GameSettings(deck=BUILT_IN["fibonacci"])
    game = pb.Game(
        game_id="00", phase=pb.GAME_PHASE_LOBBY, version=1, settings=settings, labels={"a": "b"}
    )
    return pb.GameEvent(game_created=pb.GameCreated(game=game))


def joined(player: pb.Player) -> pb.GameEvent:
    return pb.GameEvent(player_joined=pb.PlayerJoined(player=player))


def updated(player: pb.Player) -> pb.GameEvent:
    return pb.GameEvent(player_updated=pb.PlayerUpdated(player=player))


def added(*stories: pb.Story, before: str = "") -> pb.GameEvent:
    return pb.GameEvent(stories_added=pb.StoriesAdded(stories=stories, before_story_id=before))


def moved(story_id: str, before: str) -> pb.GameEvent:
    return pb.GameEvent(story_moved=pb.StoryMoved(story_id=story_id, before_story_id=before))


def started(round_id: str = "r1", story: pb.Story | None = None) -> pb.GameEvent:
    round_ = pb.Round(
        round_id=round_id,
        story_id=story.story_id if story else "",
        status=pb.ROUND_STATUS_OPEN,
        deck=BUILT_IN["fibonacci"],
    )
    return pb.GameEvent(round_started=pb.RoundStarted(round=round_, story=story))


def voted(player_id: str) -> pb.GameEvent:
    return pb.GameEvent(vote_submitted=pb.VoteSubmitted(round_id="r1", player_id=player_id))


def scheduled(seconds: int) -> pb.GameEvent:
    event = pb.GameEvent(reveal_scheduled=pb.RevealScheduled(round_id="r1"))
    event.reveal_scheduled.reveal_time.seconds = seconds
    return event


def deadline(seconds: int) -> pb.GameEvent:
    event = pb.GameEvent(deadline_set=pb.DeadlineSet(round_id="r1"))
    if seconds:
        event.deadline_set.expire_time.seconds = seconds
    return event


def revealed(*cards: tuple[str, str]) -> pb.GameEvent:
    round_ = pb.Round(round_id="r1", status=pb.ROUND_STATUS_REVEALED)
    for player_id, card in cards:
        round_.voted_player_ids.append(player_id)
        round_.votes.add(player_id=player_id, card=card)
    return pb.GameEvent(votes_revealed=pb.VotesRevealed(round=round_))


ABANDONED = pb.GameEvent(round_abandoned=pb.RoundAbandoned(round_id="r1"))
CANCELLED = pb.GameEvent(reveal_cancelled=pb.RevealCancelled(round_id="r1"))


def lobby() -> GameView:
    return apply(GameView(), created(), joined(ADA), joined(BOB))


def voting() -> GameView:
    return apply(lobby(), started())


def round_of(view: GameView) -> pb.Round:
    game = view.to_game()
    assert game.HasField("current_round")
    return game.current_round


def test_a_created_game_is_in_the_lobby_at_version_one() -> None:
    game = apply(GameView(), created()).to_game()
    assert (game.phase, game.version, dict(game.labels)) == (pb.GAME_PHASE_LOBBY, 1, {"a": "b"})


@pytest.mark.parametrize("version", [0, 1, 3, 5])
def test_an_event_that_is_not_the_next_is_an_error_and_changes_nothing(version: int) -> None:
    view = apply(GameView(), created())
    before = view.to_game()
    event = joined(ADA)
    event.version = version
    with pytest.raises(ValueError, match="does not follow"):
        view.apply(event)
    assert view.to_game() == before


def test_an_event_of_an_unknown_kind_only_advances_the_version() -> None:
    view = lobby()
    before = view.to_game()
    apply(view, pb.GameEvent.FromString(b"\xba\x3e\x02\x08\x01"))
    before.version += 1
    assert view.to_game() == before


def test_players_are_in_the_order_of_joining() -> None:
    assert list(lobby().players) == ["p1", "p2"]


def test_who_comes_back_to_a_seat_joins_at_the_end() -> None:
    left = pb.GameEvent(player_left=pb.PlayerLeft(player_id="p1"))
    assert list(apply(lobby(), left, joined(ADA)).players) == ["p2", "p1"]


def test_who_left_or_was_removed_has_no_vote_in_the_open_round() -> None:
    view = apply(voting(), voted("p1"), voted("p2"))
    apply(view, pb.GameEvent(player_left=pb.PlayerLeft(player_id="p1")))
    assert list(round_of(view).voted_player_ids) == ["p2"]
    apply(view, pb.GameEvent(player_removed=pb.PlayerRemoved(player_id="p2")))
    assert list(round_of(view).voted_player_ids) == []
    assert not view.players


def test_a_voter_who_becomes_an_observer_loses_the_open_vote() -> None:
    observer = pb.Player(player_id="p1", display_name="Ada", role=pb.PLAYER_ROLE_OBSERVER)
    view = apply(voting(), voted("p1"), updated(observer))
    assert not view.has_voted("p1")
    assert view.players["p1"] == observer


def test_a_renamed_player_keeps_place_and_vote() -> None:
    renamed = pb.Player(player_id="p1", display_name="Ada L.", role=pb.PLAYER_ROLE_VOTER)
    view = apply(voting(), voted("p1"), updated(renamed))
    assert view.has_voted("p1")
    assert [player.display_name for player in view.players.values()] == ["Ada L.", "Bob"]


def test_stories_stand_where_they_were_added() -> None:
    assert list(apply(lobby(), added(LOGIN, SEARCH), added(EXPORT)).stories) == ["s1", "s2", "s3"]
    view = apply(lobby(), added(LOGIN), added(SEARCH, EXPORT, before="s1"))
    assert list(view.stories) == ["s2", "s3", "s1"]


@pytest.mark.parametrize(
    ("story", "before", "order"),
    [("s3", "s1", "s3 s1 s2"), ("s1", "", "s2 s3 s1"), ("s1", "s3", "s2 s1 s3")],
)
def test_a_moved_story_stands_before_the_one_named(story: str, before: str, order: str) -> None:
    view = apply(lobby(), added(LOGIN, SEARCH, EXPORT), moved(story, before))
    assert list(view.stories) == order.split()


def test_a_removed_story_is_gone_and_its_round_stays() -> None:
    view = apply(lobby(), added(LOGIN), started(story=LOGIN), revealed(("p1", "5")))
    apply(view, pb.GameEvent(story_removed=pb.StoryRemoved(story_id="s1")))
    assert not view.stories
    assert round_of(view).votes[0].card == "5"
    assert view.current_story is None


def test_a_started_round_brings_its_story_as_it_is_now() -> None:
    again = pb.Story(story_id="s1", title="Login page", round_count=2)
    view = apply(lobby(), added(LOGIN, SEARCH), started(story=again))
    assert list(view.stories.values()) == [again, SEARCH]
    assert view.current_story == again
    assert view.phase == pb.GAME_PHASE_VOTING


def test_who_voted_is_listed_in_the_order_of_first_votes() -> None:
    view = apply(voting(), voted("p2"), voted("p1"), voted("p2"))
    assert list(round_of(view).voted_player_ids) == ["p2", "p1"]
    retracted = pb.GameEvent(vote_retracted=pb.VoteRetracted(round_id="r1", player_id="p2"))
    assert list(round_of(apply(view, retracted, voted("p2"))).voted_player_ids) == ["p1", "p2"]


def test_a_deadline_is_set_moved_and_lifted() -> None:
    view = apply(voting(), deadline(50))
    assert round_of(view).expire_time.seconds == 50
    assert round_of(apply(view, deadline(70))).expire_time.seconds == 70
    assert not round_of(apply(view, deadline(0))).HasField("expire_time")


def test_a_countdown_runs_until_it_is_cancelled() -> None:
    view = apply(voting(), voted("p1"), scheduled(60))
    assert round_of(view).reveal_time.seconds == 60
    assert not round_of(apply(view, CANCELLED)).HasField("reveal_time")


def test_a_revealed_round_is_as_its_event_has_it() -> None:
    view = apply(voting(), deadline(50), voted("p1"), scheduled(60), revealed(("p1", "5")))
    assert round_of(view) == revealed(("p1", "5")).votes_revealed.round
    assert view.phase == pb.GAME_PHASE_REVEALED
    assert view.votes["p1"].card == "5"
    assert view.has_voted("p1")
    assert not view.has_voted("p2")


def test_an_abandoned_round_leaves_the_lobby() -> None:
    view = apply(voting(), voted("p1"), deadline(50), ABANDONED)
    assert view.phase == pb.GAME_PHASE_LOBBY
    assert not view.to_game().HasField("current_round")
    assert not view.has_voted("p1")


def test_the_next_round_begins_without_votes_deadline_and_countdown() -> None:
    view = apply(voting(), voted("p1"), deadline(50), scheduled(60), ABANDONED, started("r2"))
    assert round_of(view) == started("r2").round_started.round


def test_an_ended_game_keeps_its_last_revealed_round() -> None:
    view = apply(voting(), voted("p1"), revealed(("p1", "5")))
    game = apply(view, pb.GameEvent(game_ended=pb.GameEnded())).to_game()
    assert game.phase == pb.GAME_PHASE_ENDED
    assert game.end_time.seconds == game.version
    assert game.current_round.votes[0].card == "5"


def test_an_updated_game_has_the_new_name_settings_and_passcode_mark() -> None:
    settings = pb.GameSettings(deck=BUILT_IN["t_shirt"], auto_reveal=True)
    event = pb.GameUpdated(display_name="Retro", settings=settings, passcode_required=True)
    game = apply(lobby(), pb.GameEvent(game_updated=event)).to_game()
    assert (game.display_name, game.settings, game.passcode_required) == ("Retro", settings, True)


def test_a_reset_seat_is_seen_by_its_version_only() -> None:
    view = lobby()
    before = view.to_game()
    apply(view, pb.GameEvent(seat_reset=pb.SeatReset(player_id="p1")))
    before.version += 1
    assert view.to_game() == before


def test_an_accepted_estimate_is_on_its_story() -> None:
    estimated = pb.Story(story_id="s1", title="Login page", estimate=pb.Estimate(value="5"))
    event = pb.GameEvent(estimate_accepted=pb.EstimateAccepted(story=estimated))
    assert apply(lobby(), added(LOGIN), event).stories["s1"].estimate.value == "5"


def test_a_view_taken_from_a_snapshot_goes_on_like_the_one_it_shows() -> None:
    view = apply(voting(), voted("p2"), deadline(50), scheduled(60))
    other = GameView.from_game(view.to_game())
    assert other == view
    for each in (view, other):
        apply(each, voted("p1"), CANCELLED, deadline(0))
    assert other == view
    assert list(round_of(other).voted_player_ids) == ["p2", "p1"]
    for each in (view, other):
        apply(each, revealed(("p2", "3"), ("p1", "5")))
    assert other == view


def test_a_view_taken_from_a_snapshot_shows_all_that_is_in_it() -> None:
    view = apply(lobby(), added(LOGIN), started(story=LOGIN), voted("p1"), revealed(("p1", "5")))
    game = apply(view, pb.GameEvent(game_ended=pb.GameEnded())).to_game()
    game.display_name = "Sprint 12"
    game.join_code = "K7QF-3M"
    game.passcode_required = True
    game.create_time.seconds = 1
    game.expire_time.seconds = 2
    assert {field.name for field, _ in game.ListFields()} == set(pb.Game.DESCRIPTOR.fields_by_name)
    assert GameView.from_game(game).to_game() == game


def test_before_its_first_event_a_view_shows_nothing() -> None:
    assert GameView().to_game() == pb.Game(settings=pb.GameSettings())
    assert GameView.from_game(GameView().to_game()) == GameView()


def test_before_the_first_round_there_are_no_votes_and_no_story() -> None:
    view = lobby()
    assert view.votes == {}
    assert view.current_story is None
    assert view.current_round is None
    assert not view.has_voted("p1")


def test_a_late_event_does_not_bring_a_removed_story_back() -> None:
    view = apply(lobby(), added(LOGIN))
    apply(view, pb.GameEvent(story_removed=pb.StoryRemoved(story_id="s1")))
    apply(view, pb.GameEvent(story_updated=pb.StoryUpdated(story=LOGIN)), moved("s1", ""))
    assert not view.stories


def test_a_copy_goes_its_own_way() -> None:
    view = apply(voting(), added(LOGIN), voted("p1"))
    before = view.to_game()
    copy = view.copy()
    assert copy == view
    apply(copy, voted("p2"), added(SEARCH), joined(pb.Player(player_id="p3")), deadline(50))
    apply(copy, ABANDONED)
    assert view.to_game() == before


def test_a_player_is_found_by_id_and_by_name_as_people_read_it() -> None:
    view = lobby()
    assert view.player("p2") is view.player("bob") is view.players["p2"]
    assert view.player("Cy") is None


def test_the_events_that_are_reported_exist() -> None:
    kinds = {field.name for field in pb.GameEvent.DESCRIPTOR.oneofs_by_name["event"].fields}
    assert kinds >= CRITICAL_EVENTS
