"""Any source of pairs of texts -> a uniform sample and its length profile; pairs are made where there are none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from advisor.errors import InputError
from advisor.pairs import join
from advisor.texts.batches import MAX_TEXT_CHARS, replace_surrogates
from advisor.texts.columns import HEAD_ROWS, Column, choose_columns, field_name, normal_name, reads_as_language
from advisor.texts.files import FORMATS
from advisor.texts.hub import PREFIX
from advisor.texts.lengths import CharLengths, histogram_of, stats_of
from advisor.texts.made_pairs import make_pairs
from advisor.texts.reservoir import Reservoir
from advisor.texts.rows import Table, TableRow, open_rows
from advisor.texts.sample import sample_texts
from advisor.texts.tokens import TokenCounter
from advisor.types import PairSource, TextProfile, TextSample

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

_AT_ONCE = 1024


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
    if not isinstance(source, (str, PathLike)):
        given = None if source is None else _python_pairs(source)
        if isinstance(given, Iterator):
            return _sampled(given, "Python pairs", None, num_texts, seed, tokenizer, max_seq_length)
        texts: str | PathLike[str] | Iterable[str] | None = given
    else:
        texts = source
        path = fspath(source)
        if path == "-" and field is not None and "," in field:
            raise InputError("Pairs cannot be read from standard input.", hint="Save them to a file, and name that.")
        if path.startswith(PREFIX) or (path != "-" and (_is_table(path) or (field is not None and "," in field))):
            with open_rows(path, offline=offline, field=field) as table:
                found = _columns(table, field)
                if found is not None:
                    rows, names = found
                    pairs = (_cells(row, names) for row in rows)
                    joined = ",".join(names)
                    return _sampled(pairs, table.label, joined, num_texts, seed, tokenizer, max_seq_length)
    single = sample_texts(texts, field=field, num_texts=num_texts, seed=seed, offline=offline)
    made = make_pairs(single.texts, seed=seed)
    lengths = CharLengths()
    lengths.add(np.array([len(first) + len(second) for first, second in made], dtype=np.int64))
    return _profiled(
        tuple(join(first, second) for first, second in made),
        lengths,
        source=single.profile.source,
        field=single.profile.field,
        num_seen=single.profile.num_seen,
        seed=seed,
        tokenizer=tokenizer,
        max_seq_length=max_seq_length,
        builtin=single.profile.builtin,
        pairs="made",
    )


def _is_table(path: str) -> bool:
    extension = Path(Path(path).stem).suffix if path.endswith(".gz") else Path(path).suffix
    return FORMATS.get(extension.lower(), "text") != "text"


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
                f"--field names {len(chosen)} columns ({field_name(columns, chosen)}), and a pair has two.",
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
        return source  # told by whoever reads single texts
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


def _sampled(
    pairs: Iterator[Pair | None],
    label: str,
    field: str | None,
    num_texts: int,
    seed: int,
    tokenizer: TokenCounter | None,
    max_seq_length: int | None,
) -> TextSample:
    reservoir = Reservoir(num_texts, seed)
    lengths = CharLengths()
    while some := list(islice(pairs, _AT_ONCE)):
        kept = [pair for pair in some if pair is not None and pair[0].strip() and pair[1].strip()]
        reservoir.extend([join(*(side[:MAX_TEXT_CHARS] for side in replace_surrogates(pair))) for pair in kept])
        lengths.add(np.array([len(first) + len(second) for first, second in kept], dtype=np.int64))
    if not reservoir.num_seen:
        where = f"{label} in columns {field}" if field else label
        raise InputError(f"There are no pairs in {where}: every row has a blank or missing side.")
    return _profiled(
        reservoir.sample(),
        lengths,
        source=label,
        field=field,
        num_seen=reservoir.num_seen,
        seed=seed,
        tokenizer=tokenizer,
        max_seq_length=max_seq_length,
        builtin=False,
        pairs="given",
    )


def _profiled(
    texts: tuple[str, ...],
    lengths: CharLengths,
    *,
    source: str,
    field: str | None,
    num_seen: int,
    seed: int,
    tokenizer: TokenCounter | None,
    max_seq_length: int | None,
    builtin: bool,
    pairs: PairSource,
) -> TextSample:
    counts = None if tokenizer is None else tokenizer.count(texts)
    truncated = None if counts is None or max_seq_length is None else float(np.mean(counts > max_seq_length))
    characters = np.array([len(text) for text in texts], dtype=np.int64)
    profile = TextProfile(
        source=source,
        field=field,
        num_seen=num_seen,
        num_sampled=len(texts),
        seed=seed,
        chars=lengths.stats(),
        tokens=None if counts is None else stats_of(counts),
        truncated_fraction=truncated,
        fraction_under_500_chars=lengths.fraction_short,
        builtin=builtin,
        histogram=(
            histogram_of(characters, unit="characters") if counts is None else histogram_of(counts, unit="tokens")
        ),
        pairs=pairs,
    )
    return TextSample(texts=texts, profile=profile)
