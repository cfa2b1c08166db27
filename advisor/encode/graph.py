"""Tokenise, batch, run, pool: a backend around an exported graph."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from advisor.encode.backend import EncodeOptions
from advisor.encode.batching import plan_batches
from advisor.encode.pipeline import Pipeline
from advisor.encode.pooling import load_stages, normalize, pool
from advisor.encode.session import Session
from advisor.encode.tokenize import Tokenizer, Tokens

_TEXTS_AT_ONCE = 8192
"""Texts that are tokenised and sorted together: enough to sort well, few enough to bound memory."""


class GraphBackend:
    """Runs a model's graph in a session and everything around it in numpy."""

    def __init__(self, pipeline: Pipeline, session: Session, *, threads: int, tokens_per_batch: int) -> None:
        self._tokenizer = Tokenizer(pipeline.tokenizer, threads=threads)
        self._pooling = pipeline.pooling
        self._stages = load_stages(pipeline.stages)
        self._session = session
        self._tokens_per_batch = tokens_per_batch
        self._streams = (
            ThreadPoolExecutor(session.concurrency, thread_name_prefix="stream") if session.concurrency > 1 else None
        )

    def embed(self, texts: Sequence[str], options: EncodeOptions) -> NDArray[np.float32]:
        """Embeddings of shape `(num_texts, embedding_dimension)`, float32; at least one text."""
        windows = [
            self._embed_window(texts[start : start + _TEXTS_AT_ONCE], options)
            for start in range(0, len(texts), _TEXTS_AT_ONCE)
        ]
        return windows[0] if len(windows) == 1 else np.concatenate(windows)

    def _embed_window(self, texts: Sequence[str], options: EncodeOptions) -> NDArray[np.float32]:
        tokens = self._tokenizer(texts, prompt=options.prompt)
        prompt_length = 0 if self._pooling.include_prompt else self._tokenizer.prompt_length(options.prompt)
        batches = plan_batches(
            tokens.lengths,
            tokens_per_batch=self._tokens_per_batch,
            max_texts=options.batch_size,
            at_least=self._session.concurrency,
        )

        def run(members: NDArray[np.int64]) -> NDArray[np.float32]:
            return self._embed_batch(tokens, members, prompt_length, options)

        parts = list(map(run, batches)) if self._streams is None else list(self._streams.map(run, batches))
        embeddings = np.empty((len(texts), parts[0].shape[1]), np.float32)
        for members, part in zip(batches, parts, strict=True):
            embeddings[members] = part
        return embeddings

    def _embed_batch(
        self, tokens: Tokens, members: NDArray[np.int64], prompt_length: int, options: EncodeOptions
    ) -> NDArray[np.float32]:
        inputs = self._tokenizer.batch(tokens, members)
        embeddings = pool(self._session.run(inputs), inputs, self._pooling, prompt_length=prompt_length)
        for stage in self._stages:
            embeddings = stage(embeddings)
        if options.truncate_dim is not None:
            embeddings = embeddings[:, : options.truncate_dim]
        return normalize(embeddings) if options.normalize else embeddings

    def close(self) -> None:
        """Stop the threads and give the memory back."""
        if self._streams is not None:
            self._streams.shutdown()
        self._session.close()
