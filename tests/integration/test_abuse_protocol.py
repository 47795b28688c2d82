"""A broken protocol ends the stream with a status; a bad command never does."""

from typing import Any

import grpc
import pytest

import planningpoker.v1 as pb
from tests.integration.harness import Host
from tests.integration.raw import Seat, Status, Stream, envelope, new_id, new_secret

PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
HOSTILE_IDS = [
    "../../etc/passwd",
    "'; DROP TABLE games; --",
    '" OR 1=1',
    "games.>",
    "games.*",
    "a.b.c",
    "%00",
    "\x00",
    "K7QF\n3M",
    "x" * 10_000,
    "0" * 31,
    "G" * 32,
    "",
    " ",
]
HOSTILE_NAMES = ["a path", "an SQL statement", "quotes", "a subject >", "a subject *", "dots"]
HOSTILE_NAMES += ["an escaped zero", "a zero", "a line break", "10,000 characters", "31 digits"]
HOSTILE_NAMES += ["no digits", "nothing", "a blank"]


async def ended(stream: Stream, next_step: pb.NextStep.ValueType = pb.NEXT_STEP_STOP) -> Status:
    """How the stream ended, having said so in a Goodbye with the same reason."""
    goodbye = await stream.expect("goodbye")
    assert stream.names()[-1] == "goodbye"
    assert goodbye.reason == pb.GOODBYE_REASON_PROTOCOL_ERROR
    assert goodbye.next_step == next_step
    status = await stream.status()
    assert f"REASON_{status.reason}" == pb.Reason.Name(goodbye.refusal.reason)
    return status


async def test_a_stream_without_hello_ends_in_time(host: Host) -> None:
    await host.start(stream={"hello_timeout_ms": 50})
    stream = (await host.client()).silent()
    # Its Hello may only have been held up on the way.
    status = await ended(stream, pb.NEXT_STEP_RESUME)
    assert (status.code, status.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "HELLO_TIMEOUT")


