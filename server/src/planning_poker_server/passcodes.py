"""Passcodes: salted scrypt, on threads of their own, with attempts limited."""

import asyncio
import hashlib
import hmac
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import planningpoker.storage.v1 as storage

# 2^14 blocks of 1 KiB: 16 MiB and some 40 ms each, as RFC 7914 has it for
# interactive use; two threads bound what guessing can cost.
_COST = {"n": 2**14, "r": 8, "p": 1}
_THREADS = 2
_MAX_WAITING = 32


SealedPasscode: TypeAlias = storage.SealedPasscode
"""What is kept of a passcode."""


class PasscodesBusy(Exception):
    """Too many passcodes are being verified."""


class Passcodes:
    """Hashes and verifies without blocking the loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="passcode")
        self._waiting = 0

    async def seal(self, passcode: str) -> storage.SealedPasscode:
        """A passcode as the log keeps it; an empty one stays empty."""
        if not passcode:
            return storage.SealedPasscode()
        salt = secrets.token_bytes(16)
        return storage.SealedPasscode(salt=salt, hash=await self._hash(passcode, salt))

    async def verify(self, passcode: str, sealed: storage.SealedPasscode) -> bool:
        """Whether `passcode` is the one sealed."""
        if not passcode:
            return False
        return hmac.compare_digest(await self._hash(passcode, sealed.salt), sealed.hash)

    async def _hash(self, passcode: str, salt: bytes) -> bytes:
        if self._waiting >= _MAX_WAITING:
            raise PasscodesBusy
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, _scrypt, passcode.encode(), salt)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Take no more; what runs comes to its end."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _scrypt(passcode: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(passcode, salt=salt, dklen=32, **_COST)
