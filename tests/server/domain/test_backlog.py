"""Stories: added, edited, moved, skipped, removed, within the limits of a game."""

import pytest

import planningpoker.v1 as pb
from planning_poker_model.limits import GameLimits
from planning_poker_server.domain.types import Decision
from tests.server.domain.table import Table, accepted, refused, table


def add(game: Table, *titles: str, before: str = "") -> Decision:
    stories = [pb.NewStory(title=title) for title in titles]
    command = pb.AddStories(stories=stories, before_story_id=before)
    return game.do(pb.Command(player_id="p1", add_stories=command))


def add_one(game: Table, story: pb.NewStory) -> Decision:
    return game.do(pb.Command(player_id="p1", add_stories=pb.AddStories(stories=[story])))


def edit(game: Table, change: pb.UpdateStory) -> Decision:
    return game.do(pb.Command(player_id="p1", update_story=change))


def skip(game: Table, story_id: str, yes: bool = True) -> Decision:
    return edit(game, pb.UpdateStory(story_id=story_id, skipped=yes))


def move(game: Table, story_id: str, before: str) -> Decision:
    command = pb.MoveStory(story_id=story_id, before_story_id=before)
    return game.do(pb.Command(player_id="p1", move_story=command))


def remove(game: Table, story_id: str) -> Decision:
    return game.do(pb.Command(player_id="p1", remove_story=pb.RemoveStory(story_id=story_id)))


@pytest.fixture
def game() -> Table:
    """With the stories s1, s2, s3."""
    game = table(None, "Bob")
    accepted(add(game, "Login page", "Search", "Export"))
    return game


def test_stories_are_pending_and_in_their_order(game: Table) -> None:
    assert [story.title for story in game.view.stories.values()] == [
        "Login page",
        "Search",
        "Export",
    ]
    assert {story.status for story in game.view.stories.values()} == {pb.STORY_STATUS_PENDING}


def test_many_stories_are_one_event() -> None:
    game = table()
    accepted(add(game, *map(str, range(1_000))))
    assert game.kinds(2) == ["stories_added"]
    assert len(game.view.stories) == 1_000


def test_stories_go_before_another(game: Table) -> None:
    accepted(add(game, "Urgent", "Also urgent", before="s2"))
    assert list(game.view.stories) == ["s1", "s4", "s5", "s2", "s3"]


def test_all_fields_of_a_story_are_kept_trimmed() -> None:
    game = table()
    description = "\nAs a user\r\n\tI want in\n"
    story = pb.NewStory(
        title=" Login ", description=description, key=" PP-1 ", url=" https://example.org/1 "
    )
    accepted(add_one(game, story))
    kept = game.view.stories["s1"]
    assert kept.title == "Login"
    assert kept.description == "As a user\n\tI want in"
    assert (kept.key, kept.url) == ("PP-1", "https://example.org/1")


@pytest.mark.parametrize(
    ("story", "field"),
    [
        (pb.NewStory(title=""), "title"),
        (pb.NewStory(title=" \n "), "title"),
        (pb.NewStory(title="x" * 201), "title"),
        (pb.NewStory(title="one\ntwo"), "title"),
        (pb.NewStory(title="x", description="y" * 4_001), "description"),
        (pb.NewStory(title="x", description="\x1b[2J"), "description"),
        (pb.NewStory(title="x", key="y" * 65), "key"),
    ],
)
def test_text_that_cannot_be_kept_is_refused_naming_the_field(
    story: pb.NewStory, field: str
) -> None:
    refusal = refused(add_one(table(), story), pb.REASON_INVALID_TEXT)
    assert refusal.details["field"] == field
    assert field in refusal.message
    assert refusal.details["limit"].isdigit()


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "ftp://example.org",
        "//example.org",
        "example.org",
        "https://",
        "http:///path",
        "https://exa mple.org",
        "https://example.org/a\nb",
        "data:text/html,x",
    ],
)
def test_a_link_that_is_not_http_is_refused(url: str) -> None:
    decision = add_one(table(), pb.NewStory(title="x", url=url))
    assert isinstance(decision, pb.Refusal)
    assert decision.details["field"] == "url"


