"""Any source of labelled data -> a LabelledSet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from os import PathLike, fspath
from pathlib import Path

from advisor.errors import InputError
from advisor.labels.beir import is_qrels, read_beir_folder, read_beir_hub
from advisor.labels.build import build_items
from advisor.labels.columns import choose_label_columns, items_of
from advisor.labels.kinds import LabelledSet
from advisor.texts.columns import HEAD_ROWS, Column
from advisor.texts.hub import PREFIX, LoadDataset
from advisor.texts.rows import open_rows

LabelSource = str | PathLike[str] | Iterable[tuple[str, str, float | str]]


def read_labels(
    source: LabelSource,
    *,
    field: str | None = None,
    offline: bool = False,
    load_dataset: LoadDataset | None = None,
) -> LabelledSet:
    """Read labelled pairs, triplets or a retrieval set.

    `source` is a table (.csv, .tsv, .jsonl, .json, .parquet, each also with .gz), a BEIR-style folder (corpus.jsonl,
    queries.jsonl, qrels/test.tsv), `hub:owner/name[:config[:split]]`, or an iterable of `(text, text, score)` or
    `(anchor, positive, negative)`. The columns of a table are found by their names, or by what is in them; `field`
    names them, `first,second,score` or `anchor,positive,negative`, by name or by number from 1.

    Rows with an empty text or no score are skipped and counted. Raises InputError for a source that holds nothing of
    the kind, UnavailableError for a dataset that cannot be reached, MissingExtraError where a format needs a package.
    """
    if not isinstance(source, (str, PathLike)):
        return build_items("Python labels", _checked(source))
    name = fspath(source)
    hub = name.startswith(PREFIX)
    if not hub and Path(name).expanduser().is_dir():
        return read_beir_folder(Path(name).expanduser())
    with open_rows(name, offline=offline, load_dataset=load_dataset, prefer=("test", "validation", "dev")) as table:
        head = list(islice(table.rows, HEAD_ROWS))
        if hub and head and is_qrels(list(head[0].values)):
            rows = (row.values for row in chain(head, table.rows))
            return read_beir_hub(name, rows, offline=offline, load_dataset=load_dataset)
        if not head:
            raise InputError(f"There are no rows in {table.label}.")
        names = list(dict.fromkeys(column for row in head for column in row.values))
        columns = [Column(name=column, values=tuple(row.values.get(column) for row in head)) for column in names]
        chosen = choose_label_columns(columns, label=table.label, field=field, named=table.named)
        return build_items(table.label, items_of(chain(head, table.rows), chosen, label=table.label))


def _checked(source: Iterable[tuple[str, str, float | str]]) -> Iterator[tuple[str, str, float | str] | None]:
    for index, item in enumerate(source):
        if not isinstance(item, (tuple, list)) or len(item) != 3:
            raise InputError(
                f"Label {index} is not a tuple of three.",
                hint="Give (text, text, score) or (anchor, positive, negative).",
            )
        first, second, third = item
        if not isinstance(first, str) or not isinstance(second, str) or not isinstance(third, (str, int, float)):
            raise InputError(
                f"Label {index} does not begin with two texts that a score or a text follows.",
                hint="Give (text, text, score) or (anchor, positive, negative).",
            )
        yield first, second, third