async def test_a_second_hello_ends_the_stream(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    await stream.send(hello=pb.Hello(client_name="raw", versions=[1]))
    status = await ended(stream)
    assert (status.code, status.reason) == (PRECONDITION, "HELLO_REPEATED")


@pytest.mark.parametrize(
    "message",
    [
        envelope(command=pb.Command(create_game=pb.CreateGame(display_name="Sprint 12"))),
        envelope(attach=pb.Attach(game_id="0" * 32)),
        envelope(ping=pb.Ping()),
        envelope(),
    ],
    ids=["a command", "an attach", "a ping", "nothing"],
)
async def test_anything_before_hello_ends_the_stream_and_has_no_effect(
    host: Host, message: pb.ClientEnvelope
) -> None:
    await host.start()
    stream = (await host.client()).silent()
    await stream.send_bytes(message.SerializeToString())
    status = await ended(stream)
    assert (status.code, status.reason) == (PRECONDITION, "HELLO_EXPECTED")
    assert stream.names() == ["goodbye"]
    assert host.log.appended == []


@pytest.mark.parametrize("versions", [[], [0], [2, 3], [-1]])
async def test_a_client_that_speaks_no_version_of_ours_is_told_so(
    host: Host, versions: list[int]
) -> None:
    await host.start()
    stream = (await host.client()).silent()
    await stream.send(hello=pb.Hello(client_name="raw", versions=versions))
    status = await ended(stream)
    assert (status.code, status.reason) == (PRECONDITION, "UNSUPPORTED_VERSION")


async def test_a_client_that_also_speaks_newer_versions_is_welcomed(host: Host) -> None:
    await host.start()
    assert (await (await host.client()).silent().hello(versions=[3, 2, 1])).version == 1


@pytest.mark.parametrize(
    "hello",
    [
        pb.Hello(client_name="x" * 10_000, versions=[1]),
        pb.Hello(instance_id="x" * 65, versions=[1]),
        pb.Hello(versions=range(1, 18)),
    ],
    ids=["name", "instance id", "versions"],
)
async def test_a_hello_beyond_its_limits_ends_the_stream(host: Host, hello: pb.Hello) -> None:
    await host.start()
    stream = (await host.client()).silent()
    await stream.send(hello=hello)
    status = await ended(stream)
    assert (status.code, status.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_VALUE")


async def test_an_acknowledgement_of_what_was_never_sent_ends_the_stream(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    ada = await stream.create()
    await stream.ack(ada.game_id, stream.views[ada.game_id].version + 1)
    status = await ended(stream)
    assert (status.code, status.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "ACK_AHEAD")


async def test_acknowledging_backwards_or_for_a_game_not_followed_is_ignored(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    ada = await stream.create()
    head = stream.views[ada.game_id].version
    for version in (head, 1, 0, -5, head):
        await stream.ack(ada.game_id, version)
    await stream.ack("0" * 32, 7)
    await stream.ack("../../etc/passwd", 1 << 30)
    assert dict((await stream.ping()).head_versions) == {ada.game_id: head}


async def test_a_command_that_the_server_does_not_know_is_unimplemented_and_the_stream_stays(
    host: Host,
) -> None:
    await host.start()
    stream = await host.stream()
    ada = await stream.create()
    command = pb.Command(game_id=ada.game_id, player_id=ada.player_id)
    newer = command.SerializeToString() + b"\x9a\x06\x00"  # body 99, empty
    correlation_id = new_id()
    sent = envelope(correlation_id, command=pb.Command.FromString(newer))
    await stream.send_bytes(sent.SerializeToString())
    refusal = (await stream.answer(correlation_id)).refusal
    assert (refusal.reason, refusal.code) == (pb.REASON_UNKNOWN_COMMAND, 12)
    await stream.do(ada, add_stories=pb.AddStories(stories=[pb.NewStory(title="Login")]))


async def test_a_payload_that_the_server_does_not_know_is_unimplemented(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    correlation_id = new_id()
    await stream.send_bytes(envelope(correlation_id).SerializeToString() + b"\x9a\x06\x00")
    refusal = (await stream.answer(correlation_id)).refusal
    assert (refusal.reason, refusal.code) == (pb.REASON_UNKNOWN_COMMAND, 12)
    await stream.ping()


async def test_an_empty_envelope_and_an_empty_command_are_invalid(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    empty = (await stream.answer(await stream.send())).refusal
    assert (empty.reason, empty.code) == (pb.REASON_MALFORMED, 3)
    ada = await stream.create()
    refusal = (await stream.ask(ada)).refusal
    assert (refusal.reason, refusal.code) == (pb.REASON_MALFORMED, 3)


async def test_a_payload_that_is_not_served_yet_is_unimplemented(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    sent = await stream.send(authenticate=pb.Authenticate(token="x" * 1_000))
    refusal = (await stream.answer(sent)).refusal
    assert (refusal.reason, refusal.code) == (pb.REASON_UNKNOWN_COMMAND, 12)
    assert "xxx" not in str(stream.received)


async def test_unknown_enum_values_are_invalid_and_have_no_effect(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    ada = await stream.create()
    before = stream.views[ada.game_id].version
    secret = new_secret()
    role: pb.PlayerRole.ValueType = 99  # type: ignore[assignment]
    electorate: pb.Electorate.ValueType = 99  # type: ignore[assignment]
    permission: pb.Permission.ValueType = -1  # type: ignore[assignment]
    join = pb.JoinGame(display_name="Bob", seat_secret=secret, role=role)
    refusals = [
        await stream.refused(ada.game_id, join_game=join),
        await stream.refused(
            ada, update_game=pb.UpdateGame(settings=pb.GameSettings(electorate=electorate))
        ),
        await stream.refused(
            ada, update_game=pb.UpdateGame(settings=pb.GameSettings(reveal=permission))
        ),
        await stream.refused(ada, update_player=pb.UpdatePlayer(player_id="p1", role=role)),
    ]
    assert [(r.reason, r.code) for r in refusals] == [(pb.REASON_INVALID_VALUE, 3)] * 4
    assert (await stream.ping()).head_versions[ada.game_id] == before


async def test_a_message_type_that_contradicts_the_payload_is_invalid(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    ada = await stream.create()
    vote = pb.SubmitVote(round_id="r1", card="8")
    command = pb.Command(game_id=ada.game_id, player_id=ada.player_id, submit_vote=vote)
    for name in ("command.end_game", "ack", "command", "x" * 10_000, "command.submit_vote\r\n"):
        sent = await stream.send(message_type=name, command=command)
        refusal = (await stream.answer(sent)).refusal
        assert refusal.reason == pb.REASON_MESSAGE_TYPE_MISMATCH
    sent = await stream.send(message_type="command.submit_vote", command=command)
    assert (await stream.answer(sent)).refusal.reason == pb.REASON_ROUND_CLOSED


@pytest.mark.parametrize(
    "correlation_id",
    ["", "1", "not-a-uuid", "x" * 10_000, "'; --", "{0c2e3c3e-7a5c-4a39-9d35-4ef8f1d3a001}"],
)
async def test_a_command_needs_a_uuid_and_is_answered_even_without_one(
    host: Host, correlation_id: str
) -> None:
    await host.start()
    stream = await host.stream()
    command = pb.Command(create_game=pb.CreateGame(display_name="Sprint 12"))
    await stream.send(correlation_id, command=command)
    answer = await stream.expect_envelope("command_result")
    assert answer.command_result.refusal.reason == pb.REASON_INVALID_CORRELATION_ID
    assert correlation_id.startswith(answer.correlation_id)
    assert len(answer.SerializeToString()) < 1_000
    assert host.log.appended == []


@pytest.mark.parametrize("game_id", HOSTILE_IDS, ids=HOSTILE_NAMES)
async def test_an_id_that_names_no_game_is_invalid_and_reaches_nothing(
    host: Host, game_id: str
) -> None:
    await host.start()
    stream = await host.stream()
    join = pb.JoinGame(display_name="Bob", seat_secret=new_secret())
    for refusal in (
        await stream.refused(game_id, join_game=join),
        (await stream.attach_refused(game_id)).refusal,
    ):
        assert (refusal.reason, refusal.code) == (pb.REASON_INVALID_ID, 3)
    await stream.send(detach=pb.Detach(game_id=game_id))
    refusal = (await stream.expect("command_result")).refusal
    assert refusal.reason == pb.REASON_NOT_ATTACHED
    assert all(len(message) < 1_000 for message in stream.received_bytes)


@pytest.mark.parametrize("hostile", HOSTILE_IDS, ids=HOSTILE_NAMES)
async def test_ids_of_players_stories_and_rounds_that_none_can_have_are_refused(
    host: Host, hostile: str
) -> None:
    await host.start()
    stream = await host.stream()
    ada = await stream.create()
    bodies: list[dict[str, Any]] = [
        {"remove_player": pb.RemovePlayer(player_id=hostile)},
        {"reset_seat": pb.ResetSeat(player_id=hostile, seat_secret=new_secret())},
        {"update_story": pb.UpdateStory(story_id=hostile, title="x")},
        {"move_story": pb.MoveStory(story_id=hostile)},
        {"remove_story": pb.RemoveStory(story_id=hostile)},
        {"submit_vote": pb.SubmitVote(round_id=hostile, card="8")},
        {"reveal_votes": pb.RevealVotes(round_id=hostile)},
        {"set_deadline": pb.SetDeadline(round_id=hostile)},
        {"accept_estimate": pb.AcceptEstimate(story_id=hostile, value="8")},
    ]
    for body in bodies:
        refusal = await stream.refused(ada, **body)
        assert refusal.reason == pb.REASON_INVALID_ID, body
        assert len(refusal.SerializeToString()) < 1_000
    pretended = Seat(ada.game_id, hostile or "p", ada.secret)
    refusal = await stream.refused(pretended, end_game=pb.EndGame())
    assert refusal.reason == pb.REASON_SEAT_NOT_HELD
    detached = await stream.attach_refused(pretended)
    assert detached.refusal.reason == pb.REASON_SEAT_SECRET_WRONG


async def test_a_game_that_is_not_there_is_not_found_by_id_nor_by_code(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    for name in ("0" * 32, "AAAA-AA"):
        join = pb.JoinGame(display_name="Bob", seat_secret=new_secret())
        assert (await stream.refused(name, join_game=join)).reason == pb.REASON_GAME_NOT_FOUND
        assert (await stream.attach_refused(name)).refusal.reason == pb.REASON_GAME_NOT_FOUND


async def test_a_game_whose_creation_was_refused_cannot_be_followed(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    correlation_id = new_id()
    creator = pb.JoinGame(display_name="", seat_secret=new_secret())
    create = pb.CreateGame(display_name="Sprint 12", creator=creator)
    result = await stream.ask("", correlation_id, create_game=create)
    assert result.refusal.reason == pb.REASON_INVALID_TEXT
    detached = await stream.attach_refused(result.game_id)
    assert detached.refusal.reason == pb.REASON_GAME_NOT_FOUND


async def test_too_many_seats_in_an_attach_and_a_negative_version_are_refused(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    ada = await stream.create()
    seats = [pb.Seat(player_id=f"p{n}", seat_secret=ada.secret) for n in range(101)]
    for fields in ({"seats": seats}, {"after_version": -1}):
        refusal = (await stream.attach_refused(ada, **fields)).refusal
        assert (refusal.reason, refusal.code) == (pb.REASON_INVALID_VALUE, 3)


async def test_a_stream_follows_a_limited_number_of_games_and_may_attach_one_again(
    host: Host,
) -> None:
    await host.start(stream={"max_subscriptions": 2})
    stream = await host.stream()
    ada = await stream.create()
    await stream.create()
    creator = pb.JoinGame(display_name="Ada", seat_secret=new_secret(), attach=True)
    third = pb.CreateGame(display_name="Sprint 12", creator=creator)
    refusal = await stream.refused("", create_game=third)
    assert (refusal.reason, refusal.code) == (pb.REASON_TOO_MANY_SUBSCRIPTIONS, 8)
    other = await host.stream()
    elsewhere = await other.create()
    detached = await stream.attach_refused(elsewhere.game_id)
    assert detached.refusal.reason == pb.REASON_TOO_MANY_SUBSCRIPTIONS
    await stream.attach(ada)
    await stream.join(ada.game_id, "Bob")
    await stream.send(detach=pb.Detach(game_id=ada.game_id))
    await stream.attach(elsewhere.game_id)


async def test_games_asked_for_at_once_do_not_pass_the_limit_of_a_stream(host: Host) -> None:
    await host.start(stream={"max_subscriptions": 2})
    stream = await host.stream()
    for number in range(5):
        creator = pb.JoinGame(display_name="Ada", seat_secret=new_secret(), attach=True)
        create = pb.CreateGame(display_name=f"Sprint {number}", creator=creator)
        await stream.send(command=pb.Command(create_game=create))
    results = [await stream.expect("command_result") for _ in range(5)]
    accepted = [result for result in results if result.HasField("accepted")]
    assert stream.names().count("attached") == len(accepted) == 2
    reasons = {result.refusal.reason for result in results if result.HasField("refusal")}
    assert reasons == {pb.REASON_TOO_MANY_SUBSCRIPTIONS}


async def test_a_status_says_what_went_wrong_in_a_form_for_programs(host: Host) -> None:
    await host.start()
    stream = (await host.client()).silent()
    await stream.send(ping=pb.Ping())
    status = await stream.status()
    assert status.reason == "HELLO_EXPECTED"
    assert status.message == "The first message of a stream is Hello."
