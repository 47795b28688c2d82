"""Answers wait behind the events they follow from."""

from planning_poker_server.answers import Answers


def taken(answers: Answers) -> list[bytes]:
    frames: list[bytes] = []
    while (frame := answers.take()) is not None:
        frames.append(frame)
    return frames


def test_what_is_put_is_taken_in_order() -> None:
    answers = Answers()
    answers.put(b"1")
    answers.put(b"22")
    assert (answers.ready, answers.ready_bytes) == (2, 3)
    assert taken(answers) == [b"1", b"22"]
    assert (answers.ready, answers.ready_bytes) == (0, 0)


def test_what_is_held_follows_the_events_of_its_own_game() -> None:
    answers = Answers()
    answers.hold("a", 5, b"a5")
    answers.hold("a", 7, b"a7")
    answers.hold("b", 1, b"b1")
    answers.release("a", 4)
    assert taken(answers) == []
    answers.release("a", 6)
    assert taken(answers) == [b"a5"]
    assert (answers.held, answers.held_of("a"), answers.held_of("b")) == (2, 1, 1)


def test_all_is_released_where_no_more_events_come() -> None:
    answers = Answers()
    answers.hold("a", 5, b"a5")
    answers.hold("a", 7, b"a7")
    answers.release("a")
    answers.release("unknown")
    assert taken(answers) == [b"a5", b"a7"]
    assert answers.held == 0


def test_nothing_follows_the_last_frame() -> None:
    answers = Answers()
    answers.hold("a", 5, b"a5")
    answers.put(b"goodbye")
    answers.close()
    answers.put(b"late")
    answers.release("a")
    assert taken(answers) == [b"goodbye"]
