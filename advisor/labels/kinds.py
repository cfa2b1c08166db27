"""What labelled data are: texts that are asked with, texts that are stored, and what is known about them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from advisor.types import LabelKind, LabelProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Two texts and how similar people found them. `asked[i]` and `stored[i]` are rows of the labelled set's texts."""

    asked: tuple[int, ...]
    stored: tuple[int, ...]
    scores: tuple[float, ...]

    @property
    def num_items(self) -> int:
        """How many pairs."""
        return len(self.scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class Triplets:
    """An anchor (a row of `asked`) that belongs to the positive rather than to the negative (rows of `stored`)."""

    anchor: tuple[int, ...]
    positive: tuple[int, ...]
    negative: tuple[int, ...]

    @property
    def num_items(self) -> int:
        """How many triplets."""
        return len(self.anchor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """Every asked text is a query, every stored one a document.

    `relevant[i]` are the rows of the documents that answer query `i`; `num_relevant[i]` also counts those that are not
    among the documents, as they are missed too.
    """

    relevant: tuple[tuple[int, ...], ...]
    num_relevant: tuple[int, ...]

    @property
    def num_items(self) -> int:
        """How many queries."""
        return len(self.relevant)


Task = Pairs | Triplets | Retrieval

_KINDS: dict[type[Task], LabelKind] = {Pairs: "pairs", Triplets: "triplets", Retrieval: "retrieval"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSet:
    """Distinct texts on two sides, and the labels.

    `asked` are those that arrive one at a time in production (queries, anchors, the second text of a pair), `stored`
    those that are embedded in batches (documents, positives and negatives, the first text of a pair).
    """

    source: str
    """As reports name it, without its folder."""
    asked: tuple[str, ...]
    stored: tuple[str, ...]
    task: Task
    num_items_seen: int
    """Pairs, triplets or queries in the source; more than in `task` where the set was cut."""
    num_stored_seen: int
    num_skipped: int = 0
    """Rows without a text or without a score."""

    @property
    def kind(self) -> LabelKind:
        """Pairs, triplets or retrieval."""
        return _KINDS[type(self.task)]

    @property
    def num_chars(self) -> int:
        """The characters of all its texts."""
        return sum(map(len, self.asked)) + sum(map(len, self.stored))

    @property
    def profile(self) -> LabelProfile:
        """What the recommendation says about it; holds no text."""
        return LabelProfile(
            source=self.source,
            kind=self.kind,
            num_items=self.task.num_items,
            num_items_seen=self.num_items_seen,
            num_stored=len(self.stored),
            num_stored_seen=self.num_stored_seen,
            num_skipped=self.num_skipped,
        )

    @property
    def sha256(self) -> str:
        """Of the texts and the labels, as 64 hexadecimal digits."""
        content = json.dumps([self.kind, self.asked, self.stored, asdict(self.task)])
        return hashlib.sha256(content.encode()).hexdigest()
