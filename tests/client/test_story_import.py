"""A file of stories in chunks: the same ones whenever and wherever it is sent."""

from collections.abc import Sequence

import pytest

import planningpoker.v1 as pb
from planning_poker_client import CommandRefused, StoryFile, read_stories
from planning_poker_client.changes import Receipt
from planning_poker_client.stories.importing import chunks, explained, imported
from planning_poker_model import limits
from tests.client.jira_export import export, issues, row

COUNTS_AS_TWO = 16 * 1024


def ids(file: StoryFile, request_id: str | None = None) -> list[str]:
    return [chunk.request_id for chunk in chunks(file, "", request_id)]


def sizes(file: StoryFile) -> list[int]:
    return [len(chunk.command.add_stories.stories) for chunk in chunks(file, "", None)]


def receipt(*story_ids: str, duplicate: bool = False) -> Receipt:
    return Receipt("c", "g", 9, duplicate, story_ids=story_ids)


def test_the_chunks_are_the_file_in_its_order() -> None:
    file = read_stories(export(issues(1_000)))
    sent: list[pb.NewStory] = []
    for chunk in chunks(file, "s7", None):
        assert chunk.command.add_stories.before_story_id == "s7"
        sent.extend(chunk.command.add_stories.stories)
    assert sent == list(file.stories)


def test_a_chunk_has_a_hundred_stories_at_most() -> None:
    assert sizes(read_stories(export(issues(2)))) == [2]
    assert sizes(read_stories(b"title\n" + b"A\n" * 250)) == [100, 100, 50]


def test_what_people_write_makes_chunks_that_a_server_counts_as_one_command() -> None:
    longest = "登" * limits.STORY_DESCRIPTION
    file = read_stories(export([row(number, Description=longest) for number in range(1, 60)]))
    assert all(chunk.command.ByteSize() < COUNTS_AS_TWO - 300 for chunk in chunks(file, "", None))


def test_what_is_sent_for_a_file_stays_the_same_for_good() -> None:
    # Whoever changes this cannot complete what another version began.
    data = b"title,description\n" + b"A," + b"x" * 1_000 + b"\n"
    data += (b"B," + b"y" * 1_000 + b"\n") * 149
    assert sizes(read_stories(data)) == [15] * 10
    digest = read_stories(data).digest
    assert ids(read_stories(data)) == [f"import/{digest}/{number}" for number in range(10)]
    assert ids(read_stories(data), "hook-7")[-2:] == ["hook-7/8", "hook-7/9"]


def test_another_file_has_other_ids() -> None:
    one, other = read_stories(b"title\nA\n"), read_stories(b"title\nA")
    assert one.stories == other.stories
    assert set(ids(one)).isdisjoint(ids(other))


@pytest.mark.parametrize(
    ("receipts", "added", "already_there"),
    [
        ([receipt("s1", "s2"), receipt("s3")], 3, 0),
        ([receipt("s1", "s2", duplicate=True), receipt("s3")], 1, 2),
        ([receipt("s1", "s2", duplicate=True), receipt("s3", duplicate=True)], 0, 3),
    ],
)
def test_what_was_there_already_is_told_from_what_was_added(
    receipts: Sequence[Receipt], added: int, already_there: int
) -> None:
    told = imported(read_stories(b"title\nA\nB\nC\n"), receipts)
    assert told.story_ids == ("s1", "s2", "s3")
    assert (told.added, told.already_there) == (added, already_there)


def test_a_file_that_was_read_in_another_way_before_is_refused_in_words_about_the_file() -> None:
    reused = CommandRefused(pb.Refusal(reason=pb.REASON_CORRELATION_ID_REUSED, current_version=7))
    told = explained(reused)
    assert (told.reason, told.current_version) == ("CORRELATION_ID_REUSED", 7)
    assert str(told).startswith("This file was imported into this game before")
    other = CommandRefused(pb.Refusal(reason=pb.REASON_TOO_MANY_STORIES, message="Too many."))
    assert explained(other) is other
