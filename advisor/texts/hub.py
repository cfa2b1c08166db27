"""Hugging Face datasets, streamed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from typing import Any, Protocol

from advisor.errors import AdvisorError, InputError, MissingExtraError, UnavailableError
from advisor.texts.batches import TextStream
from advisor.texts.records import Record, read_records

PREFIX = "hub:"

_OFFLINE_VARIABLES = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
_TRUE = {"1", "on", "yes", "true"}


class LoadDataset(Protocol):
    """`datasets.load_dataset`, as far as it is used: rows of one split, or splits by name."""

    def __call__(self, path: str, name: str | None, /, *, split: str | None, streaming: bool) -> Any:
        """Opens the dataset without downloading it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSource:
    """`hub:owner/name[:config[:split]]`, or a local folder in place of `owner/name`."""

    name: str
    config: str | None
    split: str | None

    @classmethod
    def parse(cls, source: str) -> HubSource:
        """Raises InputError if there is no name, or more than three parts."""
        parts = source.removeprefix(PREFIX).split(":")
        if not parts[0] or len(parts) > 3:
            raise InputError(
                f"{source!r} does not name a dataset.", hint="Write hub:owner/name, hub:owner/name:config:split."
            )
        name, config, split = (*parts, "", "")[:3]
        return cls(name=name, config=config or None, split=split or None)


def read_hub(
    source: str, *, field: str | None, offline: bool = False, load_dataset: LoadDataset | None = None
) -> TextStream:
    """Opens a dataset; without a split, `train` or else the first one is taken.

    All of it is streamed once, so that the sample is uniform over the whole split. Raises UnavailableError if it cannot
    be reached or does not exist, InputError for an unknown configuration, split or column.
    """
    label, records = hub_rows(source, offline=offline, load_dataset=load_dataset)
    return read_records(records, label, field=field)


def hub_rows(
    source: str,
    *,
    offline: bool = False,
    load_dataset: LoadDataset | None = None,
    prefer: Sequence[str] = ("train",),
) -> tuple[str, Iterator[Record]]:
    """A dataset's label and its rows; without a split, the first of `prefer` that it has, or else its first one.

    Raises as `read_hub` does, partly while the rows are read.
    """
    wanted = HubSource.parse(source)
    local = Path(wanted.name).is_dir()
    if not local and (offline or any(os.environ.get(name, "").lower() in _TRUE for name in _OFFLINE_VARIABLES)):
        raise UnavailableError(
            f"The dataset {wanted.name} has to be fetched from the Hugging Face Hub, and offline mode forbids it.",
            hint="Save its texts to a file and name that, or leave out --texts for the built-in sample.",
        )
    try:
        rows = _open(wanted, load_dataset or _installed_loader(), prefer)
    except AdvisorError:
        raise
    except Exception as error:  # datasets, huggingface_hub and their HTTP client share no base class
        raise _failed(wanted, error) from error
    label = f"{PREFIX}{Path(wanted.name).name}" if local else source
    return label, _records(rows, wanted)


def _open(wanted: HubSource, load_dataset: LoadDataset, prefer: Sequence[str]) -> Any:
    rows = load_dataset(wanted.name, wanted.config, split=wanted.split, streaming=True)
    if wanted.split is None and isinstance(rows, Mapping):
        return next((rows[split] for split in prefer if split in rows), None) or next(iter(rows.values()))
    return rows


def _installed_loader() -> LoadDataset:
    try:
        import datasets
    except ImportError:
        raise MissingExtraError("datasets", "profile", purpose="Reading a Hugging Face dataset") from None
    loader: LoadDataset = datasets.load_dataset
    return loader


def _records(rows: Any, wanted: HubSource) -> Iterator[Record]:
    try:
        yield from starmap(Record, enumerate(rows, 1))
    except Exception as error:  # the network may fail at any row
        raise _failed(wanted, error) from error


def _failed(wanted: HubSource, error: Exception) -> AdvisorError:
    reason = str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
    # `datasets` raises ValueError for configurations and splits that the dataset does not have.
    if isinstance(error, ValueError):
        return InputError(f"The dataset {wanted.name} cannot be read as asked: {reason}.")
    return UnavailableError(
        f"The dataset {wanted.name} cannot be loaded: {reason}.",
        hint="Check its name and the network, or save its texts to a file and name that.",
    )
