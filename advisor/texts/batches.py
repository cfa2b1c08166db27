"""What every reader yields: batches of texts with their true lengths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray

MAX_TEXT_CHARS = 100_000
"""Characters kept of one text. No embedding model reads this far (8,192 tokens are some 40,000 characters of English),
and a tokenizer given a 50 MB line would seem to hang. Length statistics use the true length."""

BATCH_TEXTS = 1024
BATCH_CHARS = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some texts in source order: one for each line or cell, also where it is blank or missing (then empty).

    `texts` are cut to `MAX_TEXT_CHARS`; `num_chars` holds their true lengths, `(len(texts),) int64`.
    """

    texts: list[str]
    num_chars: NDArray[np.int64]

    @classmethod
    def of(cls, texts: list[str], *, dropped_chars: int = 0) -> Batch:
        """Cuts long texts; `dropped_chars` were already cut off the first one."""
        num_chars = np.fromiter(map(len, texts), np.int64, len(texts))
        if dropped_chars:
            num_chars[0] += dropped_chars
        if texts and int(num_chars.max()) > MAX_TEXT_CHARS:
            texts = [text[:MAX_TEXT_CHARS] for text in texts]
        return cls(texts=texts, num_chars=num_chars)

    def without_blanks(self) -> Batch:
        """The texts that say something."""
        spoken = [bool(text) and not text.isspace() for text in self.texts]
        if all(spoken):
            return self
        return Batch(texts=list(compress(self.texts, spoken)), num_chars=self.num_chars[spoken])


@dataclass(frozen=True, slots=True, kw_only=True)
class TextStream:
    """An opened source. `batches` can be consumed once."""

    label: str
    """The source as reports name it: a file's name without its folder, `stdin`, `hub:owner/name`."""
    field: str | None
    batches: Iterator[Batch]
    builtin: bool = False


def grouped(texts: Iterable[str], *, max_texts: int = BATCH_TEXTS, max_chars: int = BATCH_CHARS) -> Iterator[list[str]]:
    """Lists of at most `max_texts` texts that end once they hold `max_chars` characters, so that memory is bounded."""
    group: list[str] = []
    num_chars = 0
    for text in texts:
        group.append(text)
        num_chars += len(text)
        if len(group) == max_texts or num_chars >= max_chars:
            yield group
            group, num_chars = [], 0
    if group:
        yield group


def batches(texts: Iterable[str]) -> Iterator[Batch]:
    """The texts in batches, in order."""
    return (Batch.of(group) for group in grouped(texts))


def replace_surrogates(texts: Sequence[str]) -> list[str]:
    """The texts with surrogate pairs joined and each lone surrogate replaced by U+FFFD.

    Python strings (from JSON escapes, for example) can hold lone surrogates; UTF-8 and `tokenizers` cannot.
    """
    return [_encodable(text) for text in texts]


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
