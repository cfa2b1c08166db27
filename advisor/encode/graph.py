"""Tokenise, batch, run, pool: a backend around an exported graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from advisor.encode.ahead import Shared, ahead
from advisor.encode.backend import EncodeOptions
from advisor.encode.batching import plan_batches
from advisor.encode.limit import BatchLimit, is_out_of_memory
from advisor.encode.pooling import normalize
from advisor.encode.readout import Readout
from advisor.encode.session import Session
from advisor.encode.tokenize import Inputs, Tokenizer, Tokens
from advisor.encode.windows import portions, windows

_ONE = np.zeros(1, np.int64)

_Batch = tuple[NDArray[np.int64], Tokens, NDArray[np.int64]]
"""The positions in the window of some texts, their tokens, and which of these texts are the batch."""


class GraphBackend:
    """Runs a model's graph in a session and everything around it in numpy.

    Texts pass in windows, so that any number of them needs the memory of two windows. A window is sorted by length and
    tokenised in portions; while the session runs one portion, the next is tokenised.
    """

    def __init__(
        self,
        readout: Readout,
        session: Session,
        tokenizer: Tokenizer,
        *,
        tokens_per_batch: int,
        device: str = "cpu",
    ) -> None:
        self.tokenizer = tokenizer
        self.limit = BatchLimit(tokens_per_batch)
        self._device = device
        self._readout = readout
        self._session = session
        self._streams = (
            ThreadPoolExecutor(session.concurrency, thread_name_prefix="stream") if session.concurrency > 1 else None
        )

    def embed(self, texts: Iterable[str], options: EncodeOptions) -> Iterator[NDArray[np.float32]]:
        """Embeddings, window by window: `(texts of the window, embedding_dimension)` float32 each."""
        prompt_length = 0 if self._readout.include_prompt else self.tokenizer.prompt_length(options.prompt)
        if isinstance(texts, Sequence) and len(texts) == 1:  # the case where latency counts
            tokens = self.tokenizer(texts, prompt=options.prompt)
            yield self._embed_batch(tokens, _ONE, prompt_length, options)
            return
        for window in windows(texts, at_once=self._readout.texts_at_once):
            yield self._embed_window(window, prompt_length, options)

    def _embed_window(self, texts: Sequence[str], prompt_length: int, options: EncodeOptions) -> NDArray[np.float32]:
        parts: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []

        def run(batch: _Batch) -> None:
            rows, tokens, members = batch
            parts.append((rows[members], self._embed_batch(tokens, members, prompt_length, options)))
            if options.on_texts is not None:
                options.on_texts(len(members))

        batches = Shared(self._batches(texts, options))
        if self._streams is None:
            batches.drain(run)
        else:
            for stream in [self._streams.submit(batches.drain, run) for _ in range(self._session.concurrency)]:
                stream.result()
        embeddings = np.empty((len(texts), parts[0][1].shape[1]), np.float32)
        for rows, part in parts:
            embeddings[rows] = part
        return embeddings

    def _batches(self, texts: Sequence[str], options: EncodeOptions) -> Iterator[_Batch]:
        def tokenise(rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], Tokens]:
            return rows, self.tokenizer([texts[row] for row in rows.tolist()], prompt=options.prompt)

        for rows, tokens in ahead(tokenise, portions(texts)):
            for members in plan_batches(
                tokens.lengths,
                tokens_per_batch=self.limit.size,
                max_texts=options.batch_size,
                streams=self._session.concurrency,
            ):
                yield rows, tokens, members

    def _embed_batch(
        self, tokens: Tokens, members: NDArray[np.int64], prompt_length: int, options: EncodeOptions
    ) -> NDArray[np.float32]:
        inputs = self.tokenizer.batch(tokens, members)
        try:
            output = self._session.run(inputs)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            half = len(members) // 2
            self.limit.lower(below=inputs.input_ids.size if half else 1, device=self._device, error=error)
            parts = (members[:half], members[half:])
            return np.concatenate([self._embed_batch(tokens, part, prompt_length, options) for part in parts])
        embeddings = self._readout(output, inputs, prompt_length=prompt_length)
        if options.truncate_dim is not None:
            embeddings = embeddings[:, : options.truncate_dim]
        return normalize(embeddings) if options.normalize else embeddings

    def tokenize(self, texts: Sequence[str], *, prompt: str) -> Inputs:
        """The texts as one batch, padded to the longest of them."""
        return self.tokenizer.batch(self.tokenizer(texts, prompt=prompt), np.arange(len(texts)))

    def run(self, inputs: Inputs) -> NDArray[np.float32]:
        """What the graph gives for a batch, float32; see `Session.run` for whose they are."""
        return self._session.run(inputs)

    def close(self) -> None:
        """Stop the threads and give the memory back."""
        if self._streams is not None:
            self._streams.shutdown()
        self._session.close()
