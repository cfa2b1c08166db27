"""An artifact as a real `SentenceTransformer` (version 6): for evaluators, pipelines and vector stores that take one.

The transformer is a module that runs the artifact's graph; the modules after it are Sentence Transformers' own.
`encode` goes past all of them to the artifact's encoder, which sorts and batches by itself; what else one may ask of
the object (token embeddings, `forward`, several processes) goes through the modules.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from advisor.encode.encoder import Encoder
from advisor.encode.graph import GraphBackend
from advisor.encode.loading import load
from advisor.encode.module_list import list_modules
from advisor.encode.opened import positive
from advisor.encode.pipeline import Embeddings, Pipeline
from advisor.encode.tokenize import Inputs
from advisor.encode.torch_session import TorchSession
from advisor.errors import InputError, MissingExtraError, UnavailableError

try:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import InputModule
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling
except ImportError as error:
    if (error.name or "").startswith("sentence_transformers."):
        raise UnavailableError(
            "This version of Sentence Transformers is older than 6, which the artifact needs to be one of its objects.",
            hint="Load it with advisor.load, or as its README.md says for version 5.",
        ) from None
    raise MissingExtraError(
        error.name or "sentence-transformers", "profile", purpose="A SentenceTransformer object"
    ) from None

_DEFAULT_BATCH = 32
"""What `SentenceTransformer.encode` passes where its caller names no batch size; the artifact then cuts by tokens."""

_ALL = sys.maxsize
"""Dimensions: None is what the artifact says to `Encoder.encode`, and no truncation here."""

_MODULES = {"Pooling": Pooling, "Dense": Dense, "Normalize": Normalize}


class ArtifactTransformer(InputModule):  # type: ignore[misc]  # its package is skipped by mypy
    """The first module: the artifact's tokenizer and graph in place of a torch transformer."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        self._max_seq_length = encoder.max_seq_length

    @property
    def max_seq_length(self) -> int | None:
        """The longest text in tokens, special ones included; longer ones are cut. None without a limit.

        It can be lowered, and raised again to the artifact's own. Raises InputError for more than that: no longer text
        was measured, and the graph may have no positions for it.
        """
        return self._max_seq_length

    @max_seq_length.setter
    def max_seq_length(self, value: int | None) -> None:
        value = positive("max_seq_length", value)
        most = self.encoder.max_seq_length
        if most is not None and (value is None or value > most):
            raise InputError(
                f"The artifact's texts have at most {most} tokens, and max_seq_length cannot be {value}.",
                hint="Set it in the model, and write the artifact again.",
            )
        self.backend.tokenizer.cut_at(value)
        self._max_seq_length = value

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.max_seq_length = self._max_seq_length  # of the encoder that has just been loaded again

    @property
    def backend(self) -> GraphBackend:
        """What runs the graph."""
        backend = self.encoder.backend
        assert isinstance(backend, GraphBackend)  # a torch winner is loaded as it is
        return backend

    @property
    def tokenizer(self) -> Any:
        """The tokenizer, of the package `tokenizers`."""
        return self.backend.tokenizer.raw

    def preprocess(self, inputs: Sequence[str], prompt: str | None = None, **_: Any) -> dict[str, Any]:
        """Texts -> features: int64 tensors of shape `(batch, tokens)`."""
        made = self.backend.tokenize(inputs, prompt=prompt or "")
        features: dict[str, Any] = {
            "input_ids": torch.from_numpy(made.input_ids),
            "attention_mask": torch.from_numpy(made.attention_mask),
            "token_type_ids": torch.from_numpy(made.token_type_ids),
        }
        if prompt:
            features["prompt_length"] = self.backend.tokenizer.prompt_length(prompt)
        return features

    def forward(self, features: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Add `token_embeddings`: `(batch, tokens, hidden)` float32."""
        mask = features["attention_mask"].cpu().numpy()
        made = Inputs(
            input_ids=features["input_ids"].cpu().numpy(),
            attention_mask=mask,
            token_type_ids=features["token_type_ids"].cpu().numpy(),
            padded=not bool(mask.all()),
        )
        # The session's array is its own, and is overwritten by its next run.
        features["token_embeddings"] = torch.from_numpy(np.array(self.backend.run(made)))
        return features

    def get_embedding_dimension(self) -> int:
        """The length of a token's embedding."""
        return int(self.backend.run(self.backend.tokenize(["a"], prompt="")).shape[2])

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:
        """Refused: an artifact is copied as the folder that it is."""
        raise NotImplementedError("An artifact is saved by copying its folder, hashes and all.")


class ArtifactModel(SentenceTransformer):  # type: ignore[misc]  # its package is skipped by mypy
    """A `SentenceTransformer` whose `encode` runs on the artifact, as long as its modules are the artifact's."""

    def __init__(self, modules: list[Any], **arguments: Any) -> None:
        super().__init__(modules=modules, **arguments)
        self._artifacts = tuple(self)

    def _inference(
        self, inputs: list[Any], *, output_value: str | None, batch_size: int, device: Any = None, **options: Any
    ) -> Any:
        first = self[0]
        plain = output_value == "sentence_embedding" and tuple(self) == self._artifacts
        if not plain or not set(options) <= _UNDERSTOOD:
            return super()._inference(
                inputs, output_value=output_value, batch_size=batch_size, device=device, **options
            )
        embeddings = first.encoder.encode(
            inputs,
            prompt=options["prompt"] or "",
            batch_size=None if batch_size == _DEFAULT_BATCH else batch_size,
            normalize_embeddings=options["normalize_embeddings"],
            truncate_dim=_ALL if options["truncate_dim"] is None else options["truncate_dim"],
            show_progress_bar=options["show_progress_bar"],
        )
        return torch.from_numpy(embeddings)


_UNDERSTOOD = {"prompt", "show_progress_bar", "save_to_cpu", "normalize_embeddings", "truncate_dim"}


def sentence_transformer(folder: str | Path, *, threads: int | None = None, check: bool = True) -> SentenceTransformer:
    """Open an artifact as a `SentenceTransformer`; the arguments and errors are `load`'s.

    Also raises MissingExtraError without Sentence Transformers, and UnavailableError where it is older than version 6.
    """
    encoder = load(folder, threads=threads, check=check, expect=Encoder)
    if isinstance(encoder.backend, TorchSession):
        return encoder.backend.model
    pipeline = encoder.pipeline
    return ArtifactModel(
        modules=[ArtifactTransformer(encoder), *_later_modules(pipeline)],
        device="cpu",
        prompts=dict(pipeline.prompts),
        default_prompt_name=pipeline.default_prompt_name,
        similarity_fn_name=pipeline.similarity,
        truncate_dim=pipeline.truncate_dim,
        local_files_only=True,
    )


def _later_modules(pipeline: Pipeline) -> list[Any]:
    """Pooling and what follows, as Sentence Transformers loads them; the encoder has read and checked them before."""
    modules = list_modules(pipeline.folder)
    if modules is None:  # a plain transformers model
        assert isinstance(pipeline.head, Embeddings)  # the encoder was opened as an Encoder
        return [Pooling(pipeline.output_dimension, pooling_mode=list(pipeline.head.pooling.modes))]
    folder = str(pipeline.folder)
    return [_MODULES[each.name].load(folder, subfolder=str(each.path), local_files_only=True) for each in modules[1:]]
