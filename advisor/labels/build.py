"""Items -> a LabelledSet: texts counted once, bad rows counted, what cannot be right refused. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from advisor.errors import InputError
from advisor.labels.kinds import LabelledSet, Pairs, Triplets
from advisor.texts.batches import MAX_TEXT_CHARS, replace_surrogates

MIN_ITEMS = 8
"""Fewer pairs, triplets or queries than this say nothing."""

Item = tuple[str, str, float | str]


def clean(text: str) -> str:
    """The text cut, and without lone surrogates, as a sampled one is."""
    (encodable,) = replace_surrogates([text[:MAX_TEXT_CHARS]])
    return encodable


def build_items(label: str, items: Iterable[Item | None]) -> LabelledSet:
    """Pairs if the third of an item is a number, triplets if it is a text; None stands for a row to be skipped.

    Raises InputError for too few items and for scores that are all the same.
    """
    asked: dict[str, int] = {}
    stored: dict[str, int] = {}
    rows: list[tuple[int, int]] = []
    scores: list[float] = []
    negatives: list[int] = []
    num_skipped = 0
    for item in items:
        if item is None or not _is_usable(item):
            num_skipped += 1
            continue
        first, second, third = item
        if isinstance(third, str):
            rows.append((_row(asked, first), _row(stored, second)))
            negatives.append(_row(stored, third))
        else:
            rows.append((_row(asked, second), _row(stored, first)))
            scores.append(float(third))
    if scores and negatives:
        raise InputError(f"{label} mixes scores and texts in its third column.")
    if len(rows) < MIN_ITEMS:
        skipped = f" and {num_skipped} rows without a text or score" if num_skipped else ""
        raise InputError(f"{label} holds {len(rows)} labelled rows{skipped}; at least {MIN_ITEMS} are needed.")
    if scores and min(scores) == max(scores):
        raise InputError(
            f"All scores in {label} are {scores[0]:g}, so they rank nothing.",
            hint="Name the columns as first,second,score with --eval-field.",
        )
    first_rows, second_rows = (tuple(side) for side in zip(*rows, strict=True))
    task = (
        Pairs(asked=first_rows, stored=second_rows, scores=tuple(scores))
        if scores
        else Triplets(anchor=first_rows, positive=second_rows, negative=tuple(negatives))
    )
    return LabelledSet(
        source=label,
        asked=tuple(asked),
        stored=tuple(stored),
        task=task,
        num_items_seen=len(rows),
        num_stored_seen=len(stored),
        num_skipped=num_skipped,
    )


def _row(rows: dict[str, int], text: str) -> int:
    """The row of a text among distinct ones, in the order of their first mention."""
    return rows.setdefault(clean(text), len(rows))


def _is_usable(item: Item) -> bool:
    first, second, third = item
    third_ok = bool(third.strip()) if isinstance(third, str) else math.isfinite(third)
    return bool(first.strip()) and bool(second.strip()) and third_ok
