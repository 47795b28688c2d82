import io
import json
import logging
import re
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from loguru import logger

from planning_poker_server.observability import configure_logging
from planning_poker_server.settings import LoggingSettings
from planningpoker import v1 as pb

CANARY = "7fc4-canary"
HOSTILE = "Ada\r\n2026-01-01 INFO forged\x1b[31m\x00\u202e\u200b\u2028\x85end"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Logging is process-wide: put back what the test changed."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield
    logger.remove()
    logging.captureWarnings(capture=False)
    root.handlers, root.level = handlers, level


class Log(io.StringIO):
    """What was logged."""

    def lines(self) -> list[str]:
        text = self.getvalue()
        assert text.endswith("\n") or not text
        return text.split("\n")[:-1]

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines()]

    def record(self) -> dict[str, Any]:
        (only,) = self.records()
        return only


def log(form: str = "json", level: str = "INFO") -> Log:
    sink = Log()
    configure_logging(LoggingSettings(level=level, format=form), sink)
    return sink


def fail_with(card: str, message: str = "it broke") -> None:
    """Raise with a secret in a local variable, in the way of any bug."""
    raise RuntimeError(message)


def test_a_json_record_has_time_level_message_logger_and_what_was_bound() -> None:
    out = log()
    logger.bind(correlation_id="c1", game_id="g1", session_id="s1", count=3).info("Joined {}", "x")
    record = out.record()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.pop("timestamp"))
    assert record == {
        "level": "INFO",
        "message": "Joined x",
        "logger": __name__,
        "correlation_id": "c1",
        "game_id": "g1",
        "session_id": "s1",
        "count": 3,
    }


def test_what_is_bound_cannot_replace_what_every_record_has() -> None:
    out = log()
    logger.bind(level="x", message="y", exception="z").info("real")
    record = out.record()
    assert (record["level"], record["message"]) == ("INFO", "real")
    assert (record["extra_level"], record["extra_exception"]) == ("x", "z")


def test_a_text_record_reads_as_one_line_with_what_was_bound() -> None:
    out = log("text")
    logger.bind(game_id="g1").warning("Slow")
    (line,) = out.lines()
    pattern = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z WARNING  \S+: Slow game_id=g1"
    assert re.fullmatch(pattern, line)


def test_the_level_of_the_settings_holds_for_both_kinds_of_logging() -> None:
    out = log(level="WARNING")
    logger.info("no")
    logging.getLogger("some.library").info("no")
    logger.warning("yes")
    logging.getLogger("some.library").warning("yes")
    assert [record["message"] for record in out.records()] == ["yes", "yes"]


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("where", ["message", "value", "key", "nested", "exception", "library"])
def test_a_hostile_text_never_makes_a_second_record_nor_reaches_the_terminal(
    form: str, where: str
) -> None:
    out = log(form)
    match where:
        case "message":
            logger.info("Hello {}", HOSTILE)
        case "value":
            logger.bind(name=HOSTILE).info("x")
        case "key":
            logger.bind(**{HOSTILE: 1}).info("x")
        case "nested":
            logger.bind(names=[HOSTILE], by={HOSTILE: HOSTILE}).info("x")
        case "library":
            logging.getLogger("grpc").error("Hello %s", HOSTILE)
        case "exception":
            try:
                fail_with("", HOSTILE)
            except RuntimeError:
                logger.exception("x")
    text = out.getvalue()
    assert not set(text) & set("\r\x1b\x00\u202e\u200b\u2028\x85")
    records = [line for line in out.lines() if not line.startswith("    ")]
    assert len(records) == 1
    if form == "json":
        assert len(out.lines()) == 1
    assert "end" in text


def test_json_gives_programs_the_text_as_it_was() -> None:
    out = log()
    logger.bind(name=HOSTILE).info("x")
    assert out.getvalue().isascii()
    assert out.record()["name"] == HOSTILE


def test_an_exception_comes_with_its_traceback_and_no_value_of_a_variable() -> None:
    out = log()
    try:
        fail_with(CANARY)
    except RuntimeError:
        logger.exception("Failed")
    exception = out.record()["exception"]
    assert exception["type"] == "RuntimeError"
    assert "in fail_with" in exception["traceback"]
    assert "it broke" in exception["traceback"]
    assert CANARY not in out.getvalue()


