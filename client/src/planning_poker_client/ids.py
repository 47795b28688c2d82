"""Correlation ids from request ids. Pure."""

import re
from typing import Final
from uuid import UUID, uuid5

_NAMESPACE: Final = UUID("9b3f7c1e-2d0a-5c57-8a6e-1f4b2c9d7e30")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def correlation_id(request_id: str, *scope: str) -> str:
    """The same id for the same request of the same kind, seat and game, in any process.

    A UUID stands for itself, so that a correlation id can be used again.
    """
    if _UUID.fullmatch(request_id):
        return request_id
    return str(uuid5(_NAMESPACE, "\n".join((*scope, request_id))))
