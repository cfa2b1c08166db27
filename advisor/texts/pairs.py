"""Any source of pairs of texts -> a uniform sample and its length profile; pairs are made where there are none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.errors import InputError
from advisor.pairs import join
from advisor.texts.batches import BATCH_TEXTS, MAX_TEXT_CHARS, Batch, TextStream, replace_surrogates
from advisor.texts.columns import HEAD_ROWS, Column, choose_columns, normal_name, reads_as_language
from advisor.texts.files import format_of
from advisor.texts.hub import PREFIX
from advisor.texts.lengths import CharLengths
from advisor.texts.made_pairs import make_pairs
from advisor.texts.rows import Table, TableRow, open_rows
from advisor.texts.sample import drawn, length_fields, sample_texts
from advisor.texts.tokens import TokenCounter
from advisor.types import TextSample

Pair = tuple[str, str]

PAIR_NAMES: tuple[Pair, ...] = (
    ("query", "document"),
    ("query", "passage"),
    ("query", "text"),
    ("query", "answer"),
    ("question", "answer"),
    ("question", "context"),
    ("question", "passage"),
    ("anchor", "positive"),
    ("sentence1", "sentence2"),
    ("sentencea", "sentenceb"),
    ("text1", "text2"),
    ("texta", "textb"),
    ("question1", "question2"),
    ("premise", "hypothesis"),
)
"""Names of columns that are a pair, by priority; compared without case, spaces, hyphens and underscores."""


def sample_pairs(
    source: str | PathLike[str] | Iterable[Any] | None,
    *,
    field: str | None = None,
    num_texts: int = 512,
    seed: int = 0,
    tokenizer: TokenCounter | None = None,
    max_seq_length: int | None = None,
    offline: bool = False,
) -> TextSample:
    """Draws a uniform sample of at most `num_texts` pairs, and profiles the length of both texts together.

    `source` is what `sample_texts` takes, or an iterable of pairs of strings. A table holds pairs if `field` names two
    columns, if two of its columns are called as in `PAIR_NAMES`, or if two of them, and no more, read as natural
    language. Where there are single texts only, pairs are made of them (`made_pairs.make_pairs`), and the profile says
    so. Rows with a blank side are passed over. `tokenizer` counts pairs.

    Raises as `sample_texts` does, and InputError where `field` names more than two columns.
    """
    if num_texts < 1:
        raise InputError(f"The number of texts to sample must be at least 1, not {num_texts}.")

    def sampled(pairs: Iterator[Pair | None], label: str, field: str | None) -> TextSample:
        return drawn(
            TextStream(label=label, field=field, batches=_batches(pairs)),
            num_texts=num_texts,
            seed=seed,
            tokenizer=tokenizer,
            max_seq_length=max_seq_length,
            pairs="given",
        )

    if not isinstance(source, (str, PathLike)):
        given = None if source is None else _python_pairs(source)
        if isinstance(given, Iterator):
            return sampled(given, "Python pairs", None)
        texts: str | PathLike[str] | Iterable[str] | None = given
    else:
        texts = source
        path = fspath(source)
        several = field is not None and "," in field
        if path == "-" and several:
            raise InputError("Pairs cannot be read from standard input.", hint="Save them to a file, and name that.")
        if path.startswith(PREFIX) or (path != "-" and (several or format_of(Path(path)) != "text")):
            with open_rows(path, offline=offline, field=field) as table:
                found = _columns(table, field)
                if found is not None:
                    rows, names = found
                    return sampled((_cells(row, names) for row in rows), table.label, ",".join(names))
    single = sample_texts(texts, field=field, num_texts=num_texts, seed=seed, offline=offline)
    made = make_pairs(single.texts, seed=seed)
    lengths = CharLengths()
    lengths.add(_num_chars(made))
    joined = tuple(join(*pair) for pair in made)
    fields = length_fields(joined, lengths, tokenizer, max_seq_length)
    return TextSample(texts=joined, profile=replace(single.profile, pairs="made", **fields))


def _columns(table: Table, field: str | None) -> tuple[Iterator[TableRow], Pair] | None:
    """All rows and the names of both columns; None where the table holds single texts."""
    try:
        head = list(islice(table.rows, HEAD_ROWS))
    except InputError:
        if field is None:  # plain strings, or damaged: reading single texts tells which
            return None
        raise
    names = list(dict.fromkeys(name for row in head for name in row.values))
    columns = [Column(name=name, values=tuple(row.values.get(name) for row in head)) for name in names]
    chosen: Sequence[int] | None
    if field is not None:
        chosen = choose_columns(columns, label=table.label, field=field, named=table.named)
        if len(chosen) > 2:
            raise InputError(
                f"--field names {len(chosen)} columns ({','.join(names[each] for each in chosen)}), "
                "and a pair has two.",
                hint="Name the column of the queries and that of the documents: --field query,document",
                about="field",
            )
    else:
        chosen = _named_pair(columns) or [each for each, column in enumerate(columns) if reads_as_language(column)]
    if len(chosen) != 2:
        return None
    return chain(head, table.rows), (names[chosen[0]], names[chosen[1]])


def _named_pair(columns: Sequence[Column]) -> tuple[int, int] | None:
    by_name = {normal_name(column.name): position for position, column in reversed(tuple(enumerate(columns)))}
    return next(
        ((by_name[first], by_name[second]) for first, second in PAIR_NAMES if {first, second} <= by_name.keys()), None
    )


def _cells(row: TableRow, names: Pair) -> Pair | None:
    first, second = (row.values.get(name) for name in names)
    return (first, second) if isinstance(first, str) and isinstance(second, str) else None


def _python_pairs(source: Iterable[Any]) -> Iterator[Pair | None] | Iterable[str]:
    """An iterator over pairs; the source itself, whole, where it holds something else."""
    try:
        items = iter(source)
    except TypeError:
        return source  # reading single texts raises for it
    first = next(items, None)
    everything = items if first is None else chain((first,), items)
    if not isinstance(first, (tuple, list)):
        return list(everything)

    def pairs() -> Iterator[Pair | None]:
        for index, pair in enumerate(everything):
            if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not all(isinstance(each, str) for each in pair):
                raise InputError(f"Pair {index} is {pair!r:.60}, not two strings.")
            yield pair[0], pair[1]

    return pairs()


def _batches(pairs: Iterator[Pair | None]) -> Iterator[Batch]:
    """The pairs without blank sides, joined; the length of a pair is that of both texts."""
    while some := list(islice(pairs, BATCH_TEXTS)):
        kept = [pair for pair in some if pair is not None and pair[0].strip() and pair[1].strip()]
        yield Batch(
            texts=[join(*(side[:MAX_TEXT_CHARS] for side in replace_surrogates(pair))) for pair in kept],
            num_chars=_num_chars(kept),
        )


def _num_chars(pairs: Sequence[Pair]) -> NDArray[np.int64]:
    return np.array([len(first) + len(second) for first, second in pairs], dtype=np.int64)