def test_a_traceback_in_text_is_indented_under_its_record() -> None:
    out = log("text")
    try:
        fail_with(CANARY)
    except RuntimeError:
        logger.exception("Failed")
    first, *rest = out.lines()
    assert first.endswith("Failed")
    assert all(line.startswith("    ") for line in rest)
    assert any("in fail_with" in line for line in rest)
    assert CANARY not in out.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "seat_secret",
        "passcode",
        "card",
        "own_card",
        "Authorization",
        "authToken",
        "AUTH_TOKEN",
        "x-api-token",
        "comment",
        "vote",
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_value_under_a_private_name_is_never_printed(form: str, name: str) -> None:
    out = log(form)
    logger.bind(**{name: CANARY}).info("x")
    logger.bind(request={"deep": [{name: CANARY}]}).info("x")
    logger.info("x", **{name: CANARY})
    assert CANARY not in out.getvalue()
    assert out.getvalue().count("[redacted]") == 3


def test_a_name_that_only_contains_a_private_word_is_printed() -> None:
    out = log()
    logger.bind(discarded=1, tokenizer="a", dashboard="b").info("x")
    record = out.record()
    assert (record["discarded"], record["tokenizer"], record["dashboard"]) == (1, "a", "b")


@pytest.mark.parametrize("form", ["text", "json"])
def test_of_messages_and_objects_only_the_type_is_printed(form: str) -> None:
    out = log(form)
    vote = pb.SubmitVote(round_id="r1", card=CANARY)
    logger.bind(
        command=vote, many=[vote], raw=vote.SerializeToString(), other=object(), odd=float("nan")
    ).info("x")
    text = out.getvalue()
    assert CANARY not in text
    assert "<SubmitVote>" in text
    assert "bytes>" in text


def test_an_unending_value_is_cut() -> None:
    out = log()
    deep: dict[str, Any] = {}
    deep["deep"] = deep
    logger.bind(long="x" * 100_000, many=list(range(100_000)), deep=deep).info("y" * 100_000)
    assert len(out.getvalue()) < 10_000


def test_records_of_libraries_go_the_same_way_with_their_names() -> None:
    out = log()
    logging.getLogger("grpc._server").error("Failed %s", "here")
    record = out.record()
    assert (record["logger"], record["level"], record["message"]) == (
        "grpc._server",
        "ERROR",
        "Failed here",
    )


def test_a_librarys_faulty_record_is_logged_as_faulty() -> None:
    out = log()
    logging.getLogger("some.library").error("%d", "x")
    assert out.record()["message"] == "(cannot be formatted) %d"


def test_a_librarys_braces_are_text() -> None:
    out = log()
    logging.getLogger("some.library").error("{0} {name}")
    assert out.record()["message"] == "{0} {name}"


def test_statements_and_their_parameters_are_not_logged_even_when_debugging() -> None:
    out = log(level="TRACE")
    logging.getLogger("sqlalchemy.engine.Engine").info("[raw sql] (%s,)", CANARY)
    assert out.lines() == []


@pytest.mark.parametrize("form", ["text", "json"])
def test_parameters_of_a_failed_statement_are_hidden(form: str) -> None:
    out = log(form)
    try:
        fail_with("", f"failed\n[SQL: INSERT]\n[parameters: ('{CANARY}',)]\n(Background)")
    except RuntimeError:
        logger.exception("x")
    assert CANARY not in out.getvalue()
    assert "[parameters hidden]" in out.getvalue()


def test_warnings_are_logged_and_not_written_beside_the_log() -> None:
    out = log()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old way", DeprecationWarning, stacklevel=1)
    assert "old way" in out.record()["message"]


def test_a_sink_that_fails_costs_the_line_and_not_the_caller(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = log()
    out.close()
    logger.bind(token=CANARY).info("x")
    assert CANARY not in "".join(capsys.readouterr())


def test_configuring_again_replaces_what_was() -> None:
    first = log()
    second = log()
    logger.info("x")
    logging.getLogger("some.library").error("y")
    assert first.lines() == []
    assert len(second.lines()) == 2
