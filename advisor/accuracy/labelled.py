"""The relative accuracy loss on labels, with the metrics of Sentence Transformers' evaluators.

Pairs: Spearman's correlation of similarities with the scores (EmbeddingSimilarityEvaluator). Triplets: the share
whose anchor is nearer to the positive (TripletEvaluator). Retrieval: nDCG@10 with what answers a query counting 1 and
all else 0 (InformationRetrievalEvaluator; Järvelin & Kekäläinen 2002, https://doi.org/10.1145/582415.582418). All by
the model's own similarity, as there.
https://sbert.net/docs/package_reference/sentence_transformer/evaluation.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.accuracy.estimate import interval
from advisor.accuracy.ranks import Ranked
from advisor.accuracy.rows import NAMES, comparable
from advisor.encode.similarity import all_pairs, row_by_row
from advisor.labels import LabelledSet, Pairs, Retrieval, Task, Triplets
from advisor.types import Fidelity, Similarity

MIN_BASELINE = 0.05
"""Where the baseline itself scores less than this, labels and model do not belong together: no loss is relative to
next to nothing."""

_K = 10
_RESAMPLES = 1000
_RESAMPLES_AT_ONCE = 50
_QUERIES_AT_ONCE = 64
_FEW = 5
"""Where the two differ on fewer queries or triplets than this, resampling them says next to nothing about the rest."""

_METRICS = {
    "pairs": "Spearman correlation of {similarity} with the scores of {items} pairs",
    "triplets": "accuracy on {items} triplets",
    "retrieval": "nDCG@10 over {items} queries and {stored} documents",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Embeddings on labels. `items` are what is resampled: similarities of pairs, or a figure for each triplet or
    query; `(num_items,)`."""

    value: float
    items: NDArray[np.float64]
    by: Similarity = "cosine"
    """What the embeddings were compared by."""


def score(labels: LabelledSet, asked: NDArray[Any], stored: NDArray[Any], *, by: Similarity = "cosine") -> Scored:
    """The figure of embeddings of both sides' texts, `(num_texts, dimension)` each, on labels, `by` their similarity.

    Raises ValueError if the numbers of rows are not those of the texts.
    """
    if (len(asked), len(stored)) != (len(labels.asked), len(labels.stored)):
        raise ValueError(f"{len(asked)} and {len(stored)} embeddings do not fit {len(labels.asked)} and "
                         f"{len(labels.stored)} texts")  # fmt: skip
    items = _items(labels.task, comparable(asked, by), comparable(stored, by), by)
    if isinstance(labels.task, Pairs):
        rho = Ranked(np.array(labels.task.scores), items).rho(np.ones((1, len(items))))
        return Scored(value=float(rho[0]), items=items, by=by)
    return Scored(value=float(items.mean()), items=items, by=by)


def labelled_loss(
    labels: LabelledSet, baseline: Scored, candidate: Scored, *, estimated: Fidelity | None = None, seed: int = 0
) -> Fidelity | None:
    """The loss of `candidate` relative to `baseline`, both scored on `labels`: (baseline - candidate) / baseline.

    The 95 % interval is the percentile interval of a paired bootstrap over pairs, triplets or queries, 1,000 resamples
    (Efron & Tibshirani 1993; paired, for the two are scored on the same items: Koehn 2004,
    https://aclanthology.org/W04-3250/). Queries and triplets have few possible outcomes: where both agree on all but a
    few, the interval also takes in that of the `estimated` loss, or it would claim that nothing can ever differ.

    None where the baseline scores under `MIN_BASELINE`.
    """
    if not baseline.value >= MIN_BASELINE:
        return None
    value = (baseline.value - candidate.value) / baseline.value
    rng = np.random.default_rng(seed)
    num_items = labels.task.num_items
    figures = [_figure(labels.task, scored.items) for scored in (baseline, candidate)]
    losses = []
    for _ in range(_RESAMPLES // _RESAMPLES_AT_ONCE):
        counts = rng.multinomial(num_items, np.full(num_items, 1 / num_items), size=_RESAMPLES_AT_ONCE)
        base, other = (figure(counts.astype(np.float64)) for figure in figures)
        losses.append(np.divide(base - other, base, out=np.ones_like(base), where=base > 0))
    values = [value]
    differ = int(np.count_nonzero(baseline.items != candidate.items))
    if not isinstance(labels.task, Pairs) and differ < _FEW and estimated is not None:
        values += list(estimated.ci95 or (estimated.value,))
    return Fidelity(
        value=value,
        ci95=interval(np.concatenate(losses), *values),
        method="labelled",
        metric=_METRICS[labels.kind].format(
            items=f"{num_items:,}", stored=f"{len(labels.stored):,}", similarity=NAMES[baseline.by]
        ),
        score=candidate.value,
        baseline_score=baseline.value,
        by=baseline.by,
    )


def _items(task: Task, asked: NDArray[np.float64], stored: NDArray[np.float64], by: Similarity) -> NDArray[np.float64]:
    if isinstance(task, Pairs):
        return row_by_row(by, stored[np.array(task.stored)], asked[np.array(task.asked)])
    if isinstance(task, Triplets):
        anchor = asked[np.array(task.anchor)]
        near, far = (row_by_row(by, anchor, stored[np.array(rows)]) for rows in (task.positive, task.negative))
        nearer: NDArray[np.float64] = (near > far).astype(np.float64)
        return nearer
    return _ndcg(task, asked, stored, by)


def _ndcg(
    task: Retrieval, asked: NDArray[np.float64], stored: NDArray[np.float64], by: Similarity
) -> NDArray[np.float64]:
    """nDCG@10 of each query; of equally similar documents, the one that stands first in the corpus ranks higher."""
    discount = 1 / np.log2(np.arange(2, _K + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discount)])
    found = np.empty(len(asked))
    top = min(_K, len(stored))
    for start in range(0, len(asked), _QUERIES_AT_ONCE):
        for position, row in enumerate(all_pairs(by, asked[start : start + _QUERIES_AT_ONCE], stored)):
            least = np.partition(row, -top)[-top]
            near = np.flatnonzero(row >= least)
            ranked = near[np.argsort(-row[near], kind="stable")][:top]
            query = start + position
            gain = float(discount[:top][np.isin(ranked, task.relevant[query])].sum())
            found[query] = gain / ideal[min(_K, task.num_relevant[query])]
    return found


def _figure(task: Task, items: NDArray[np.float64]) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """What gives the figure for each row of weights, `(resamples, num_items)` -> `(resamples,)`."""
    if isinstance(task, Pairs):
        return Ranked(np.array(task.scores), items).rho
    return lambda weights: weights @ items / weights.sum(axis=1)
