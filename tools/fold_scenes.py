"""Scenes of the fold vectors: the game, its people and its backlog.

A function is a vector: its name, and its docstring as the description. It
prepares a table, says `begin`, and lets happen what the vector is about.
"""

import planningpoker.v1 as pb
from tools.fold_table import DECK, Table, revealed, voting, with_bob, with_stories

OBSERVER = pb.PLAYER_ROLE_OBSERVER

# The game


def game_created(table: Table) -> None:
    """The first event brings the whole game; its creator takes a seat in the second."""
    create = pb.CreateGame(labels={"team": "checkout", "channel": "C042"})
    create.ttl.FromSeconds(86_400)
    table.create(labels=create.labels, ttl=create.ttl)


def game_renamed(table: Table) -> None:
    """GameUpdated gives name, settings and passcode whole; here only the name differs."""
    with_bob(table)
    table.begin()
    table.do("p1", update_game=pb.UpdateGame(display_name="Sprint 13"))


def passcode_set(table: Table) -> None:
    """That a passcode is asked for is all that anyone is told of it."""
    with_bob(table)
    table.begin()
    table.do("p1", update_game=pb.UpdateGame(passcode="open sesame"))


def deck_changed_after_reveal(table: Table) -> None:
    """The settings get another deck; the revealed round keeps the one it was played with."""
    revealed(table)
    table.begin()
    deck = pb.Deck(name="halves", cards=[pb.Card(label="½", value=0.5), *DECK.cards])
    table.do("p1", update_game=pb.UpdateGame(settings=pb.GameSettings(deck=deck)))


def game_ended_after_reveal(table: Table) -> None:
    """The end keeps the last revealed round; the time of the end is that of the event."""
    revealed(table)
    table.begin()
    table.do("p1", end_game=pb.EndGame())


def game_ended_in_round(table: Table) -> None:
    """An open round is abandoned by an event of its own before the end."""
    voting(table)
    table.vote("p1", "2")
    table.begin()
    table.do("p1", end_game=pb.EndGame())


# People


def player_joined_late(table: Table) -> None:
    """Who comes during a round sits at the end of the table and may vote."""
    voting(table)
    table.vote("p1", "2")
    table.begin()
    table.join("p3", "Cid", external_id="U123")
    table.vote("p3", "3")


def player_came_back(table: Table) -> None:
    """Who leaves and takes the same seat again sits at the end of the table."""
    with_bob(table)
    table.join("p3", "Cid")
    table.begin()
    table.do("p2", leave_game=pb.LeaveGame())
    table.join("p2", "Bob")


def player_renamed(table: Table) -> None:
    """A changed player keeps the place at the table, and the open vote."""
    voting(table)
    table.vote("p1", "2")
    table.begin()
    table.do("p1", update_player=pb.UpdatePlayer(display_name="Ada L."))


def facilitation_handed_over(table: Table) -> None:
    """Facilitation is a property of the player, apart from the role."""
    with_bob(table)
    table.begin()
    table.do("p1", update_player=pb.UpdatePlayer(player_id="p2", facilitator=True))
    table.do("p1", update_player=pb.UpdatePlayer(facilitator=False))


def observer_loses_open_vote(table: Table) -> None:
    """A voter who becomes an observer has no card on the table any more."""
    voting(table)
    table.vote("p2", "3")
    table.vote("p1", "2")
    table.begin()
    table.do("p2", update_player=pb.UpdatePlayer(role=OBSERVER))


def observer_keeps_revealed_vote(table: Table) -> None:
    """Once the cards are turned, becoming an observer changes nothing about the round."""
    revealed(table)
    table.begin()
    table.do("p2", update_player=pb.UpdatePlayer(role=OBSERVER))


def player_left_during_round(table: Table) -> None:
    """Who leaves takes the open vote along."""
    voting(table)
    table.vote("p2", "3")
    table.vote("p1", "2")
    table.begin()
    table.do("p2", leave_game=pb.LeaveGame())


def player_removed_during_round(table: Table) -> None:
    """Who is removed loses the open vote; the others' votes stay in their order."""
    voting(table)
    table.join("p3", "Cid")
    for player_id in ("p2", "p3", "p1"):
        table.vote(player_id, "2")
    table.begin()
    table.do("p1", remove_player=pb.RemovePlayer(player_id="p3"))


def player_removed_after_reveal(table: Table) -> None:
    """A revealed round keeps the votes of those who are gone."""
    revealed(table)
    table.begin()
    table.do("p1", remove_player=pb.RemovePlayer(player_id="p2"))


def facilitator_succeeded(table: Table) -> None:
    """When the last facilitator leaves, the server makes another player one."""
    with_bob(table)
    table.begin()
    table.do("p1", leave_game=pb.LeaveGame())


def seat_reset(table: Table) -> None:
    """A seat's new secret changes nothing that can be seen: only the version moves."""
    voting(table)
    table.vote("p2", "3")
    table.begin()
    table.do("p1", reset_seat=pb.ResetSeat(player_id="p2", seat_secret=b"n" * 32))


# Stories


def stories_added(table: Table) -> None:
    """Stories go to the end, or before the one that is named, in their own order."""
    with_bob(table)
    table.begin()
    login, search = pb.NewStory(title="Login page"), pb.NewStory(title="Search", key="PP-2")
    table.do("p1", add_stories=pb.AddStories(stories=[login, search]))
    more = [pb.NewStory(title="Export"), pb.NewStory(title="Import", url="https://example.com/4")]
    table.do("p1", add_stories=pb.AddStories(stories=more, before_story_id="s2"))


def story_edited_and_skipped(table: Table) -> None:
    """StoryUpdated gives the story whole, in its place: a skipped one has no estimate."""
    with_stories(table, "Login page", "Search")
    table.do("p1", accept_estimate=pb.AcceptEstimate(story_id="s1", value="3"))
    table.begin()
    table.do("p1", update_story=pb.UpdateStory(story_id="s1", title="Sign-in page"))
    table.do("p1", update_story=pb.UpdateStory(story_id="s1", skipped=True))


def story_edited_in_round(table: Table) -> None:
    """The text of the story that is voted on changes; the open round goes on."""
    with_stories(table, "Login page")
    table.do("p1", start_round=pb.StartRound(story_id="s1"))
    table.vote("p2", "3")
    table.begin()
    table.do("p1", update_story=pb.UpdateStory(story_id="s1", description="With a captcha."))


def story_moved(table: Table) -> None:
    """A story goes before another one, up or down."""
    with_stories(table, "Login page", "Search", "Export", "Import")
    table.begin()
    table.do("p1", move_story=pb.MoveStory(story_id="s4", before_story_id="s2"))
    table.do("p1", move_story=pb.MoveStory(story_id="s1", before_story_id="s3"))


def story_moved_to_the_end(table: Table) -> None:
    """Without a story to stand before, a story goes to the end."""
    with_stories(table, "Login page", "Search", "Export")
    table.begin()
    table.do("p1", move_story=pb.MoveStory(story_id="s1"))


def story_removed(table: Table) -> None:
    """The others close ranks."""
    with_stories(table, "Login page", "Search", "Export")
    table.begin()
    table.do("p1", remove_story=pb.RemoveStory(story_id="s2"))


def story_removed_after_reveal(table: Table) -> None:
    """The revealed round stays, and names a story that is not there any more."""
    revealed(table)
    table.begin()
    table.do("p1", remove_story=pb.RemoveStory(story_id="s1"))
