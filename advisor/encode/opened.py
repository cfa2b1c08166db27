"""What every opened model has in common: its life, its prompts, and the process that it belongs to."""

from __future__ import annotations

import ctypes
import operator
import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import replace
from functools import wraps
from types import TracebackType
from typing import Any, ParamSpec, Self, SupportsIndex, TypeVar

import numpy as np
from numpy.typing import NDArray

from advisor.encode.backend import Backend, EncodeOptions
from advisor.encode.pipeline import Pipeline
from advisor.encode.texts import raise_for_unicode
from advisor.errors import InputError
from advisor.types import RuntimeSettings

P = ParamSpec("P")
R = TypeVar("R")


class Opened:
    """A model in a runtime; usable from several threads; a context manager.

    It belongs to the process that opened it: a forked child that uses it gets an InputError, since no runtime's threads
    live through a fork. The child may close it, forget it or end: nothing of the runtime is taken down there. It can be
    pickled if `reopen` is given, which opens it again in the process that unpickles it.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        backend: Backend,
        settings: RuntimeSettings,
        *,
        reopen: Callable[[], Any] | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._backend: Backend | None = backend
        self._reopen = reopen
        self._process = os.getpid()
        self._settings = settings
        # Called when this object goes, or when the process ends.
        self._let_go = weakref.finalize(self, _leave_to, self._process, backend)

    @property
    def settings(self) -> RuntimeSettings:
        """The ones in use, with every default filled in, and with smaller batches if the device's memory ran out."""
        limit = None if self._backend is None else self._backend.limit
        if limit is None or not limit.lowered:
            return self._settings
        if self._settings.tokens_per_batch is None:
            return replace(self._settings, batch_size=limit.size)
        return replace(self._settings, tokens_per_batch=limit.size)

    @property
    def pipeline(self) -> Pipeline:
        """What is done with a text before and after the transformer."""
        return self._pipeline

    @property
    def backend(self) -> Backend:
        """What runs the model. Raises InputError once it is closed, and in a forked process."""
        if self._backend is None:
            raise InputError("The encoder is closed.", hint="Load it again.")
        if os.getpid() != self._process:
            raise InputError(
                f"The encoder was opened in process {self._process} and is used in process {os.getpid()}, forked from "
                "it.",
                hint="Load it in each process by itself, or start processes with multiprocessing's method 'spawn'.",
            )
        return self._backend

    @property
    def max_seq_length(self) -> int | None:
        """The longest text in tokens, special ones included; longer ones are cut. None without a limit."""
        return self._pipeline.max_seq_length

    @property
    def prompts(self) -> dict[str, str]:
        """The model's prompts by name."""
        return dict(self._pipeline.prompts)

    def close(self) -> None:
        """Give the model's memory and threads back, in the process that opened it. Safe to call twice."""
        if self._backend is not None and os.getpid() == self._process:
            self._let_go.detach()
            self._backend.close()
        self._backend = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Callable[[], Any], tuple[()]]:
        if self._reopen is None:
            raise InputError(
                "This encoder cannot be pickled, as it was not loaded from an artifact.",
                hint="Open it in each process by itself.",
            )
        return self._reopen, ()

    def _embed(
        self, texts: Iterable[str], options: EncodeOptions, *, show_progress_bar: bool
    ) -> Iterator[NDArray[np.float32]]:
        """What the backend gives, in pieces. Raises InputError for a text that is not valid Unicode."""
        embed = self.backend.embed
        try:
            yield from _with_bar(embed, texts, options) if show_progress_bar else embed(texts, options)
        except (UnicodeEncodeError, TypeError):  # what tokenizers raises for a lone surrogate
            raise_for_unicode(texts, options.prompt)
            raise

    def _resolve_prompt(self, prompt: str | None, prompt_name: str | None) -> str:
        """The prompt, as Sentence Transformers chooses it: the text, else the name, else the model's default."""
        for argument, given in (("prompt", prompt), ("prompt_name", prompt_name)):
            if given is not None and not isinstance(given, str):
                raise InputError(f"{argument} must be a string, not {given!r:.40}.")
        if prompt is not None:
            return prompt
        name = prompt_name if prompt_name is not None else self._pipeline.default_prompt_name
        if name is None:
            return ""
        if name not in self._pipeline.prompts:
            raise InputError(
                f"The model has no prompt named {name!r}.", hint=f"It has: {', '.join(self._pipeline.prompts)}."
            )
        return self._pipeline.prompts[name]


def with_prompt(name: str, encode: Callable[P, R]) -> Callable[P, R]:
    """`encode` with the model's prompt of this name, unless another one is given."""

    @wraps(encode)
    def encode_with_prompt(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs.get("prompt") is None and kwargs.get("prompt_name") is None:
            kwargs["prompt_name"] = name
        return encode(*args, **kwargs)

    encode_with_prompt.__name__ = f"encode_{name}"
    encode_with_prompt.__doc__ = f"`encode` with the model's prompt {name!r}, unless another one is given."
    return encode_with_prompt


def _with_bar(
    embed: Callable[[Iterable[str], EncodeOptions], Iterator[NDArray[np.float32]]],
    texts: Iterable[str],
    options: EncodeOptions,
) -> Iterator[NDArray[np.float32]]:
    """`embed(texts, options)` with a progress bar on stderr; its length is unknown for a generator."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("Embedding"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=len(texts) if isinstance(texts, Sized) else None)
        yield from embed(texts, replace(options, on_texts=lambda count: progress.advance(task, count)))


def _leave_to(process: int, backend: Backend) -> None:
    """Keep what runs a model from ever being freed, unless this is the process that opened it.

    The destructors of OpenVINO and of ONNX Runtime wait for threads that a forked child does not have: it would hang
    for ever, or crash. One reference too many keeps Python from calling them; the memory is the parent's anyway.
    """
    if os.getpid() != process:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(backend))


def positive(name: str, value: SupportsIndex | None) -> int | None:
    """The number, NumPy's too, as an int; None stays. Raises InputError unless it is a positive whole number."""
    if value is None:
        return None
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise InputError(f"{name} must be a positive whole number, not {value!r}.")
    return number
