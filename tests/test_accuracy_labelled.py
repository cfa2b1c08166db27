"""Figures on labels are those of Sentence Transformers' evaluators, and their losses have honest intervals."""

from __future__ import annotations

import numpy as np
import pytest

from advisor.accuracy import labelled_loss, score
from advisor.accuracy.labelled import MIN_BASELINE, Scored
from advisor.labels import LabelledSet, Pairs, Retrieval, Triplets
from advisor.types import Fidelity, Similarity

every_similarity = pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean", "manhattan"])


class Lookup:
    """A model that knows its embeddings, for Sentence Transformers' evaluators."""

    model_card_data = None

    def __init__(self, embeddings: dict[str, np.ndarray], similarity: Similarity = "cosine") -> None:
        self.embeddings = embeddings
        self.similarity_fn_name = similarity

    def encode(self, sentences, convert_to_tensor=False, **_):
        found = np.stack([self.embeddings[text] for text in sentences]).astype(np.float32)
        if convert_to_tensor:
            import torch

            return torch.from_numpy(found)
        return found

    encode_query = encode_document = encode

    def similarity(self, first, second):
        from sentence_transformers.util import SimilarityFunction

        return SimilarityFunction.to_similarity_fn(self.similarity_fn_name)(first, second)


@pytest.fixture(scope="module")
def evaluation():
    return pytest.importorskip("sentence_transformers.sentence_transformer.evaluation")


def texts(prefix: str, num: int) -> tuple[str, ...]:
    return tuple(f"{prefix} {index:04}" for index in range(num))


def vectors(num: int, seed: int, dimension: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(num, dimension)).astype(np.float32)


def labelled(task, num_asked: int, num_stored: int) -> LabelledSet:
    return LabelledSet(
        source="labels.csv",
        asked=texts("asked", num_asked),
        stored=texts("stored", num_stored),
        task=task,
        num_items_seen=task.num_items,
        num_stored_seen=num_stored,
    )


def pairs(num: int = 300, seed: int = 0) -> tuple[LabelledSet, np.ndarray, np.ndarray]:
    """Scores that go with the similarities, coarse as people's are, so that many are tied."""
    asked, stored = vectors(num, seed), vectors(num, seed + 1)
    stored += asked * np.random.default_rng(seed).uniform(0, 2, num)[:, None].astype(np.float32)
    cosines = np.einsum("ij,ij->i", asked, stored) / np.linalg.norm(asked, axis=1) / np.linalg.norm(stored, axis=1)
    noisy = cosines + np.random.default_rng(seed + 2).normal(0, 0.3, num)
    task = Pairs(
        asked=tuple(range(num)), stored=tuple(range(num)), scores=tuple(float(round(5 * value)) for value in noisy)
    )
    return labelled(task, num, num), asked, stored


@every_similarity
def test_pairs_score_what_the_embedding_similarity_evaluator_gives(evaluation, similarity):
    labels, asked, stored = pairs()
    lookup = Lookup(dict(zip(labels.asked + labels.stored, np.concatenate([asked, stored]), strict=True)), similarity)
    evaluator = evaluation.EmbeddingSimilarityEvaluator(
        list(labels.stored), list(labels.asked), list(labels.task.scores), write_csv=False
    )
    evaluator.store_metrics_in_model_card_data = lambda *_, **__: None
    theirs = evaluator(lookup)[f"spearman_{similarity}"]
    assert score(labels, asked, stored, by=similarity).value == pytest.approx(theirs, abs=1e-4)
    assert 0.05 < theirs < 0.99


@every_similarity
def test_triplets_score_what_the_triplet_evaluator_gives(evaluation, similarity):
    asked, stored = vectors(200, 0), vectors(400, 1)
    stored[:200] += asked / 2
    task = Triplets(anchor=tuple(range(200)), positive=tuple(range(200)), negative=tuple(range(200, 400)))
    labels = labelled(task, 200, 400)
    lookup = Lookup(dict(zip(labels.asked + labels.stored, np.concatenate([asked, stored]), strict=True)), similarity)
    evaluator = evaluation.TripletEvaluator(
        list(labels.asked), list(labels.stored[:200]), list(labels.stored[200:]), write_csv=False
    )
    evaluator.store_metrics_in_model_card_data = lambda *_, **__: None
    theirs = evaluator(lookup)[f"{similarity}_accuracy"]
    assert score(labels, asked, stored, by=similarity).value == pytest.approx(theirs, abs=1e-4)


