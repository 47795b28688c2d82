"""A command sent again is found by who sent it, its correlation id and its digest."""

import planningpoker.storage.v1 as storage
import planningpoker.v1 as pb
from planning_poker_server.domain.digest import digest
from planning_poker_server.domain.receipts import Receipt, Receipts, sender_of
from planning_poker_server.domain.types import Actor
from tests.server.domain.table import OWNER, Table, accepted, hashed, secret_of, table


def last_receipt(game: Table, sender: str) -> Receipt:
    causes = [e.correlation_id for e in game.events if game.receipts.find(sender, e.correlation_id)]
    receipt = game.receipts.find(sender, causes[-1])
    assert receipt is not None
    return receipt


def joiner(name: str) -> str:
    actor = Actor("someone", "", hashed(secret_of(name)))
    return sender_of(actor, pb.Command(join_game=pb.JoinGame()))[0]


def test_the_receipt_of_a_seat_is_found_by_player_and_correlation_id() -> None:
    game = table(None, "Bob")
    accepted(game.start())
    accepted(game.vote("p2", "5"))
    cause = game.events[-1].correlation_id
    receipt = game.receipts.find("p2", cause)
    assert receipt is not None
    assert receipt.accepted() == pb.Accepted(version=game.state.version)
    vote = pb.SubmitVote(round_id="r1", card="5")
    assert receipt.digest == digest(pb.Command(player_id="p2", submit_vote=vote))


def test_anothers_correlation_id_is_a_new_command() -> None:
    game = table(None, "Bob")
    accepted(game.start())
    accepted(game.vote("p2", "5"))
    assert game.receipts.find("p1", game.events[-1].correlation_id) is None


def test_a_join_is_found_by_the_secret_it_brought() -> None:
    game = table(None, "Bob")
    receipt = last_receipt(game, joiner("Bob"))
    assert receipt.accepted() == pb.Accepted(version=3, player_id="p2")
    assert game.receipts.find("p2", game.events[-1].correlation_id) is None


def test_the_receipt_of_a_game_with_a_player_names_the_seat_and_the_last_event() -> None:
    game = table()
    receipt = last_receipt(game, joiner("Ada"))
    assert receipt.accepted() == pb.Accepted(version=2, player_id="p1")


def test_the_owner_is_found_by_the_principal() -> None:
    game = Table()
    accepted(game.create(player=""))
    accepted(game.add_story(sender=""))
    create = pb.Command(create_game=pb.CreateGame())
    sender, sealed = sender_of(Actor(OWNER), create)
    assert sender_of(Actor(OWNER), pb.Command(end_game=pb.EndGame())) == (sender, sealed)
    assert last_receipt(game, sender).accepted() == pb.Accepted(version=2, story_ids=["s1"])
    assert OWNER not in sender
    assert sender_of(Actor("another"), create)[0] != sender


def test_a_principal_cannot_look_like_a_seat_or_a_secret() -> None:
    secret = hashed(secret_of("Ada"))
    assert sender_of(Actor("p1"), pb.Command(end_game=pb.EndGame()))[0] != "p1"
    key, sealed = sender_of(Actor("", "", secret), pb.Command(join_game=pb.JoinGame()))
    assert (key, sealed) == (f"~{secret.hex()}", secret)


def test_who_acts_for_a_seat_is_that_seat_and_nothing_is_sealed() -> None:
    command = pb.Command(player_id="p1", end_game=pb.EndGame())
    assert sender_of(Actor("anybody", "p1", b"x"), command) == ("p1", b"")


def test_stories_and_rounds_that_were_made_are_named() -> None:
    game = table()
    add = pb.AddStories(stories=[pb.NewStory(title="a"), pb.NewStory(title="b")])
    accepted(game.do(pb.Command(player_id="p1", add_stories=add)))
    assert last_receipt(game, "p1").story_ids == ("s1", "s2")
    accepted(game.start("s1"))
    assert last_receipt(game, "p1").accepted() == pb.Accepted(version=4, round_id="r1")


