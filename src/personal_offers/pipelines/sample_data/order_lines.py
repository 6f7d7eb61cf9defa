"""What the generators of both order-line shops share: draws, shares and a calendar."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Times = npt.NDArray[np.datetime64]
Marks = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.number]

# Enough draws that a list of names is long enough once repeated names are gone.
_SURPLUS = 3


class Calendar(NamedTuple):
    """The days on which a shop trades, and a clock that runs faster in busy seasons.

    Attributes:
        days: Trading days in order.
        clock: Trading time at the start of each day and at the end of the last one. Its
            unit is an average trading day, so waiting times drawn on it follow the season.
    """

    days: Times
    clock: Floats

    @property
    def length(self) -> float:
        """Trading time of the whole calendar, in average trading days."""
        return float(self.clock[-1])

    def day_at(self, moments: Floats) -> Integers:
        """Return the number of the trading day at each moment of trading time."""
        found = np.searchsorted(self.clock, moments, side="right") - 1
        return np.clip(found, 0, self.days.size - 1).astype(np.int64)


def make_calendar(
    first: date,
    last: date,
    closed: Collection[date],
    month_pace: Sequence[float],
    weekday_pace: Sequence[float],
) -> Calendar:
    """Make the calendar of a shop.

    Args:
        first: First day.
        last: Last day.
        closed: Days without trade, besides the weekdays of pace 0.
        month_pace: How busy a day is, from January to December.
        weekday_pace: How busy a day is, from Monday to Sunday; 0 closes the shop.

    Returns:
        The calendar of all days that have a pace.
    """
    days = pd.date_range(first, last)
    pace = np.array(month_pace)[days.month - 1] * np.array(weekday_pace)[days.day_of_week]
    is_open = (pace > 0) & ~days.isin(pd.DatetimeIndex(sorted(closed)))
    pace = pace[is_open]
    clock = np.concatenate([[0.0], np.cumsum(pace / pace.mean())])
    return Calendar(days[is_open].to_numpy(dtype="datetime64[D]"), clock)


def draw(rng: np.random.Generator, weights: Iterable[float], size: int) -> Integers:
    """Draw positions by weight, with repetition."""
    shares = np.fromiter(weights, dtype=np.float64)
    drawn = rng.choice(shares.size, size, p=shares / shares.sum())
    return drawn.astype(np.int64)


def draw_distinct(rng: np.random.Generator, weights: Iterable[float], size: int) -> Integers:
    """Draw positions by weight, each at most once."""
    shares = np.fromiter(weights, dtype=np.float64)
    drawn = rng.choice(shares.size, size, replace=False, p=shares / shares.sum())
    return drawn.astype(np.int64)


def share_out(weights: Iterable[float], total: int, at_least: int = 0) -> Integers:
    """Share a whole number out by weight, by the method of the largest remainder (Hamilton).

    Args:
        weights: Weight of each share.
        total: What is shared out.
        at_least: Smallest share.

    Returns:
        Whole shares with exactly this total.
    """
    shares = np.fromiter(weights, dtype=np.float64)
    exact = shares / shares.sum() * (total - at_least * shares.size)
    whole: Integers = np.floor(exact).astype(np.int64)
    missing = total - at_least * shares.size - int(whole.sum())
    largest = np.argsort(whole - exact, kind="stable")[:missing]
    whole[largest] += 1
    return whole + at_least


def popularity(size: int, steepness: float) -> Floats:
    """Return weights that fall with the rank as a power of it (Zipf)."""
    weights: Floats = np.power(np.arange(size, dtype=np.float64) + 3.0, -steepness)
    return weights


def position_within(groups: pd.Series[Any]) -> Integers:
    """Number the rows of each group from 0, in their order."""
    return groups.groupby(groups).cumcount().to_numpy().astype(np.int64)


def distinct_texts(
    rng: np.random.Generator, make: Callable[[np.random.Generator, int], list[str]], size: int
) -> list[str]:
    """Draw texts until enough of them differ.

    Args:
        rng: Source of the draws.
        make: Draws a given number of texts.
        size: How many different texts are wanted.

    Returns:
        That many different texts, in the order in which they were drawn.

    Raises:
        ValueError: If the words behind ``make`` do not give that many texts.
    """
    texts = list(dict.fromkeys(make(rng, _SURPLUS * size)))
    if len(texts) < size:
        raise ValueError(f"only {len(texts)} different names can be made of the words, not {size}")
    return texts[:size]


def random_ids(rng: np.random.Generator, size: int) -> list[str]:
    """Draw random ids in the form of UUID version 4."""
    return [str(uuid.UUID(bytes=rng.bytes(16), version=4)) for _ in range(size)]
