"""Where chance comes from: the machine, unless a simulation brings its own."""

from random import Random, SystemRandom
from typing import Final
from uuid import UUID

SYSTEM: Final[Random] = SystemRandom()
"""Nobody can foretell it, so that secrets may be made of it, too."""


def new_id(chance: Random) -> str:
    """A UUID that nobody else has."""
    return str(UUID(int=chance.getrandbits(128), version=4))