@every_similarity
@pytest.mark.parametrize("num_documents", [7, 500])
def test_retrieval_scores_what_the_information_retrieval_evaluator_gives(evaluation, num_documents, similarity):
    rng = np.random.default_rng(0)
    asked, stored = vectors(60, 0), vectors(num_documents, 1)
    relevant = tuple(
        tuple(int(row) for row in rng.choice(num_documents, rng.integers(1, 6), replace=False)) for _ in range(60)
    )
    for query, rows in enumerate(relevant):
        stored[list(rows)] += asked[query]
    # One document that answers the first query is not in the corpus: it is missed, here as there.
    num_relevant = tuple(len(rows) + (query == 0) for query, rows in enumerate(relevant))
    labels = labelled(Retrieval(relevant=relevant, num_relevant=num_relevant), 60, num_documents)
    lookup = Lookup(dict(zip(labels.asked + labels.stored, np.concatenate([asked, stored]), strict=True)), similarity)
    answers = {
        str(query): {f"{row:04}" for row in rows} | ({"missing"} if query == 0 else set())
        for query, rows in enumerate(relevant)
    }
    evaluator = evaluation.InformationRetrievalEvaluator(
        {str(query): text for query, text in enumerate(labels.asked)},
        {f"{row:04}": text for row, text in enumerate(labels.stored)},
        answers,
        write_csv=False,
    )
    evaluator.store_metrics_in_model_card_data = lambda *_, **__: None
    theirs = evaluator(lookup)[f"{similarity}_ndcg@10"]
    assert score(labels, asked, stored, by=similarity).value == pytest.approx(theirs, abs=1e-4)


def test_the_same_embeddings_lose_nothing_and_noise_loses():
    labels, asked, stored = pairs()
    base = score(labels, asked, stored)
    same = labelled_loss(labels, base, base)
    assert (same.value, same.ci95, same.method) == (0, (0, 0), "labelled")
    noisy = labelled_loss(labels, base, score(labels, asked + 2 * vectors(300, 9), stored))
    assert noisy.value > 0.1
    assert noisy.ci95[0] < noisy.value < noisy.ci95[1]
    assert noisy.metric == "Spearman correlation of cosine similarity with the scores of 300 pairs"
    assert noisy.baseline_score == base.value


def test_lengths_change_the_figure_where_the_model_compares_by_them():
    labels, asked, stored = pairs()
    scaled = (asked * np.random.default_rng(0).uniform(0.1, 9, (300, 1))).astype(np.float32)
    cosine, dot = (
        labelled_loss(labels, score(labels, asked, stored, by=by), score(labels, scaled, stored, by=by))
        for by in ("cosine", "dot")
    )
    assert abs(cosine.value) < 1e-6
    assert dot.score != pytest.approx(dot.baseline_score, abs=1e-3)
    assert dot.metric == "Spearman correlation of the dot product with the scores of 300 pairs"


def test_the_interval_is_paired_and_so_much_narrower_than_that_of_either_figure():
    labels, asked, stored = pairs()
    base = score(labels, asked, stored)
    loss = labelled_loss(labels, base, score(labels, asked + vectors(300, 9) / 50, stored))
    assert loss.ci95[1] - loss.ci95[0] < 0.02


def test_the_interval_covers_the_loss_on_all_labels_in_most_samples():
    everything, asked, stored = pairs(4000)
    moved = asked + 0.3 * vectors(4000, 9)
    base, other = score(everything, asked, stored), score(everything, moved, stored)
    truth = (base.value - other.value) / base.value
    covered = 0
    for seed in range(40):
        rows = np.random.default_rng(seed).choice(4000, 200, replace=False)
        scores = tuple(everything.task.scores[row] for row in rows)
        some = labelled(Pairs(asked=tuple(range(200)), stored=tuple(range(200)), scores=scores), 200, 200)
        loss = labelled_loss(
            some, score(some, asked[rows], stored[rows]), score(some, moved[rows], stored[rows]), seed=seed
        )
        covered += loss.ci95[0] <= truth <= loss.ci95[1]
    assert covered >= 35


def test_where_not_one_triplet_changes_the_interval_still_is_as_wide_as_the_estimate():
    task = Triplets(anchor=tuple(range(20)), positive=tuple(range(20)), negative=tuple(range(20, 40)))
    labels = labelled(task, 20, 40)
    scored = Scored(value=1.0, items=np.ones(20))
    estimated = Fidelity(value=0.002, ci95=(0.001, 0.006), method="estimated", metric="m")
    assert labelled_loss(labels, scored, scored).ci95 == (0, 0)
    assert labelled_loss(labels, scored, scored, estimated=estimated).ci95 == (0, 0.006)


def test_labels_on_which_the_baseline_itself_fails_give_no_loss():
    labels, asked, stored = pairs()
    worthless = Scored(value=MIN_BASELINE / 2, items=np.zeros(300))
    assert labelled_loss(labels, worthless, score(labels, asked, stored)) is None


def test_embeddings_that_do_not_fit_the_texts_are_refused():
    labels, asked, stored = pairs()
    with pytest.raises(ValueError, match="299 and 300 embeddings do not fit 300 and 300 texts"):
        score(labels, asked[:-1], stored)