@pytest.mark.parametrize("url", ["http://example.org", "HTTPS://example.org:8443/a?b=ö#c"])
def test_a_link_over_http_is_fine(url: str) -> None:
    accepted(add_one(table(), pb.NewStory(title="x", url=url)))


def test_one_bad_story_of_many_and_none_is_added(game: Table) -> None:
    refused(add(game, "fine", ""), pb.REASON_INVALID_TEXT)
    assert len(game.view.stories) == 3


def test_adding_nothing_is_refused(game: Table) -> None:
    refused(add(game), pb.REASON_INVALID_VALUE)


def test_adding_before_a_story_that_is_not_there_is_refused(game: Table) -> None:
    refused(add(game, "x", before="s9"), pb.REASON_STORY_NOT_FOUND)


def test_the_backlog_has_room_for_so_many_stories_and_no_more() -> None:
    game = Table(GameLimits(max_stories=2))
    accepted(game.create())
    accepted(add(game, "one"))
    refusal = refused(add(game, "two", "three"), pb.REASON_TOO_MANY_STORIES)
    assert refusal.details["limit"] == "2"
    accepted(add(game, "two"))
    refused(add(game, "three"), pb.REASON_TOO_MANY_STORIES)


def test_the_texts_of_a_backlog_are_bounded_in_bytes() -> None:
    game = Table(GameLimits(max_story_bytes=10))
    accepted(game.create())
    accepted(add(game, "äöü"))
    refused(add(game, "12345"), pb.REASON_TOO_MUCH_TEXT)
    accepted(add(game, "1234"))
    longer = pb.UpdateStory(story_id="s2", description="x")
    refused(edit(game, longer), pb.REASON_TOO_MUCH_TEXT)
    accepted(edit(game, pb.UpdateStory(story_id="s1", title="a")))
    accepted(edit(game, longer))
    accepted(remove(game, "s2"))
    accepted(add(game, "123456789"))


def test_an_edit_changes_only_what_it_names(game: Table) -> None:
    accepted(edit(game, pb.UpdateStory(story_id="s1", key="PP-1")))
    accepted(edit(game, pb.UpdateStory(story_id="s1", description="more")))
    story = game.view.stories["s1"]
    assert (story.title, story.key, story.description) == ("Login page", "PP-1", "more")
    accepted(edit(game, pb.UpdateStory(story_id="s1", url="https://example.org/1")))
    assert game.view.stories["s1"].url == "https://example.org/1"
    accepted(edit(game, pb.UpdateStory(story_id="s1", key="")))
    story = game.view.stories["s1"]
    assert (story.key, story.description, story.url) == ("", "more", "https://example.org/1")


def test_an_edit_that_changes_nothing_has_no_event(game: Table) -> None:
    assert accepted(edit(game, pb.UpdateStory(story_id="s1", title=" Login page"))) == []
    assert accepted(edit(game, pb.UpdateStory(story_id="s1", skipped=False))) == []


def test_an_edit_to_an_empty_title_is_refused(game: Table) -> None:
    refused(edit(game, pb.UpdateStory(story_id="s1", title="")), pb.REASON_INVALID_TEXT)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (pb.UpdateStory(title="x" * 201), "title"),
        (pb.UpdateStory(description="\x1b[2J"), "description"),
        (pb.UpdateStory(key="x" * 65), "key"),
        (pb.UpdateStory(url="javascript:alert(1)"), "url"),
    ],
)
def test_an_edit_is_held_to_the_same_rules(game: Table, change: pb.UpdateStory, field: str) -> None:
    change.story_id = "s1"
    decision = edit(game, change)
    assert isinstance(decision, pb.Refusal)
    assert decision.details["field"] == field


