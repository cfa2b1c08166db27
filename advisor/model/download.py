"""How far a download from Hugging Face has come. A callback gets the figures; nothing is drawn here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

TELL_S = 0.25
"""`arrived` is called at most this often."""

Arrived = Callable[[int, "int | None"], None]
"""Bytes that are here, and bytes in all, None while that is not known."""


def progress_class(arrived: Arrived, *, clock: Callable[[], float] = time.monotonic) -> type[Any]:
    """What `huggingface_hub.snapshot_download` takes as `tqdm_class`, in place of bars that it would draw on stderr.

    `arrived` is called by one thread at a time, but by any of those that download; what it raises ends the download.
    There may be several bars that count bytes: those that came over the network, and those that were written.
    https://huggingface.co/docs/huggingface_hub/package_reference/file_download
    """
    lock = threading.RLock()
    bars: list[Bar] = []
    told_at = [float("-inf")]

    def tell() -> None:
        with lock:
            totals = [bar.total for bar in bars if bar.total]
            total = min(totals, default=None)
            done = max((bar.n for bar in bars), default=0)
            if clock() - told_at[0] >= TELL_S or done == total:
                told_at[0] = clock()
                arrived(int(done if total is None else min(done, total)), None if total is None else int(total))

    class Bar:
        """Counts like a bar of tqdm, and shows nothing; the parts of tqdm that only draw do nothing."""

        _lock = lock

        def __init__(self, items: Iterable[Any] = (), *args: object, **options: Any) -> None:
            self._items = items
            self.n: float = options.get("initial") or 0
            self.total: float | None = options.get("total")
            self.format_dict: dict[str, object] = {}
            if options.get("unit") == "B":
                bars.append(self)

        def update(self, n: float | None = 1) -> None:
            with lock:
                self.n += n or 0
            if self in bars:
                tell()

        def __iter__(self) -> Iterator[Any]:
            for item in self._items:
                yield item
                self.update()

        @classmethod
        def get_lock(cls) -> Any:
            """Asked for by `tqdm.contrib.concurrent`, with which huggingface_hub before version 1 downloads."""
            return cls._lock

        @classmethod
        def set_lock(cls, lock: Any) -> None: ...

        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *error: object) -> None: ...

        def __getattr__(self, name: str) -> Callable[..., None]:
            if name.startswith("__"):
                raise AttributeError(name)
            return lambda *args, **options: None

    return Bar
