"""Sentence Transformers' own `encode` in PyTorch: the baseline, and the winner where nothing beats it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.encode.backend import EncodeOptions
from advisor.encode.windows import windows
from advisor.errors import InputError, MissingExtraError, ModelError, UnavailableError
from advisor.types import RuntimeSettings

DEFAULT_BATCH_SIZE = 32
"""The default of `SentenceTransformer.encode`."""

DEFAULT_DTYPE = "float32"

_DTYPES = ("float32", "float16", "bfloat16")


class TorchSession:
    """A `SentenceTransformer` in the dtype that is asked for.

    The dtype is always named: since transformers 5, a half-precision checkpoint loads in half precision.
    """

    def __init__(self, folder: Path, settings: RuntimeSettings, *, trust_remote_code: bool = False) -> None:
        try:
            import torch
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise MissingExtraError(error.name or "torch", "profile", purpose="Running a model in PyTorch") from None
        dtype = settings.dtype or DEFAULT_DTYPE
        if dtype not in _DTYPES:
            raise InputError(f"{dtype!r} is not a dtype to run a model in.", hint=f"Use {', '.join(_DTYPES)}.")
        if settings.device.startswith("cuda") and not torch.cuda.is_available():
            raise UnavailableError(
                f"The model is to run on {settings.device}, and PyTorch finds no CUDA GPU here.",
                hint="Run: advisor recommend MODEL on this machine.",
            )
        torch.set_num_threads(settings.threads)
        self._batch_size = settings.batch_size or DEFAULT_BATCH_SIZE
        try:
            self._model: Any = SentenceTransformer(
                str(folder),
                device=settings.device,
                trust_remote_code=trust_remote_code,
                local_files_only=True,
                model_kwargs={"dtype": getattr(torch, dtype)},
            )
        except Exception as error:  # whatever a model's code and three libraries may raise
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise ModelError(f"Sentence Transformers cannot load the model in {folder}: {reason}.") from error

    def embed(self, texts: Iterable[str], options: EncodeOptions) -> Iterator[NDArray[np.float32]]:
        """Embeddings, window by window: `(texts of the window, embedding_dimension)`, float32 each."""
        for window in windows(texts):
            embeddings = self._model.encode(
                list(window),
                prompt=options.prompt,
                batch_size=options.batch_size or self._batch_size,
                normalize_embeddings=options.normalize,
                truncate_dim=options.truncate_dim,
                show_progress_bar=False,
            )
            if options.on_texts is not None:
                options.on_texts(len(window))
            yield np.asarray(embeddings, dtype=np.float32)

    def close(self) -> None:
        """Give the memory back."""
        self._model = None
