"""Which columns of a table are a labelled pair or triplet. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from advisor.errors import InputError
from advisor.labels.build import Item
from advisor.texts.columns import Column, field_parts, normal_name, reads_as_language, strings_in
from advisor.texts.rows import TableRow

PAIR_NAMES = (
    ("sentence1", "sentence2"),
    ("sentencea", "sentenceb"),
    ("text1", "text2"),
    ("texta", "textb"),
    ("question1", "question2"),
    ("premise", "hypothesis"),
    ("query", "document"),
    ("query", "passage"),
    ("query", "text"),
    ("anchor", "positive"),
)
"""Names of the two texts of a pair by priority, compared without case, spaces, hyphens and underscores."""

SCORE_NAMES = (
    "score",
    "similarity",
    "similarityscore",
    "goldscore",
    "gold",
    "relatednessscore",
    "relatedness",
    "relevance",
    "rating",
    "label",
    "labels",
    "isduplicate",
)
TRIPLET_NAMES = (
    ("anchor", "positive", "negative"),
    ("query", "positive", "negative"),
    ("query", "pos", "neg"),
    ("sentence1", "sentence2", "hardneg"),
    ("question", "positive", "negative"),
)

_EXAMPLES = "--eval-field first,second,score or --eval-field anchor,positive,negative"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelColumns:
    """Names of two text columns, and of a column of scores or of negatives."""

    first: str
    second: str
    third: str
    is_score: bool


def choose_label_columns(columns: Sequence[Column], *, label: str, field: str | None, named: bool) -> LabelColumns:
    """The columns of a pair or triplet, by the first rule that applies:

    1. `field` names three: two texts and a score, or an anchor, a positive and a negative (a number counts from 1).
    2. Known names: a triplet's, else a pair's with a score's.
    3. Exactly two columns that read as natural language, and one column of numbers that is no counter and
       no identifier: the one that stands directly before or after the texts.

    Raises InputError, which lists the columns, where no rule applies.
    """
    if field is not None:
        return _asked_for(field, columns, label)
    if named:
        by_name = {normal_name(column.name): column.name for column in reversed(columns)}
        for names in TRIPLET_NAMES:
            if all(name in by_name for name in names):
                first, second, third = (by_name[name] for name in names)
                return LabelColumns(first=first, second=second, third=third, is_score=False)
        score = next((by_name[name] for name in SCORE_NAMES if name in by_name), None)
        for pair in PAIR_NAMES:
            if score is not None and all(name in by_name for name in pair):
                return LabelColumns(first=by_name[pair[0]], second=by_name[pair[1]], third=score, is_score=True)
    texts = [position for position, column in enumerate(columns) if reads_as_language(column)]
    if len(texts) == 2:
        nearest = [texts[0] - 1, texts[1] + 1, *range(len(columns))]
        for position in nearest:
            if 0 <= position < len(columns) and _is_score(columns[position]):
                first, second = (columns[text].name for text in texts)
                return LabelColumns(first=first, second=second, third=columns[position].name, is_score=True)
    raise InputError(
        f"{label} has columns {', '.join(column.name for column in columns[:20])}, and it is not clear which of them "
        "are a labelled pair or triplet.",
        hint=f"Name three of them: {_EXAMPLES}.",
    )


def items_of(rows: Iterable[TableRow], chosen: LabelColumns, *, label: str) -> Iterator[Item | None]:
    """An item for each row, None where a cell is empty. A list of negatives gives an item for each of them.

    Raises InputError, with the row, for a score that is no number.
    """
    for place, row in rows:
        first, second = (next(iter(strings_in(row.get(name))), "") for name in (chosen.first, chosen.second))
        third = row.get(chosen.third)
        if third is None or third == "":
            yield None
        elif chosen.is_score:
            yield first, second, _score(third, chosen.third, label, place)
        else:
            for negative in strings_in(third):
                yield first, second, negative


def _asked_for(field: str, columns: Sequence[Column], label: str) -> LabelColumns:
    names = [column.name for column in columns]
    parts = field_parts(field, names)
    if len(parts) != 3:
        raise InputError(f"--eval-field {field} names {len(parts)} columns, not three:", hint=f"write {_EXAMPLES}.")
    found: list[Column] = []
    for part in parts:
        if part in names:
            found.append(columns[names.index(part)])
        elif part.isdecimal() and 1 <= int(part) <= len(columns):
            found.append(columns[int(part) - 1])
        else:
            raise InputError(f"{label} has no column {part!r}; it has {', '.join(names[:20])}.", hint=_EXAMPLES)
    first, second, third = found
    filled = [value for value in third.values if value not in (None, "")]
    return LabelColumns(
        first=first.name,
        second=second.name,
        third=third.name,
        is_score=all(_number(value) is not None for value in filled),
    )


def _is_score(column: Column) -> bool:
    """Numbers that differ, unless they look like a counter or like identifiers: whole ones, no two alike.

    NaN and infinity, which JSON lines may hold, say as little as an empty cell: their rows are left out later.
    """
    found = [_number(value) for value in column.values if value not in (None, "")]
    numbers = [number for number in found if number is not None and math.isfinite(number)]
    if None in found or len(set(numbers)) < 2:
        return False
    return not all(number.is_integer() for number in numbers) or len(set(numbers)) < len(numbers)


def _score(value: object, name: str, label: str, place: str | int) -> float:
    number = _number(value)
    if number is None:
        raise InputError(
            f"{label}, line {place}: {str(value)[:40]!r} in column {name} is no score.",
            hint="Scores are numbers; name the columns as first,second,score with --eval-field.",
        )
    return number


def _number(value: object) -> float | None:
    if isinstance(value, (bool, int, float)):
        try:
            return float(value)
        except OverflowError:  # a whole number of hundreds of digits
            return math.inf
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return None
        return number if math.isfinite(number) else None
    return None
