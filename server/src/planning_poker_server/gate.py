"""Before a command is decided: how often each caller may ask, and what passcodes prove."""

from collections.abc import Callable
from typing import Final

import planningpoker.v1 as pb
from planning_poker_model.limits import PASSCODE_BYTES
from planning_poker_server.domain.refusals import refuse
from planning_poker_server.domain.types import Actor
from planning_poker_server.envelopes import RETRY_MS
from planning_poker_server.passcodes import Passcodes, PasscodesBusy, SealedPasscode
from planning_poker_server.ratelimit import Buckets
from planning_poker_server.settings import RoomSettings

_HASHES: Final = 12


class Gate:
    """Bounds for each principal at each address, and the hashing of passcodes."""

    def __init__(self, settings: RoomSettings, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._passcodes = Passcodes()
        self._passcode_attempts = Buckets(settings.passcode_attempts_per_minute)
        # Right ones and new ones cost the same to hash, and there are two threads for all.
        self._passcode_hashes = Buckets(_HASHES * settings.passcode_attempts_per_minute)
        self._creates = Buckets(settings.creates_per_minute)
        self._joins = Buckets(settings.joins_per_minute)

    def close(self) -> None:
        """Hash nothing any more."""
        self._passcodes.close()

    def too_often(self, principal: str, peer: str, command: pb.Command) -> pb.Refusal | None:
        """The refusal of what is asked for too often from there."""
        buckets = None
        if command.HasField("create_game"):
            buckets, what = self._creates, "games were created"
        elif command.HasField("join_game"):
            buckets, what = self._joins, "seats were taken"
        elif command.update_game.passcode:
            # Hashing one costs as much as anything here, whoever may set it.
            buckets, what = self._creates, "passcodes were set"
        if buckets is None:
            return None
        wait_ms = buckets.take(f"{principal}|{peer}", self._now_ms())
        if not wait_ms:
            return None
        message = f"Too many {what} from here in the last minute: wait a moment."
        return refuse(pb.REASON_TOO_MANY_COMMANDS, message, retry_ms=wait_ms)

    async def with_passcodes(
        self, principal: str, peer: str, sealed: SealedPasscode | None, command: pb.Command
    ) -> Actor | pb.Refusal:
        """Who asks, with what the passcodes of a command come to; `sealed` is that of the game."""
        new = None
        if command.HasField("create_game"):
            new = command.create_game.passcode
        elif command.HasField("update_game") and command.update_game.HasField("passcode"):
            new = command.update_game.passcode
        if new is not None and len(new.encode()) > PASSCODE_BYTES:
            message = f"A passcode has at most {PASSCODE_BYTES} bytes."
            return refuse(pb.REASON_INVALID_VALUE, message, field="passcode")
        if new:
            key = f"{principal}|{peer}"
            wait_ms = self._passcode_hashes.take(key, self._now_ms())
            if wait_ms:
                message = "Too many passcodes were set: wait before the next one."
                return refuse(pb.REASON_TOO_MANY_ATTEMPTS, message, retry_ms=wait_ms)
        if new is not None:
            try:
                return Actor(new_passcode=await self._passcodes.seal(new))
            except PasscodesBusy:
                return _busy()
        if command.join_game.passcode:
            passcode = command.join_game.passcode
            proven = await self.prove(principal, peer, sealed, passcode)
            return proven if isinstance(proven, pb.Refusal) else Actor(proven_passcode=proven)
        return Actor()

    async def prove(
        self, principal: str, peer: str, sealed: SealedPasscode | None, passcode: str
    ) -> bytes | pb.Refusal:
        """The hash that this passcode matches; empty where it is wrong or none is asked for."""
        if sealed is None or len(passcode.encode()) > PASSCODE_BYTES:
            return b""
        # Not by game: guessing at many games is as slow as at one.
        key = f"{principal}|{peer}"
        now_ms = self._now_ms()
        wait_ms = self._passcode_hashes.take(key, now_ms)
        wait_ms = wait_ms or self._passcode_attempts.take(key, now_ms)
        if wait_ms:
            message = "Too many passcodes were tried: wait before the next one."
            return refuse(pb.REASON_TOO_MANY_ATTEMPTS, message, retry_ms=wait_ms)
        try:
            right = await self._passcodes.verify(passcode, sealed)
        except PasscodesBusy:
            self._passcode_attempts.give_back(key)
            return _busy()
        if not right:
            return b""
        # Only wrong ones count: an office of fifty comes from one address.
        self._passcode_attempts.give_back(key)
        return sealed.hash


def brings_passcode(command: pb.Command) -> bool:
    """Whether something is to be hashed before it is decided."""
    return bool(
        command.create_game.passcode
        or command.join_game.passcode
        or command.update_game.HasField("passcode")
    )


def _busy() -> pb.Refusal:
    message = "Too many passcodes are being checked: try again in a moment."
    return refuse(pb.REASON_TOO_MANY_ATTEMPTS, message, retry_ms=RETRY_MS)