def test_the_story_that_is_voted_on_may_be_edited_and_moved(game: Table) -> None:
    accepted(game.start("s1"))
    accepted(edit(game, pb.UpdateStory(story_id="s1", title="Login form")))
    accepted(move(game, "s1", ""))
    assert game.view.stories["s1"].title == "Login form"
    assert game.view.phase == pb.GAME_PHASE_VOTING


def test_a_story_is_skipped_and_pending_again(game: Table) -> None:
    accepted(skip(game, "s1"))
    assert game.view.stories["s1"].status == pb.STORY_STATUS_SKIPPED
    assert accepted(skip(game, "s1")) == []
    accepted(skip(game, "s1", yes=False))
    assert game.view.stories["s1"].status == pb.STORY_STATUS_PENDING


def test_a_skipped_story_has_no_estimate_any_more(game: Table) -> None:
    accepted(game.accept("s1", "5"))
    accepted(skip(game, "s1"))
    assert not game.view.stories["s1"].HasField("estimate")


def test_an_estimated_story_stays_so_when_told_not_to_be_skipped(game: Table) -> None:
    accepted(game.accept("s1", "5"))
    assert accepted(skip(game, "s1", yes=False)) == []


def test_voting_on_a_skipped_story_makes_it_pending(game: Table) -> None:
    accepted(skip(game, "s1"))
    accepted(game.start("s1"))
    assert game.view.stories["s1"].status == pb.STORY_STATUS_PENDING


def test_the_story_of_the_open_round_is_neither_skipped_nor_removed(game: Table) -> None:
    accepted(game.start("s1"))
    refused(skip(game, "s1"), pb.REASON_STORY_IN_ROUND)
    refused(remove(game, "s1"), pb.REASON_STORY_IN_ROUND)
    accepted(skip(game, "s2"))
    accepted(remove(game, "s3"))


def test_the_story_of_a_revealed_round_may_be_skipped_and_removed(game: Table) -> None:
    accepted(game.start("s1"))
    accepted(game.vote("p1", "5"))
    accepted(game.reveal(force=True))
    accepted(skip(game, "s1"))
    accepted(remove(game, "s1"))
    assert game.view.round is not None
    assert game.view.round.story_id == "s1"


def test_a_removed_storys_id_is_never_used_again(game: Table) -> None:
    accepted(remove(game, "s3"))
    accepted(add(game, "New"))
    assert list(game.view.stories) == ["s1", "s2", "s4"]


@pytest.mark.parametrize(
    ("story", "before", "order"),
    [("s3", "s1", "s3 s1 s2"), ("s1", "", "s2 s3 s1"), ("s1", "s3", "s2 s1 s3")],
)
def test_a_story_is_moved(game: Table, story: str, before: str, order: str) -> None:
    accepted(move(game, story, before))
    assert list(game.view.stories) == order.split()


@pytest.mark.parametrize(("story", "before"), [("s1", "s1"), ("s1", "s2"), ("s3", "")])
def test_a_move_to_where_the_story_stands_has_no_event(
    game: Table, story: str, before: str
) -> None:
    assert accepted(move(game, story, before)) == []


@pytest.mark.parametrize("story_id", ["s9", "s999999999"])
def test_a_story_that_is_not_there_is_not_found(game: Table, story_id: str) -> None:
    refused(skip(game, story_id), pb.REASON_STORY_NOT_FOUND)
    refused(remove(game, story_id), pb.REASON_STORY_NOT_FOUND)
    refused(move(game, story_id, "s1"), pb.REASON_STORY_NOT_FOUND)
    refused(move(game, "s1", story_id), pb.REASON_STORY_NOT_FOUND)
    refused(game.start(story_id), pb.REASON_STORY_NOT_FOUND)
    refused(game.accept(story_id, "5"), pb.REASON_STORY_NOT_FOUND)
