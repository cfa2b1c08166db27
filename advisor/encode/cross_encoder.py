"""The object that production holds for a reranker: Sentence Transformers' `CrossEncoder`, over any runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.encode.backend import EncodeOptions
from advisor.encode.opened import Opened, positive
from advisor.encode.pipeline import Scores
from advisor.encode.pooling import activate
from advisor.encode.texts import kind_of, refuse_table
from advisor.errors import InputError
from advisor.pairs import join

Floats = NDArray[np.float32]


class CrossEncoder(Opened):
    """Scores pairs of texts. Made by `load` or `open_encoder`; see `Opened` for its life."""

    @property
    def num_labels(self) -> int:
        """How many scores a pair gets."""
        return self._head.num_labels

    def predict(
        self,
        inputs: Sequence[str] | Iterable[Sequence[str]],
        *,
        prompt_name: str | None = None,
        prompt: str | None = None,
        batch_size: int | None = None,
        show_progress_bar: bool = False,
        activation_fn: Callable[[Floats], Floats] | None = None,
        apply_softmax: bool = False,
    ) -> Any:
        """Scores of pairs of texts: `(num_pairs,)` float32, or `(num_pairs, num_labels)` for several labels.

        A single pair gives a single score, or `(num_labels,)`. The arguments are those of Sentence Transformers.
        `activation_fn` is applied to the logits, `(num_pairs, num_labels)`, in place of the model's own; with
        `apply_softmax` the scores of several labels then sum to 1. `batch_size` is an upper bound of pairs in a batch
        (batches are cut by tokens anyway). The prompt stands before the first text of each pair.

        Raises InputError where a pair is not two strings, a prompt name is unknown, or a number is out of range.
        """
        batch_size = positive("batch_size", batch_size)
        pairs, single = _checked(inputs)
        logits = self.logits(
            pairs,
            prompt=self._resolve_prompt(prompt, prompt_name),
            batch_size=batch_size,
            show_progress_bar=show_progress_bar,
        )
        scores = activate(logits, self._head.activation) if activation_fn is None else np.asarray(activation_fn(logits))
        if self.num_labels == 1 and scores.ndim > 1:
            scores = scores[:, 0]
        if apply_softmax and scores.ndim > 1:
            shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
            scores = shifted / shifted.sum(axis=1, keepdims=True)
        return scores[0] if single else scores

    def rank(
        self,
        query: str,
        documents: Iterable[str],
        *,
        top_k: int | None = None,
        return_documents: bool = False,
        prompt_name: str | None = None,
        prompt: str | None = None,
        batch_size: int | None = None,
        show_progress_bar: bool = False,
        activation_fn: Callable[[Floats], Floats] | None = None,
    ) -> list[dict[str, Any]]:
        """The documents by their scores with the query, the best first: `corpus_id`, `score` and, if wanted, `text`.

        Equal scores keep the documents' order. Raises InputError as `predict` does, and for a model with several
        labels.
        """
        if self.num_labels != 1:
            raise InputError(
                f"rank needs a model with one score, and this one has {self.num_labels} labels.",
                hint="Use predict with pairs of texts.",
            )
        top_k = positive("top_k", top_k)
        documents = _listed(documents, "rank", "a query and a list of documents", example='"query", ["document", ...]')
        scores = self.predict(
            [(query, document) for document in documents],
            prompt_name=prompt_name,
            prompt=prompt,
            batch_size=batch_size,
            show_progress_bar=show_progress_bar,
            activation_fn=activation_fn,
        ).tolist()
        ranked: list[dict[str, Any]] = [{"corpus_id": index, "score": score} for index, score in enumerate(scores)]
        if return_documents:
            ranked = [found | {"text": document} for found, document in zip(ranked, documents, strict=True)]
        ranked.sort(key=lambda found: found["score"], reverse=True)
        return ranked[:top_k]

    def logits(
        self,
        pairs: Sequence[str],
        *,
        prompt: str | None = None,
        batch_size: int | None = None,
        show_progress_bar: bool = False,
    ) -> Floats:
        """What the model gives before any activation: `(num_pairs, num_labels)` float32.

        The pairs are as `advisor.pairs` writes them. `prompt` None is the model's default.
        """
        options = EncodeOptions(
            prompt=self._resolve_prompt(None, None) if prompt is None else prompt, batch_size=batch_size
        )
        found = list(self._embed(pairs, options, show_progress_bar=show_progress_bar))
        return np.concatenate(found) if found else np.empty((0, self.num_labels), np.float32)

    @property
    def _head(self) -> Scores:
        head = self._pipeline.head
        assert isinstance(head, Scores)  # only then this class is opened
        return head


def _checked(inputs: Sequence[str] | Iterable[Sequence[str]]) -> tuple[list[str], bool]:
    """The pairs, each joined, and whether there was a single one, by the rule of Sentence Transformers."""
    items = _listed(inputs, "predict", "pairs of texts", example='[("query", "document"), ...]')
    single = bool(items) and isinstance(items[0], str)
    return [_joined(index, pair) for index, pair in enumerate([items] if single else items)], single


def _listed(given: Any, method: str, wanted: str, *, example: str) -> list[Any]:
    """What is given, as a list. Raises InputError for a single text, a table and what cannot be iterated over."""
    refuse_table(given, method, wanted)
    single = isinstance(given, str)
    if single or not isinstance(given, Iterable):
        wrong = f"a single text ({given!r:.40})" if single else kind_of(given)
        raise InputError(f"{method} takes {wanted}, not {wrong}.", hint=f"Write {method}({example}).")
    return list(given)


def _joined(index: int, pair: Any) -> str:
    if isinstance(pair, np.ndarray):
        pair = pair.tolist()
    if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
        raise InputError(f"Pair {index} is {pair!r:.60}, not two texts.")
    first, second = pair
    if not isinstance(first, str) or not isinstance(second, str):
        wrong = second if isinstance(first, str) else first
        raise InputError(
            f"Pair {index} holds a {type(wrong).__name__} ({wrong!r:.40}), not a string.",
            hint="Replace missing values by empty strings, or leave the pair out.",
        )
    return join(first, second)
