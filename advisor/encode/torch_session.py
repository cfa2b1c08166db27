"""Sentence Transformers itself in PyTorch: the baseline, and the winner where nothing beats it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.device import index_of, kind_of
from advisor.encode.backend import EncodeOptions
from advisor.encode.cut import cut
from advisor.encode.limit import BatchLimit, is_out_of_memory
from advisor.encode.module_list import MODEL_TYPES
from advisor.encode.session import first_line
from advisor.encode.windows import SPARSE_TEXTS_AT_ONCE, windows
from advisor.errors import InputError, MissingExtraError, ModelError, UnavailableError
from advisor.pairs import join, split
from advisor.types import ModelKind, RuntimeSettings

DEFAULT_BATCH_SIZE = 32
"""The default of `SentenceTransformer.encode`."""

DEFAULT_DTYPE = "float32"

_DTYPES = ("float32", "float16", "bfloat16")
_KINDS = ("cpu", "cuda", "mps")

_TRUST = "If you trust it, say so: --trust-remote-code, or trust_remote_code=True in Python."

_FIRST_TEXTS = (join("one", "text"), join("two texts", "of other lengths, for shapes that may vary"))
"""Pairs, for a cross-encoder takes nothing else."""


def _embed(model: Any, texts: Sequence[str], options: EncodeOptions, batch_size: int) -> Any:
    return model.encode(
        list(texts),
        prompt=options.prompt,
        batch_size=batch_size,
        normalize_embeddings=options.normalize,
        truncate_dim=options.truncate_dim,
        show_progress_bar=False,
    )


def _score(model: Any, pairs: Sequence[str], options: EncodeOptions, batch_size: int) -> Any:
    from torch.nn import Identity

    scores = model.predict(
        [list(split(pair)) for pair in pairs],
        prompt=options.prompt,
        batch_size=batch_size,
        activation_fn=Identity(),
        show_progress_bar=False,
    )
    return scores.reshape(len(pairs), model.num_labels)


def _embed_sparsely(model: Any, texts: Sequence[str], options: EncodeOptions, batch_size: int) -> Any:
    embeddings = model.encode(list(texts), prompt=options.prompt, batch_size=batch_size, show_progress_bar=False)
    return embeddings.to_dense().float().numpy()


_CLASSES = {kind: name for name, kind in MODEL_TYPES.items()}
_CALLS: Mapping[ModelKind, Callable[[Any, Sequence[str], EncodeOptions, int], Any]] = {
    "embedding": _embed,
    "cross-encoder": _score,
    "sparse-encoder": _embed_sparsely,
}


class TorchSession:
    """A `SentenceTransformer`, or its sibling for another kind of model, in the dtype, on the device and with the
    attention that are asked for.

    The dtype is always named: since transformers 5, a half-precision checkpoint loads in half precision. float32 is
    never computed in TF32. Embeddings are handed over when the device is done with them, so that a clock around
    `embed` measures the work and not its launch.
    """

    def __init__(
        self,
        folder: Path,
        settings: RuntimeSettings,
        *,
        kind: ModelKind = "embedding",
        trust_remote_code: bool = False,
    ) -> None:
        try:
            import sentence_transformers
            import torch
        except ImportError as error:
            raise MissingExtraError(error.name or "torch", "profile", purpose="Running a model in PyTorch") from None
        dtype = settings.dtype or DEFAULT_DTYPE
        if dtype not in _DTYPES:
            raise InputError(f"{dtype!r} is not a dtype to run a model in.", hint=f"Use {', '.join(_DTYPES)}.")
        check_device(torch, settings.device)
        torch.set_num_threads(settings.threads)
        full_float32(torch)
        self._call = _CALLS[kind]
        self._at_once = SPARSE_TEXTS_AT_ONCE if kind == "sparse-encoder" else None
        self._device = settings.device
        self._finish, self._free = device_calls(torch, settings.device)
        attention = {} if settings.attention is None else {"attn_implementation": settings.attention}
        self.limit = BatchLimit(settings.batch_size or DEFAULT_BATCH_SIZE)
        try:
            self.model: Any = getattr(sentence_transformers, _CLASSES[kind])(
                str(folder),
                device=settings.device,
                trust_remote_code=trust_remote_code,
                local_files_only=True,
                model_kwargs={"dtype": getattr(torch, dtype)} | attention,
            )
        except Exception as error:  # whatever a model's code and three libraries may raise
            raise ModelError(
                f"Sentence Transformers cannot load the model in {folder}: {first_line(error)}.",
                hint=_TRUST if "trust_remote_code" in str(error) and not trust_remote_code else None,
            ) from error
        if settings.compiled:
            compile_model(torch, self.model, kind)

    def embed(self, texts: Iterable[str], options: EncodeOptions) -> Iterator[NDArray[np.float32]]:
        """Embeddings or logits, window by window: `(texts of the window, width)`, float32 each."""
        for window in windows(texts, at_once=self._at_once):
            embeddings = self._encode(window, options)
            self._finish()
            if options.on_texts is not None:
                options.on_texts(len(window))
            yield np.asarray(embeddings, dtype=np.float32)

    def cut(self, depth: int) -> None:
        """Keep the first `depth` layers. Raises ModelError where that is not possible."""
        cut(self.model[0].auto_model, depth)

    def close(self) -> None:
        """Give the memory back."""
        self.model = None
        self._free()

    def _encode(self, texts: Sequence[str], options: EncodeOptions) -> Any:
        """All of the texts, in smaller batches if the device's memory runs out."""
        while True:
            batch_size = options.batch_size or self.limit.size
            if self.limit.lowered:
                batch_size = min(batch_size, self.limit.size)
            try:
                return self._call(self.model, texts, options, batch_size)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self.limit.lower(below=min(batch_size, len(texts)), device=self._device, error=error)
            self._free()  # outside of the handler: the exception holds the tensors of the batch that did not fit


