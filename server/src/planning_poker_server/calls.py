"""What the handlers of all calls share: who calls, and how a call ends with a status."""

import asyncio
import secrets
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from loguru import logger

import planningpoker.v1 as pb
from planning_poker_server.clock import Alarm, Clock
from planning_poker_server.domain.refusals import refuse

Context = grpc.aio.ServicerContext[Any, Any]

NOBODY = ""
"""Who is asking, as long as nobody has to say."""
_DOMAIN = "planningpoker"
_CODES = {code.value[0]: code for code in grpc.StatusCode}


def address_of(context: Context) -> str:
    """Where a call comes from, without the port."""
    return context.peer().rpartition(":")[0]


def incident(what: str) -> pb.Refusal:
    """The refusal of what met the bug that is being handled.

    What went wrong is for the log; the client gets a number to ask about.
    """
    number = secrets.token_hex(8)
    logger.opt(exception=True, depth=1).error("{} failed, incident {}", what, number)
    message = f"The server failed (incident {number})."
    return refuse(pb.REASON_INTERNAL, message, definite=False)


class Stalled(Exception):
    """The peer took nothing for too long."""


async def write(context: Context, frame: bytes, clock: Clock, within_ms: int) -> None:
    """Write; raises Stalled where the peer takes nothing for so long."""
    task = asyncio.current_task()
    if task is None:
        raise AssertionError("handlers run in tasks")
    is_cut_off = False
    alarm: Alarm

    def cut_off() -> None:
        nonlocal is_cut_off
        is_cut_off = True
        task.cancel()

    def half_over() -> None:
        nonlocal alarm
        alarm = clock.call_at(clock.now_ms() + half_ms, cut_off)

    # In two halves: a clock that jumps, as after a sleep, says nothing of the peer.
    half_ms = within_ms // 2
    alarm = clock.call_at(clock.now_ms() + half_ms, half_over)
    try:
        await context.write(frame)
    except asyncio.CancelledError:
        if not is_cut_off or task.uncancel() > 0:
            raise
        # Not as a cancellation: that ends the call here and tells the peer nothing, ever.
        raise Stalled from None
    finally:
        alarm.cancel()


async def abort(context: Context, refusal: pb.Refusal) -> NoReturn:
    """End the call with a rich status: code, message, ErrorInfo, RetryInfo."""
    details = [
        error_details_pb2.ErrorInfo(
            reason=pb.Reason.Name(refusal.reason).removeprefix("REASON_"),
            domain=_DOMAIN,
            metadata=refusal.details,
        )
    ]
    if refusal.HasField("retry_delay"):
        details.append(error_details_pb2.RetryInfo(retry_delay=refusal.retry_delay))
    packed = [any_pb2.Any() for _ in details]
    for any_, detail in zip(packed, details, strict=True):
        any_.Pack(detail)
    status = status_pb2.Status(code=refusal.code, message=refusal.message, details=packed)
    metadata = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(_CODES[refusal.code], refusal.message, metadata)
    raise AssertionError("abort always raises")
