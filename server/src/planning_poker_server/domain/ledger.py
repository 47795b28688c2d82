"""A mapping that only grows, of which a copy costs nothing however much it holds."""

from typing import Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_TOP: Final = 64


class Ledger(Generic[K, V]):
    """Entries can be added and replaced, never taken out.

    Forks share all full layers, which nobody changes any more, and copy only
    the topmost, which holds fewer than 64 entries. Each layer is at least twice
    as large as the next, so that there are few to look through.
    """

    __slots__ = ("_layers", "_top")

    def __init__(self) -> None:
        self._layers: tuple[dict[K, V], ...] = ()
        self._top: dict[K, V] = {}

    def __setitem__(self, key: K, value: V) -> None:
        self._top[key] = value
        if len(self._top) >= _TOP:
            self._start_new_layer()

    def get(self, key: K) -> V | None:
        if key in self._top:
            return self._top[key]
        for layer in reversed(self._layers):
            if key in layer:
                return layer[key]
        return None

    def fork(self) -> "Ledger[K, V]":
        """A ledger that goes its own way from here."""
        other: Ledger[K, V] = Ledger()
        other._layers = self._layers
        other._top = self._top.copy()
        return other

    def _start_new_layer(self) -> None:
        *layers, layer = *self._layers, self._top
        while layers and len(layers[-1]) < 2 * len(layer):
            layer = {**layers.pop(), **layer}
        self._layers = (*layers, layer)
        self._top = {}
