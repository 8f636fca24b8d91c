"""Chance that falls alike on every machine."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class Dice:
    """All of it comes from the generator's plain uniform numbers, which stay the same from one NumPy to the next."""

    def __init__(self, seed: int, kind: int) -> None:
        self._random = np.random.default_rng([seed, kind]).random

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self._random()

    def count(self, low: int, high: int) -> int:
        return low + int(self._random() * (high - low + 1))

    def chance(self, of_one: float) -> bool:
        return self._random() < of_one

    def pick(self, among: Sequence[T]) -> T:
        return among[int(self._random() * len(among))]

    def spot(self, tall: float, top: float = 0, bottom: float = 1) -> tuple[float, float]:
        """A point on a picture so tall: anywhere across, and between those shares of its height."""
        return self.between(0, 1), tall * self.between(top, bottom)
