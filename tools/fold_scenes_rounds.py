"""Scenes of the fold vectors: rounds, votes, and what does not fold as usual.

A function is a vector: its name, and its docstring as the description. It
prepares a table, says `begin`, and lets happen what the vector is about.
"""

import planningpoker.v1 as pb
from tools.fold_table import Table, countdown, revealed, voting, with_bob, with_stories

OBSERVER = pb.PLAYER_ROLE_OBSERVER

# Rounds


def round_started(table: Table) -> None:
    """A round opens with a deadline, and its story counts it."""
    with_stories(table, "Login page", "Search")
    table.begin()
    start = pb.StartRound(story_id="s2")
    start.duration.seconds = 60
    table.do("p1", start_round=start)


def round_started_without_story(table: Table) -> None:
    """A vote needs no story."""
    with_bob(table)
    table.begin()
    table.do("p1", start_round=pb.StartRound())


def round_again(table: Table) -> None:
    """Another round of the same story takes the place of the revealed one, without its votes."""
    revealed(table)
    table.begin()
    table.do("p1", start_round=pb.StartRound(story_id="s1"))


def round_abandoned(table: Table) -> None:
    """The game is in the lobby again, with no round, also where one was revealed before."""
    revealed(table)
    table.do("p1", start_round=pb.StartRound(story_id="s2"))
    table.vote("p2", "3")
    table.begin()
    table.do("p1", abandon_round=pb.AbandonRound(round_id="r2"))


def round_abandoned_for_another(table: Table) -> None:
    """One command abandons the open round and starts the next, in two events."""
    voting(table)
    table.vote("p2", "3")
    table.begin()
    table.do("p1", start_round=pb.StartRound(abandon_open=True))


def votes_submitted_changed_retracted(table: Table) -> None:
    """A changed vote keeps its place; one that is taken back and given again goes to the end."""
    voting(table)
    table.join("p3", "Cid")
    table.begin()
    for player_id in ("p3", "p1", "p2"):
        table.vote(player_id, "1")
    table.vote("p3", "2")
    table.do("p1", retract_vote=pb.RetractVote(round_id="r1"))
    table.vote("p1", "3")


def vote_retracted(table: Table) -> None:
    """The last card is taken back: nobody has voted."""
    voting(table)
    table.vote("p2", "3")
    table.begin()
    table.do("p2", retract_vote=pb.RetractVote(round_id="r1"))


def reveal_scheduled(table: Table) -> None:
    """With the last vote a countdown begins; the open round says when it ends."""
    settings = pb.GameSettings(auto_reveal=True)
    settings.reveal_countdown.seconds = 5
    voting(table, settings)
    table.vote("p1", "2")
    table.begin()
    table.vote("p2", "3")


def reveal_cancelled(table: Table) -> None:
    """A vote that is taken back stops the countdown."""
    countdown(table)
    table.begin()
    table.do("p2", retract_vote=pb.RetractVote(round_id="r1"))


def reveal_after_countdown(table: Table) -> None:
    """The countdown ends: the time of the reveal takes the place of the time it was due."""
    countdown(table)
    table.begin()
    table.fire("countdown")


def deadline_moved(table: Table) -> None:
    """A deadline is set, then moved."""
    voting(table)
    table.begin()
    for seconds in (60, 90):
        deadline = pb.SetDeadline(round_id="r1")
        deadline.remaining.seconds = seconds
        table.do("p1", set_deadline=deadline)


def deadline_lifted(table: Table) -> None:
    """DeadlineSet without a time lifts the deadline."""
    settings = pb.GameSettings()
    settings.round_duration.seconds = 60
    voting(table, settings)
    table.begin()
    table.do("p1", set_deadline=pb.SetDeadline(round_id="r1"))


def deadline_passed_with_votes(table: Table) -> None:
    """The deadline turns the cards there are, and is gone with the open round."""
    settings = pb.GameSettings()
    settings.round_duration.seconds = 60
    voting(table, settings)
    table.vote("p2", "3")
    table.begin()
    table.fire("deadline")


def deadline_passed_without_votes(table: Table) -> None:
    """With no card on the table, the deadline closes the round without a result."""
    settings = pb.GameSettings()
    settings.round_duration.seconds = 60
    voting(table, settings)
    table.begin()
    table.fire("deadline")


def votes_revealed(table: Table) -> None:
    """The event brings the round whole: votes, who is missing, statistics."""
    with_stories(table, "Login page")
    table.join("p3", "Cid")
    table.join("p4", "Dee", role=OBSERVER)
    table.do("p1", start_round=pb.StartRound(story_id="s1"))
    vote = pb.SubmitVote(round_id="r1", card="3", comment="The captcha.")
    table.do("p2", submit_vote=vote)
    table.vote("p1", "1")
    table.begin()
    table.reveal(force=True)


def estimate_accepted_and_changed(table: Table) -> None:
    """The estimate is the story's, in its place; a later one replaces it."""
    revealed(table)
    table.begin()
    accept = pb.AcceptEstimate(story_id="s1", round_id="r1", value="3")
    table.do("p1", accept_estimate=accept)
    table.do("p1", accept_estimate=pb.AcceptEstimate(story_id="s1", value="too big"))


# What does not fold as usual


def unknown_event(table: Table) -> None:
    """An event of a kind that a program does not know moves the version and nothing else.

    So it looks to a program that is older than the kind.
    """
    voting(table)
    table.begin()
    table.do("p1", update_player=pb.UpdatePlayer(display_name="Ada L."))
    table.events[0].ClearField("event")
    table.vote("p2", "3")


def gap(table: Table) -> None:
    """An event that is not the next one must not be folded: what is between is missing."""
    voting(table)
    table.begin()
    table.vote("p1", "2")
    table.vote("p2", "3")
    del table.events[0]
    table.refused = True


def repeated_event(table: Table) -> None:
    """An event that comes again must not be folded again."""
    voting(table)
    table.begin()
    table.vote("p1", "2")
    table.do("p1", retract_vote=pb.RetractVote(round_id="r1"))
    table.events.append(table.events[0])
    table.refused = True


def whole_game(table: Table) -> None:
    """From nothing to the end: two stories, a disagreement, a second round, a late observer."""
    settings = pb.GameSettings(auto_reveal=True)
    table.create(settings)
    table.join("p2", "Bob")
    stories = [pb.NewStory(title="Login page"), pb.NewStory(title="Search")]
    table.do("p1", add_stories=pb.AddStories(stories=stories))
    for cards in (("1", "3"), ("3", "3")):
        table.do("p1", start_round=pb.StartRound(story_id="s1"))
        table.vote("p1", cards[0])
        table.vote("p2", cards[1])
    accept = pb.AcceptEstimate(story_id="s1", round_id="r2", value="3")
    table.do("p1", accept_estimate=accept)
    table.join("p3", "Cid", role=OBSERVER)
    table.do("p1", update_story=pb.UpdateStory(story_id="s2", skipped=True))
    table.do("p1", end_game=pb.EndGame())
