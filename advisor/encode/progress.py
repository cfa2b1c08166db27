"""A progress bar on stderr, for whoever asks for one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from advisor.encode.backend import EncodeOptions

Embed = Callable[[Iterable[str], EncodeOptions], Iterator[NDArray[np.float32]]]


def with_bar(embed: Embed, texts: Iterable[str], options: EncodeOptions) -> Iterator[NDArray[np.float32]]:
    """`embed(texts, options)`, with a bar while the pieces are taken; of unknown length for a generator."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("Embedding"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=len(texts) if isinstance(texts, Sized) else None)
        yield from embed(texts, replace(options, on_texts=lambda count: progress.advance(task, count)))
