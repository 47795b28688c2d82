"""Seat secrets: only their hashes are kept, and they are compared in constant time."""

import hashlib
import hmac


def hash_of(secret: bytes) -> bytes:
    """SHA-256 of a secret; empty for none."""
    return hashlib.sha256(secret).digest() if secret else b""


def proves(secret: bytes, kept: bytes) -> bool:
    """Whether `secret` is the one whose hash is kept."""
    return bool(kept) and hmac.compare_digest(hash_of(secret), kept)
