"""A labelled set that is small enough to be embedded by every candidate. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

from advisor.labels.kinds import LabelledSet, Pairs, Retrieval, Triplets

_QUERY_SHARE = 0.5
"""Of the characters, for the queries and the documents that answer them; what is left is for other documents."""


def cut_to(labels: LabelledSet, *, max_chars: int, seed: int) -> LabelledSet:
    """At most about `max_chars` characters of texts: a random part of the items, fixed by `seed`; all if they fit.

    Pairs and triplets are drawn whole. Of a retrieval set queries are drawn with the documents that answer them, and
    the room that is left is filled with other documents at random. Fewer distractors make retrieval easier for all
    alike: the figures are higher than on the whole corpus, and their relative loss is a little lower. One item is
    always kept.
    """
    if labels.num_chars <= max_chars:
        return labels
    order = list(range(labels.task.num_items))
    random.Random(seed).shuffle(order)
    task = labels.task
    if isinstance(task, Retrieval):
        return _cut_retrieval(labels, task, order, max_chars=max_chars, seed=seed)
    kept = sorted(_that_fit(labels, order, [_texts_of(task, item) for item in range(task.num_items)], max_chars))
    asked, stored = _Side(labels.asked), _Side(labels.stored)
    smaller: Pairs | Triplets
    if isinstance(task, Pairs):
        smaller = Pairs(
            asked=asked.keep(task.asked[item] for item in kept),
            stored=stored.keep(task.stored[item] for item in kept),
            scores=tuple(task.scores[item] for item in kept),
        )
    else:
        smaller = Triplets(
            anchor=asked.keep(task.anchor[item] for item in kept),
            positive=stored.keep(task.positive[item] for item in kept),
            negative=stored.keep(task.negative[item] for item in kept),
        )
    return replace(labels, asked=asked.texts, stored=stored.texts, task=smaller)


class _Side:
    """The texts of one side that are kept, each once."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._rows: dict[int, int] = {}

    def keep(self, rows: Iterable[int]) -> tuple[int, ...]:
        """The new rows of the texts at the old ones."""
        return tuple(self._rows.setdefault(row, len(self._rows)) for row in rows)

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(self._texts[row] for row in self._rows)


def _texts_of(task: Pairs | Triplets, item: int) -> tuple[int, tuple[int, ...]]:
    """The asked row of an item, and its stored ones."""
    if isinstance(task, Pairs):
        return task.asked[item], (task.stored[item],)
    return task.anchor[item], (task.positive[item], task.negative[item])


def _that_fit(
    labels: LabelledSet, order: Iterable[int], texts: Sequence[tuple[int, tuple[int, ...]]], max_chars: float
) -> list[int]:
    """The first items in order whose texts, each counted once, fit; one at least."""
    asked: set[int] = set()
    stored: set[int] = set()
    kept: list[int] = []
    num_chars = 0
    for item in order:
        query, documents = texts[item]
        num_chars += 0 if query in asked else len(labels.asked[query])
        num_chars += sum(len(labels.stored[row]) for row in set(documents) - stored)
        if kept and num_chars > max_chars:
            break
        asked.add(query)
        stored.update(documents)
        kept.append(item)
    return kept


def _cut_retrieval(labels: LabelledSet, task: Retrieval, order: list[int], *, max_chars: int, seed: int) -> LabelledSet:
    texts = [(query, task.relevant[query]) for query in range(task.num_items)]
    queries = sorted(_that_fit(labels, order, texts, _QUERY_SHARE * max_chars))
    stored = _Side(labels.stored)
    relevant = tuple(stored.keep(task.relevant[query]) for query in queries)
    answering = {row for query in queries for row in task.relevant[query]}
    left = max_chars - sum(len(labels.asked[query]) for query in queries)
    left -= sum(len(labels.stored[row]) for row in answering)
    others = [row for row in range(len(labels.stored)) if row not in answering]
    random.Random(seed + 1).shuffle(others)
    for row in others:
        left -= len(labels.stored[row])
        if left < 0:
            break
        stored.keep([row])
    return replace(
        labels,
        asked=tuple(labels.asked[query] for query in queries),
        stored=stored.texts,
        task=Retrieval(relevant=relevant, num_relevant=tuple(task.num_relevant[query] for query in queries)),
    )
