"""Which column of a table holds the texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from advisor.errors import InputError

HEAD_ROWS = 100
"""Rows that are looked at to understand a table."""

TEXT_NAMES: tuple[tuple[str, ...], ...] = (
    ("text",),
    ("texts",),
    ("sentence",),
    ("sentences",),
    ("content",),
    ("contents",),
    ("body",),
    ("passage",),
    ("document",),
    ("chunk",),
    ("abstract",),
    ("description",),
    ("review",),
    ("comment",),
    ("message",),
    ("sentence1", "sentence2"),
    ("sentencea", "sentenceb"),
    ("text1", "text2"),
    ("texta", "textb"),
    ("question1", "question2"),
    ("premise", "hypothesis"),
    ("anchor", "positive", "negative"),
    ("query",),
    ("question",),
    ("prompt",),
    ("title",),
)
"""Names of text columns by priority, compared without case, spaces, hyphens and underscores. All names of a row are
taken together."""

_CLEARLY_LONGER = 2.0
_SHOWN_COLUMNS = 20
_LETTER = re.compile(r"[^\W\d_]")
_WEB_ADDRESS = re.compile(r"\w+://\S+")
# Thai, Lao, Burmese, Khmer, Japanese and Chinese are written without spaces between words.
_SEVERAL_WORDS = re.compile(r"\S\s+\S|[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column with its values in the first rows."""

    name: str
    values: tuple[object, ...]


def choose_columns(columns: Sequence[Column], *, label: str, field: str | None, named: bool) -> tuple[int, ...]:
    """The positions of the text columns, by the first rule that applies:

    1. `field` names them: one name, or several separated by commas; a number counts columns from 1 where no column
       has it as its name.
    2. The first row of `TEXT_NAMES` of which the table has a column (that does not hold something else than strings).
    3. The only column with strings (a number in a CSV cell is not one).
    4. Of the columns that read as natural language (at least half of the rows are filled, and at least half of those
       hold several words, or a script without spaces): the one whose mean length is at least twice that of every
       other. Where columns have no names, all that are at least half as long as the longest: sentences of a pair look
       alike.

    Raises InputError, which lists the columns, if `field` is unknown or no rule applies.
    """
    if field is not None:
        return _asked_for(field, columns, label)
    with_strings = [position for position, column in enumerate(columns) if _holds_strings(column)]
    if named and (known := _known(columns)):
        return known
    if len(with_strings) == 1:
        return (with_strings[0],)
    lengths = _natural_lengths(columns)
    if lengths:
        bar = max(lengths.values()) / _CLEARLY_LONGER
        longest = tuple(position for position, length in lengths.items() if length > bar)
        if len(longest) == 1 or not named:
            return longest
    raise InputError(
        f"{label} has columns {_shown(columns)}, and it is not clear which of them holds the texts.",
        hint=f"Name the text column with --field, e.g. --field {_example(columns)}",
        about="field",
    )


def strings_in(value: object) -> Iterable[str]:
    """The strings that a cell holds: itself, or those in its list; an empty one for other types, to keep the row."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, (list, tuple)):
        return [item for item in value if isinstance(item, str)]
    return ("",)


def is_text_name(name: str) -> bool:
    """Whether `name` is one of `TEXT_NAMES`."""
    return any(normal_name(name) in group for group in TEXT_NAMES)


def is_string(value: str) -> bool:
    """Whether `value` has a letter of any script and is not a number such as `1e-5` or `nan`."""
    if _LETTER.search(value) is None:
        return False
    try:
        float(value)
    except ValueError:
        return True
    return False


def reads_as_language(column: Column) -> bool:
    """Whether a column holds natural language: rule 4 of `choose_columns`."""
    texts = _filled(column)
    natural = len(texts) * 2 >= len(column.values) and sum(map(_reads_naturally, texts)) * 2 >= len(texts)
    return natural and _holds_strings(column)


def field_parts(field: str, names: Sequence[str]) -> list[str]:
    """The columns that `field` asks for: itself if there is a column of that name, else its parts between commas."""
    return [field] if field in names else [part.strip() for part in field.split(",")]


def _natural_lengths(columns: Sequence[Column]) -> dict[int, float]:
    """The mean length of each column that reads as natural language, by position."""
    return {position: _mean_chars(column) for position, column in enumerate(columns) if reads_as_language(column)}


def _example(columns: Sequence[Column]) -> str:
    """The column to name in a hint: the one with the longest natural texts."""
    lengths = _natural_lengths(columns)
    return columns[max(lengths, key=lambda position: lengths[position]) if lengths else 0].name


def _asked_for(field: str, columns: Sequence[Column], label: str) -> tuple[int, ...]:
    names = [column.name for column in columns]
    positions: list[int] = []
    for part in field_parts(field, names):
        if part in names:
            positions.append(names.index(part))
        elif part.isdecimal() and 1 <= int(part) <= len(names):
            positions.append(int(part) - 1)
        else:
            raise InputError(
                f"{label} has no column {part!r}; it has {_shown(columns)}.",
                hint=f"Name a column with --field, e.g. --field {_example(columns)}" if names else None,
                about="field",
            )
    return tuple(dict.fromkeys(positions))


def _known(columns: Sequence[Column]) -> tuple[int, ...]:
    by_name = {
        normal_name(column.name): position
        for position, column in reversed(tuple(enumerate(columns)))
        if _holds_strings(column) or all(value in (None, "") for value in column.values)
    }
    for group in TEXT_NAMES:
        if found := tuple(by_name[name] for name in group if name in by_name):
            return found
    return ()


def normal_name(name: str) -> str:
    """A column's name without case, spaces, hyphens and underscores."""
    return re.sub(r"[\s_-]+", "", name.casefold())


def _filled(column: Column) -> list[str]:
    return [text for value in column.values for text in strings_in(value) if text and not text.isspace()]


def _holds_strings(column: Column) -> bool:
    texts = _filled(column)
    return sum(map(is_string, texts)) * 2 > len(texts)


def _reads_naturally(text: str) -> bool:
    return is_string(text) and _SEVERAL_WORDS.search(text) is not None and not _WEB_ADDRESS.fullmatch(text.strip())


def _mean_chars(column: Column) -> float:
    texts = _filled(column)
    return sum(map(len, texts)) / len(texts)


def _shown(columns: Sequence[Column]) -> str:
    more = len(columns) - _SHOWN_COLUMNS
    return ", ".join(column.name for column in columns[:_SHOWN_COLUMNS]) + (f" and {more} more" if more > 0 else "")
