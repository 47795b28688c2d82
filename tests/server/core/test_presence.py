"""Who is there."""

import planningpoker.v1 as pb
from planning_poker_server.presence import Leases

NOW_MS = 1_000_000
GRACE_MS = 15_000
CONNECTED, DISCONNECTED = pb.PRESENCE_CONNECTED, pb.PRESENCE_DISCONNECTED


def leases() -> Leases:
    return Leases(GRACE_MS, interval_ms=1_000)


def test_a_seat_is_connected_while_a_subscription_holds_it() -> None:
    seats = leases()
    assert seats.open("p1")
    assert seats.connected == {"p1"}
    assert seats.timer() == 0  # to be announced


def test_a_second_subscription_of_a_seat_changes_nothing() -> None:
    seats = leases()
    seats.open("p1")
    assert not seats.open("p1")
    seats.close("p1", NOW_MS)
    assert not seats.expire(NOW_MS + 10 * GRACE_MS)
    assert seats.connected == {"p1"}


def test_a_seat_counts_as_connected_until_the_grace_is_over() -> None:
    seats = leases()
    seats.open("p1")
    seats.close("p1", NOW_MS)
    assert not seats.expire(NOW_MS + GRACE_MS - 1)
    assert seats.connected == {"p1"}
    assert seats.expire(NOW_MS + GRACE_MS)
    assert seats.connected == set()
    assert seats.last_seen == {"p1": NOW_MS}


def test_who_comes_back_within_the_grace_was_never_away() -> None:
    seats = leases()
    seats.open("p1")
    seats.announce(NOW_MS)
    seats.close("p1", NOW_MS)
    assert not seats.open("p1")
    assert not seats.expire(NOW_MS + 10 * GRACE_MS)
    assert seats.announce(NOW_MS + 10 * GRACE_MS) == {}
    assert seats.timer() is None


def test_the_grace_counts_anew_from_the_last_departure() -> None:
    seats = leases()
    for player_id in ("p1", "p2"):
        seats.open(player_id)
        seats.close(player_id, NOW_MS)
    seats.open("p1")
    seats.close("p1", NOW_MS + 5_000)
    assert seats.expire(NOW_MS + GRACE_MS)
    assert seats.connected == {"p1"}
    assert seats.expire(NOW_MS + 5_000 + GRACE_MS)
    assert seats.connected == set()


def test_whoever_returns_is_no_longer_last_seen() -> None:
    seats = leases()
    seats.open("p1")
    seats.close("p1", NOW_MS)
    seats.expire(NOW_MS + GRACE_MS)
    assert seats.open("p1")
    assert seats.last_seen == {}


def test_changes_are_announced_at_most_once_an_interval() -> None:
    seats = leases()
    seats.open("p1")
    assert seats.announce(NOW_MS) == {"p1": CONNECTED}
    seats.open("p2")
    seats.open("p3")
    assert seats.announce(NOW_MS + 999) == {}
    assert seats.timer() == NOW_MS + 1_000
    assert seats.announce(NOW_MS + 1_000) == {"p2": CONNECTED, "p3": CONNECTED}
    assert seats.announce(NOW_MS + 5_000) == {}


def test_only_the_last_of_several_changes_of_one_seat_is_announced() -> None:
    seats = Leases(grace_ms=0, interval_ms=1_000)
    seats.open("p1")
    seats.announce(NOW_MS)
    seats.close("p1", NOW_MS)
    seats.expire(NOW_MS)
    seats.open("p1")
    seats.close("p1", NOW_MS)
    seats.expire(NOW_MS)
    assert seats.announce(NOW_MS + 1_000) == {"p1": DISCONNECTED}


def test_the_timer_is_the_earlier_of_grace_and_announcement() -> None:
    seats = leases()
    assert seats.timer() is None
    seats.open("p1")
    seats.announce(NOW_MS)
    assert seats.timer() is None
    seats.close("p1", NOW_MS)
    assert seats.timer() == NOW_MS + GRACE_MS
    seats.open("p2")
    assert seats.timer() == NOW_MS + 1_000
