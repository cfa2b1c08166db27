"""Any source of texts -> a uniform sample and its length profile, in one pass."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from os import PathLike, fspath
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from advisor.errors import InputError
from advisor.texts.batches import Batch, TextStream, batches, replace_surrogates
from advisor.texts.builtin import LABEL, builtin_texts
from advisor.texts.files import open_file, read_stdin
from advisor.texts.hub import PREFIX, read_hub
from advisor.texts.lengths import CharLengths, histogram_of, stats_of
from advisor.texts.reservoir import Reservoir
from advisor.texts.tokens import TokenCounter
from advisor.types import PairSource, TextProfile, TextSample


def sample_texts(
    source: str | PathLike[str] | Iterable[str] | None,
    *,
    field: str | None = None,
    num_texts: int = 512,
    seed: int = 0,
    tokenizer: TokenCounter | None = None,
    max_seq_length: int | None = None,
    offline: bool = False,
    stdin: BinaryIO | None = None,
) -> TextSample:
    """Draws a uniform sample of at most `num_texts` texts and profiles their lengths, in one pass.

    `source` is a path (.txt, .jsonl, .ndjson, .json, .csv, .tsv, .parquet, each also with .gz; others are read as text
    lines), `-` for standard input, `hub:owner/name[:config[:split]]`, an iterable of strings, or None for the built-in
    sample. `field` names the column or columns (`sentence1,sentence2`, or numbers from 1); without it they are found
    by the rules of `columns.choose_columns`.

    Blank texts are skipped and not counted. Character statistics and the share of short texts are exact over all
    texts. Token statistics and the share truncated are over the sample, whose texts are cut to 100,000 characters and
    in which lone surrogates are replaced by U+FFFD. The order is random, fixed by `seed`.

    Raises InputError for a bad source, file, field or size, UnavailableError for a dataset that cannot be reached,
    MissingExtraError if a format needs a package that is not installed.
    """
    if num_texts < 1:
        raise InputError(f"The number of texts to sample must be at least 1, not {num_texts}.")
    with open_texts(source, field=field, offline=offline, stdin=stdin) as stream:
        return drawn(stream, num_texts=num_texts, seed=seed, tokenizer=tokenizer, max_seq_length=max_seq_length)


def drawn(
    stream: TextStream,
    *,
    num_texts: int,
    seed: int,
    tokenizer: TokenCounter | None,
    max_seq_length: int | None,
    pairs: PairSource | None = None,
) -> TextSample:
    """A sample of a stream, or of one of pairs as `advisor.pairs` writes them; see `sample_texts`.

    Raises InputError where all is blank, and what reading the stream raises.
    """
    reservoir = Reservoir(num_texts, seed)
    chars = CharLengths()
    for batch in map(Batch.without_blanks, stream.batches):
        reservoir.extend(batch.texts)
        chars.add(batch.num_chars)
    if not reservoir.num_seen:
        what, column, why = (
            ("texts", "column", "nothing but blank or missing values")
            if pairs is None
            else ("pairs", "columns", "every row has a blank or missing side")
        )
        where = f"{stream.label} in {column} {stream.field}" if stream.field else stream.label
        raise InputError(f"There are no {what} in {where}: {why}.")
    texts = tuple(replace_surrogates(reservoir.sample()))
    profile = TextProfile(
        source=stream.label,
        field=stream.field,
        num_seen=reservoir.num_seen,
        num_sampled=len(texts),
        seed=seed,
        builtin=stream.builtin,
        pairs=pairs,
        **length_fields(texts, chars, tokenizer, max_seq_length),
    )
    return TextSample(texts=texts, profile=profile)


def length_fields(
    texts: Sequence[str], chars: CharLengths, tokenizer: TokenCounter | None, max_seq_length: int | None
) -> dict[str, Any]:
    """The fields of `TextProfile` about lengths: `chars` holds those of all texts, `texts` are the sample."""
    if tokenizer is None:
        tokens = truncated = None
        histogram = histogram_of(np.array([len(text) for text in texts], dtype=np.int64), unit="characters")
    else:
        counts = tokenizer.count(texts)
        tokens = stats_of(counts)
        truncated = None if max_seq_length is None else float(np.mean(counts > max_seq_length))
        histogram = histogram_of(counts, unit="tokens")
    return {
        "chars": chars.stats(),
        "tokens": tokens,
        "truncated_fraction": truncated,
        "fraction_under_500_chars": chars.fraction_short,
        "histogram": histogram,
    }


def open_texts(
    source: str | PathLike[str] | Iterable[str] | None,
    *,
    field: str | None = None,
    offline: bool = False,
    stdin: BinaryIO | None = None,
) -> AbstractContextManager[TextStream]:
    """Open a source as `sample_texts` does, to read all of its texts in order, blank ones too (rows stay aligned).

    Raises as `sample_texts` does, partly while the stream is read.
    """
    if isinstance(source, (str, PathLike)):
        path = fspath(source)
        if path == "-":
            return nullcontext(read_stdin(stdin or sys.stdin.buffer, field=field))
        if path.startswith(PREFIX):
            return nullcontext(read_hub(path, field=field, offline=offline))
        return open_file(Path(path), field=field)
    label = LABEL if source is None else "Python texts"
    if field is not None:
        raise InputError(
            f"The {label} have no columns, so there is no field {field!r}.", hint="Leave out --field.", about="field"
        )
    texts = builtin_texts() if source is None else _checked(source)
    return nullcontext(TextStream(label=label, field=None, batches=batches(texts), builtin=source is None))


def _checked(texts: Iterable[str]) -> Iterator[str]:
    try:
        iterator = iter(texts)
    except TypeError:
        kind = type(texts).__name__
        raise InputError(f"The texts must be a path or an iterable of strings, not {kind}.") from None
    for index, text in enumerate(iterator):
        if not isinstance(text, str):
            raise InputError(f"Text {index} is of type {type(text).__name__}, not str.")
        yield text
