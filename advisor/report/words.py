"""What reports call the things of each kind of model: texts or pairs, embeddings or scores. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from advisor.report import format as fmt
from advisor.types import ModelKind, ModelProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The words of one kind."""

    item: str
    """What is encoded, one of them."""
    class_name: str
    """Sentence Transformers' class."""
    call: str
    """A line of Python that uses a loaded `encoder`."""
    gives: str
    """What that line gives."""
    output: str
    """The graph's first output, and what is still to be done with it; `{}` stands for the pooling."""

    made: str
    """What it makes, several of them."""
    pipeline_tag: str
    """The Hugging Face Hub's, as in the model cards that Sentence Transformers writes."""
    tags: tuple[str, ...]

    @property
    def items(self) -> str:
        """Several of them."""
        return f"{self.item}s"

    @property
    def rate(self) -> str:
        """The unit of speed."""
        return f"{self.items}/s"


WORDS: Mapping[ModelKind, Words] = {
    "embedding": Words(
        item="text",
        class_name="SentenceTransformer",
        call="embeddings = encoder.encode(texts)",
        gives="(num_texts, embedding_dimension) float32",
        output="`last_hidden_state`, still to be pooled ({})",
        made="embeddings",
        pipeline_tag="sentence-similarity",
        tags=("feature-extraction", "sentence-similarity"),
    ),
    "cross-encoder": Words(
        item="pair",
        class_name="CrossEncoder",
        call="scores = encoder.predict([(query, document), ...])",
        gives="(num_pairs,) float32; see also encoder.rank",
        output="`logits`, before any activation",
        made="scores",
        pipeline_tag="text-ranking",
        tags=("cross-encoder", "reranker"),
    ),
    "sparse-encoder": Words(
        item="text",
        class_name="SparseEncoder",
        call="embeddings = encoder.encode(texts)",
        gives="sparse; .to_scipy(), .to_dense(), encoder.decode(embeddings)",
        output="`logits`, one for each token of the text and of the vocabulary, still to be pooled ({})",
        made="embeddings",
        pipeline_tag="feature-extraction",
        tags=("sparse-encoder", "sparse", "splade"),
    ),
}


def words(model: ModelProfile | None) -> Words:
    """The words for a model; those of embeddings where there is none yet."""
    return WORDS["embedding" if model is None else model.kind]


def described(model: ModelProfile) -> str:
    """`BertModel, 22,713,216 parameters, 384 dimensions, at most 256 tokens, mean pooling`, as far as it is known."""
    parts = [model.architecture]
    if model.num_parameters is not None:
        parts.append(f"{fmt.count(model.num_parameters)} parameters")
    if model.embedding_dimension is not None:
        parts.append(f"{model.embedding_dimension} dimensions")
    if model.max_seq_length is not None:
        parts.append(f"at most {fmt.plural(model.max_seq_length, 'token')}")
    return ", ".join([*parts, "a cross-encoder" if model.kind == "cross-encoder" else f"{model.pooling} pooling"])