def test_two_events_of_one_command_are_one_receipt_with_the_last_version() -> None:
    game = table()
    accepted(game.start())
    start = pb.StartRound(abandon_open=True)
    accepted(game.do(pb.Command(player_id="p1", start_round=start)))
    abandoned, started = game.events[-2:]
    assert abandoned.correlation_id == started.correlation_id
    receipt = game.receipts.find("p1", started.correlation_id)
    assert receipt is not None
    assert (receipt.version, receipt.round_id) == (started.version, "r2")


def test_what_follows_by_itself_is_not_part_of_the_receipt() -> None:
    game = table(pb.GameSettings(auto_reveal=True))
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    vote, reveal = game.events[-2:]
    assert vote.correlation_id == reveal.correlation_id
    receipt = game.receipts.find("p1", vote.correlation_id)
    assert receipt is not None
    assert receipt.version == vote.version
    assert game.receipts.find("", vote.correlation_id) is None


def test_receipts_are_the_same_after_a_replay() -> None:
    game = table(None, "Bob")
    accepted(game.start())
    accepted(game.vote("p2", "5"))
    again = Receipts()
    for row in game.rows:
        again.fold(pb.GameEvent.FromString(row.event), storage.Sealed.FromString(row.sealed))
    for event in game.events:
        for sender in ("p1", "p2", joiner("Ada"), joiner("Bob")):
            found = game.receipts.find(sender, event.correlation_id)
            assert again.find(sender, event.correlation_id) == found


def vote(card: str = "5", player_id: str = "p1") -> pb.Command:
    body = pb.SubmitVote(round_id="r1", card=card)
    return pb.Command(game_id="x", player_id=player_id, submit_vote=body)


def test_the_digest_tells_another_body_and_another_player() -> None:
    assert digest(vote()) == digest(vote())
    assert len({digest(vote()), digest(vote("8")), digest(vote(player_id="p2"))}) == 3
    retract = pb.Command(player_id="p1", retract_vote=pb.RetractVote(round_id="r1"))
    assert digest(retract) != digest(vote())


def test_the_digest_is_the_same_whatever_version_is_expected_and_how_the_game_is_named() -> None:
    by_code = vote()
    by_code.expected_version = 7
    by_code.game_id = "K7QF-3M"
    assert digest(by_code) == digest(vote())


def test_the_digest_does_not_depend_on_the_order_of_labels() -> None:
    one = pb.Command(create_game=pb.CreateGame(labels={str(n): "x" for n in range(16)}))
    other = pb.Command(create_game=pb.CreateGame(labels={str(n): "x" for n in range(15, -1, -1)}))
    assert digest(one) == digest(other)


def credentials(secret: bytes, passcode: str) -> list[pb.Command]:
    join = pb.JoinGame(display_name="Bob", seat_secret=secret, passcode=passcode)
    return [
        pb.Command(join_game=join),
        pb.Command(create_game=pb.CreateGame(creator=join, passcode=passcode)),
        pb.Command(update_game=pb.UpdateGame(passcode=passcode)),
        pb.Command(reset_seat=pb.ResetSeat(player_id="p1", seat_secret=secret)),
    ]


def test_the_digest_does_not_depend_on_credentials() -> None:
    one = credentials(secret_of("one"), "open sesame")
    other = credentials(secret_of("other"), "another")
    assert list(map(digest, one)) == list(map(digest, other))


def test_a_retried_join_has_the_same_digest_whether_or_not_its_stream_attaches() -> None:
    join = pb.JoinGame(display_name="Bob", attach=True)
    attaching = digest(pb.Command(join_game=join))
    join.attach = False
    assert digest(pb.Command(join_game=join)) == attaching


def test_the_digest_tells_setting_a_passcode_from_lifting_it() -> None:
    lifted = pb.Command(update_game=pb.UpdateGame(passcode=""))
    assert digest(lifted) != digest(pb.Command(update_game=pb.UpdateGame(passcode="x")))
    assert digest(lifted) != digest(pb.Command(update_game=pb.UpdateGame()))


def test_taking_the_digest_leaves_the_command_as_it_was() -> None:
    for command in credentials(secret_of("one"), "open sesame"):
        before = command.SerializeToString(deterministic=True)
        digest(command)
        assert command.SerializeToString(deterministic=True) == before


def test_the_repr_of_a_receipt_does_not_show_the_digest_that_a_card_could_be_guessed_from() -> None:
    assert "digest" not in repr(Receipt(b"the digest", 3))
