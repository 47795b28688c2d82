"""The limit of the library: grpc.aio that fans out bytes, with no game and no log.

It is given a recorded round: for each step the frames that our server wrote in
the same run. A member names a step and its correlation id; the group is given
that step's frames with that id in them, and the sender its answers.
Acknowledgements are read and counted: no more is known of them here. The
channel arguments are our server's, so that both keep their connections alike.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

import grpc

from benchmarks.load.lap import Step
from benchmarks.machine import ROOT
from benchmarks.programs.answering import answer, run, usage
from planning_poker_server.config_loader import load_settings
from planning_poker_server.grpc_api import channel_arguments

METHOD: Final = "/benchmarks.Bare/Play"
JOIN: Final = b"J"
ACK: Final = b"A"
STEP: Final = b"S"
"""Followed by the step's number in one byte, the correlation id, and padding."""
ID_BYTES: Final = 36

Context = grpc.aio.ServicerContext[bytes, bytes]


class Member:
    """One stream."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._waiting: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self.acknowledged = 0

    def tell(self, frames: Sequence[bytes]) -> None:
        self._waiting += frames
        self._wake.set()

    async def write(self) -> None:
        while True:
            while self._waiting:
                await self._context.write(self._waiting.popleft())
            self._wake.clear()
            await self._wake.wait()


class Bare:
    """All groups."""

    def __init__(self, lap: Sequence[Step], welcome: bytes) -> None:
        self._lap = lap
        self._welcome = welcome
        self._groups: dict[bytes, list[Member]] = defaultdict(list)

    async def play(self, _: object, context: Context) -> None:
        member, name = Member(context), b""
        writer = asyncio.get_running_loop().create_task(member.write())
        try:
            while isinstance(message := await context.read(), bytes):
                kind = message[:1]
                if kind == ACK:
                    member.acknowledged += 1
                elif kind == STEP:
                    correlation_id = message[2 : 2 + ID_BYTES]
                    self._fan_out(member, self._groups[name], message[1], correlation_id)
                else:
                    name = message[1:]
                    self._groups[name].append(member)
                    member.tell((self._welcome,))
        finally:
            writer.cancel()
            if member in self._groups[name]:
                self._groups[name].remove(member)

    def _fan_out(
        self, sender: Member, group: Sequence[Member], number: int, correlation_id: bytes
    ) -> None:
        step = self._lap[number]
        frames = [frame.replace(step.correlation_id, correlation_id) for frame in step.everyone]
        for member in group:
            member.tell(frames)
        sender.tell(step.sender)


async def main() -> None:
    async with AsyncExitStack() as stack:

        async def serve(lap: list[Mapping[str, Any]], welcome: str) -> Mapping[str, Any]:
            bare = Bare([Step.from_json(step) for step in lap], bytes.fromhex(welcome))
            settings = load_settings(ROOT / "config", {}, environment="production")
            server = grpc.aio.server(options=channel_arguments(settings.stream))
            _, service, name = METHOD.split("/")
            handler = grpc.stream_stream_rpc_method_handler(bare.play)
            server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(service, {name: handler}),)
            )
            port = server.add_insecure_port("127.0.0.1:0")
            await server.start()
            stack.push_async_callback(server.stop, 0)
            return {"address": f"127.0.0.1:{port}"}

        await answer({"serve": serve, "usage": usage})


if __name__ == "__main__":
    run(main)
