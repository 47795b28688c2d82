"""All that an object holds, as plain values, so that two can be compared to the last slot."""

from typing import Any

from google.protobuf.message import Message


def dump(value: object) -> Any:
    """Containers and slots all the way down; the order of dictionaries counts."""
    if isinstance(value, Message):
        return value.SerializeToString(deterministic=True)
    if isinstance(value, dict):
        return [(dump(key), dump(entry)) for key, entry in value.items()]
    if isinstance(value, list | tuple):
        return [dump(entry) for entry in value]
    if isinstance(value, set | frozenset):
        return sorted(value)
    slots = getattr(type(value), "__slots__", None)
    if slots is not None and not callable(value):
        return {slot: dump(getattr(value, slot)) for slot in slots}
    return value
