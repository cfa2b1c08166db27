"""Preparing the next item in a thread, and sharing items among threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_END: Any = object()


def ahead(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """`map(work, items)`; a thread works on the next item meanwhile. A single item needs no thread."""
    rest = iter(items)
    item = next(rest, _END)
    upcoming = next(rest, _END)
    if upcoming is _END:
        if item is not _END:
            yield work(item)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        result = work(item)
        while upcoming is not _END:
            future = pool.submit(work, upcoming)
            yield result
            upcoming = next(rest, _END)
            result = future.result()
        yield result


class Shared(Generic[T]):
    """An iterator that several threads empty together, each taking the next item when it is done with its last.

    After an exception in one of them, the others end when they are done with what they have.
    """

    def __init__(self, items: Iterator[T]) -> None:
        self._items = items
        self._lock = threading.Lock()
        self._failed = False

    def drain(self, work: Callable[[T], None]) -> None:
        """Work on items until there are none."""
        while True:
            with self._lock:
                item = _END if self._failed else next(self._items, _END)
            if item is _END:
                return
            try:
                work(item)
            except BaseException:
                self._failed = True
                raise
