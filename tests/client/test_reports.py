"""Who has got a critical event: reports as they come, and waiting for the last word."""

import asyncio

import pytest

import planningpoker.v1 as pb
from planning_poker_client.changes import Receipt
from planning_poker_client.deliveries import Deliveries
from planning_poker_client.errors import ClientClosed, GameDetached, NotReported, WaitTimeout
from planning_poker_client.notices import Reported
from planning_poker_client.reports import DeliveryReport, Reports
from tests.client import said
from tests.client.driven import Driven


def report(version: int = 5, *, final: bool = True, has: str = "p1") -> DeliveryReport:
    return DeliveryReport(version, frozenset({has}), frozenset(), frozenset({"p2"}), final)


def receipt(command: str = "reveal_votes", *, id_: str = "c1", version: int = 5) -> Receipt:
    return Receipt(id_, said.GAME, version, command=command)


# What the server says


def test_a_report_says_who_has_the_event_who_has_not_and_who_is_away() -> None:
    driven = Driven().connect()
    inbox = driven.join()
    told = pb.DeliveryReport(
        game_id=said.GAME,
        version=5,
        acknowledged_player_ids=["p1", "p3"],
        pending_player_ids=["p4"],
        absent_player_ids=["p2"],
    )
    driven.hear(said.envelope("c1", delivery_report=told))
    expected = DeliveryReport(
        5, frozenset({"p1", "p3"}), frozenset({"p4"}), frozenset({"p2"}), False
    )
    assert inbox.reports.find("c1", 5) == inbox.reports.last == expected
    assert driven.told(Reported) == [Reported(said.GAME)]


def test_a_report_on_a_game_that_is_not_followed_is_passed_over() -> None:
    driven = Driven().connect()
    driven.hear(said.envelope("c1", delivery_report=said.report(5, final=True)))
    assert not driven.told(Reported)


def test_the_last_report_comes_again_with_attaching_and_names_no_command() -> None:
    driven = Driven().connect()
    inbox = driven.join()
    driven.lose()
    driven.stream()
    attach = driven.written()[0]
    attached = said.attached(attach.correlation_id, said.game(7), "p1")
    attached.attached.last_report.CopyFrom(said.report(5, final=True, acknowledged="p1"))
    driven.hear(attached)
    assert inbox.reports.find("c1", 5) == report()
    assert inbox.reports.find("c1", 6) is None
    assert driven.told(Reported)


def test_after_the_log_was_replaced_the_reports_mean_nothing() -> None:
    driven = Driven().connect()
    inbox = driven.join()
    driven.hear(said.envelope("c1", delivery_report=said.report(5, final=True)))
    driven.lose()
    driven.stream(epoch="another")
    assert inbox.reports.last is None


def test_a_final_report_is_not_overwritten_by_one_that_it_overtook() -> None:
    reports = Reports()
    reports.take(report(final=True), "c1")
    reports.take(report(final=False), "c1")
    assert reports.find("c1", 5) == report(final=True)


def test_a_report_without_its_cause_keeps_the_cause_that_was_named_before() -> None:
    reports = Reports()
    reports.take(report(final=False), "c1")
    reports.take(report(final=True), "")
    assert reports.find("c1", 99) == report(final=True)
    assert reports.find("c2", 5) is None


def test_the_last_report_is_on_the_newest_event_whatever_came_last() -> None:
    reports = Reports()
    reports.take(report(9), "c2")
    reports.take(report(5), "c1")
    assert reports.last == report(9)


def test_of_many_reports_the_newest_64_are_kept() -> None:
    reports = Reports()
    for version in range(1, 101):
        reports.take(report(version), f"c{version}")
    assert reports.find("c36", 36) is None
    assert reports.find("c37", 37) == report(37)
    assert len(reports._by_version) == 64


# Waiting for the last word


class Desk:
    """A client as those who wait for reports see it."""

    def __init__(self) -> None:
        self.reports: Reports | None = Reports()
        self.problem: ClientClosed | None = None
        self.deliveries = Deliveries(lambda _: self.reports, lambda: self.problem, 60.0)

    def told(self, said_: DeliveryReport, id_: str = "c1") -> None:
        assert self.reports is not None
        self.reports.take(said_, id_)
        self.deliveries.reported(said.GAME)

    async def wait(self, receipt_: Receipt) -> "asyncio.Task[DeliveryReport]":
        """Somebody waits."""
        task = asyncio.create_task(self.deliveries.delivered(receipt_, None))
        await asyncio.sleep(0)
        return task


async def test_the_final_report_is_what_is_waited_for() -> None:
    desk = Desk()
    waiting = await desk.wait(receipt())
    desk.told(report(final=False))
    desk.told(report(9), "another")
    await asyncio.sleep(0)
    assert not waiting.done()
    desk.told(report(final=True))
    assert await waiting == report(final=True)


async def test_a_final_report_that_is_here_already_is_given_at_once_even_when_closed() -> None:
    desk = Desk()
    desk.told(report())
    desk.problem = ClientClosed("Closed.")
    assert await desk.deliveries.delivered(receipt(), 0.0) == report()


async def test_several_wait_and_one_that_is_cancelled_hurts_nobody() -> None:
    desk = Desk()
    first, second = await desk.wait(receipt()), await desk.wait(receipt())
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    desk.told(report())
    assert await second == report()
    assert not desk.deliveries._waiting


async def test_waiting_in_vain_ends_with_the_timeout() -> None:
    desk = Desk()
    for command in ("reveal_votes", "submit_vote", "leave_game"):
        with pytest.raises(WaitTimeout, match=r"0\.01 s"):
            await desk.deliveries.delivered(receipt(command), 0.01)
    assert not desk.deliveries._waiting


@pytest.mark.parametrize("command", ["add_stories", "retract_vote", "join_game", ""])
async def test_of_what_causes_no_critical_event_no_report_is_waited_for(command: str) -> None:
    with pytest.raises(NotReported, match="no delivery report on"):
        await Desk().deliveries.delivered(receipt(command), None)


async def test_who_waits_is_told_when_no_report_can_come() -> None:
    desk = Desk()
    waiting = await desk.wait(receipt())
    desk.deliveries.ended(said.GAME, GameDetached("Removed.", "REMOVED"))
    with pytest.raises(GameDetached, match="Removed"):
        await waiting
    desk.problem = ClientClosed("Closed.")
    with pytest.raises(ClientClosed):
        await desk.deliveries.delivered(receipt(), None)
    desk.problem, desk.reports = None, None
    with pytest.raises(GameDetached, match="followed no longer"):
        await desk.deliveries.delivered(receipt(), None)


async def test_a_receipt_without_a_client_has_no_report() -> None:
    with pytest.raises(NotReported, match="not sent on a stream"):
        await receipt().delivered()


def test_receipts_are_compared_by_what_was_answered() -> None:
    desk = Desk()
    bound = Receipt("c1", said.GAME, 5, command="reveal_votes", delivers=desk.deliveries)
    assert bound == Receipt("c1", said.GAME, 5)
    assert hash(bound) == hash(Receipt("c1", said.GAME, 5))
    assert "Deliveries" not in repr(bound)