def check_device(torch: Any, device: str) -> None:
    """Raise UnavailableError unless PyTorch can use the device, and InputError if it is none."""
    kind = kind_of(device)
    if kind not in _KINDS:
        raise InputError(f"{device!r} is not a device to run a model on.", hint=f"Use {', '.join(_KINDS)} or cuda:1.")
    if kind == "cuda" and not torch.cuda.is_available():
        raise UnavailableError(
            f"The model is to run on {device}, and PyTorch finds no CUDA GPU here.",
            hint="Run: advisor recommend MODEL on this machine.",
        )
    if kind == "cuda" and index_of(device) >= torch.cuda.device_count():
        raise UnavailableError(
            f"The model is to run on {device}, and PyTorch finds {torch.cuda.device_count()} CUDA GPU(s) here.",
            hint="Load it with device='cuda', or run: advisor recommend MODEL on this machine.",
        )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UnavailableError(
            "The model is to run on mps, and PyTorch finds no Apple GPU here.",
            hint="Run: advisor recommend MODEL on this machine.",
        )


def full_float32(torch: Any) -> None:
    """Let float32 be float32 on GPUs that would compute it in TF32, whatever was set before.

    https://docs.pytorch.org/docs/stable/notes/cuda.html#tensorfloat-32-tf32-on-ampere-and-later-devices
    """
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def compile_model(torch: Any, model: Any, kind: ModelKind = "embedding") -> None:
    """Compile a model's transformer for batches of any shape, now. Raises UnavailableError if that fails.

    Not by `Module.compile`: Sentence Transformers calls the transformer's `forward`, which that leaves alone. A batch
    of one text is compiled apart, for PyTorch never takes a size of 1 for one that varies.
    """
    transformer = model[0].auto_model
    transformer.forward = torch.compile(transformer.forward, dynamic=True)
    try:
        for texts in (_FIRST_TEXTS, _FIRST_TEXTS[:1]):
            _CALLS[kind](model, texts, EncodeOptions(), DEFAULT_BATCH_SIZE)
    except Exception as error:
        raise UnavailableError(
            f"PyTorch cannot compile the model: {first_line(error)}.",
            hint="It needs a C++ compiler (g++, or what the variable CXX names), and Triton on a GPU.",
        ) from error


def device_calls(torch: Any, device: str) -> tuple[Callable[[], None], Callable[[], None]]:
    """How to wait until the device is done, and how to give back what its allocator holds for later."""
    kind = kind_of(device)
    if kind == "cuda":
        return lambda: torch.cuda.synchronize(device), torch.cuda.empty_cache
    if kind == "mps":
        return torch.mps.synchronize, torch.mps.empty_cache
    return _nothing, _nothing


def _nothing() -> None:
    pass
