"""Retrieval sets as BEIR lays them out: a corpus, queries, and which documents answer which query.

https://github.com/beir-cellar/beir/wiki/Load-your-custom-dataset
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from advisor.errors import InputError
from advisor.labels.build import MIN_ITEMS, clean
from advisor.labels.kinds import LabelledSet, Retrieval
from advisor.texts.hub import HubSource, LoadDataset
from advisor.texts.rows import open_rows

_TABLES = (".jsonl", ".jsonl.gz", ".parquet", ".json", ".tsv", ".csv")
_SPLITS = ("test", "dev", "validation", "train")
_IDS = ("_id", "id", "corpus-id", "query-id")
_QUERY_IDS = ("query-id", "query_id", "qid")
_DOCUMENT_IDS = ("corpus-id", "corpus_id", "doc-id", "doc_id", "docid", "pid")

Rows = Iterable[Mapping[str, object]]


def is_qrels(names: Sequence[str]) -> bool:
    """Whether a table's columns say which document answers which query."""
    return any(name in names for name in _QUERY_IDS) and any(name in names for name in _DOCUMENT_IDS)


def read_beir_folder(folder: Path) -> LabelledSet:
    """Reads corpus.jsonl, queries.jsonl and qrels/test.tsv (or dev, train; or qrels.tsv) from a folder.

    Raises InputError if one of them is missing, or if they name different documents and queries.
    """
    corpus, queries = (_table(folder, name) for name in ("corpus", "queries"))
    places = (*(folder / "qrels" / split for split in _SPLITS), folder / "qrels")
    qrels = next((path for place in places if (path := _find(place.parent, place.name)) is not None), None)
    if qrels is None:
        raise InputError(
            f"{folder} holds no qrels/test.tsv.", hint="It should have the columns query-id, corpus-id and score."
        )
    return _build(folder.name, corpus=_rows(corpus), queries=_rows(queries), qrels=_rows(qrels))


def read_beir_hub(source: str, qrels: Rows, *, offline: bool, load_dataset: LoadDataset | None) -> LabelledSet:
    """The corpus and the queries that belong to a dataset's qrels: its configurations of these names."""
    name = HubSource.parse(source).name

    def rows(config: str) -> Iterator[Mapping[str, object]]:
        with open_rows(
            f"hub:{name}:{config}", offline=offline, load_dataset=load_dataset, prefer=(config, *_SPLITS)
        ) as table:
            yield from (row.values for row in table.rows)

    return _build(source, corpus=rows("corpus"), queries=rows("queries"), qrels=qrels)


def _table(folder: Path, name: str) -> Path:
    found = _find(folder, name)
    if found is None:
        raise InputError(
            f"{folder} holds no {name}.jsonl.",
            hint="A BEIR-style folder has corpus.jsonl, queries.jsonl and qrels/test.tsv.",
        )
    return found


def _find(folder: Path, name: str) -> Path | None:
    return next((path for ending in _TABLES if (path := folder / f"{name}{ending}").is_file()), None)


def _rows(path: Path) -> Iterator[Mapping[str, object]]:
    with open_rows(str(path)) as table:
        yield from (row.values for row in table.rows)


def _build(label: str, *, corpus: Rows, queries: Rows, qrels: Rows) -> LabelledSet:
    """Documents are their title and text, as BEIR joins them. Of grades only what is over zero counts, as in Sentence
    Transformers' InformationRetrievalEvaluator; queries that nothing answers are left out, as they are there."""
    answers: dict[str, list[str]] = {}
    for row in qrels:
        query, document = _first(row, _QUERY_IDS), _first(row, _DOCUMENT_IDS)
        if query is None or document is None:
            raise InputError(f"The qrels of {label} have columns {', '.join(row)}, not query-id, corpus-id and score.")
        if _grade(row, label) > 0:
            answers.setdefault(query, []).append(document)
    stored: list[str] = []
    rows: dict[str, int] = {}
    num_empty = 0
    for row in corpus:
        name = _first(row, _IDS)
        text = " ".join(part for key in ("title", "text") if (part := _text(row.get(key))))
        if name is None or not text:
            num_empty += 1
            continue
        rows[name] = len(stored)
        stored.append(clean(text))
    asked: list[str] = []
    relevant: list[tuple[int, ...]] = []
    num_relevant: list[int] = []
    for row in queries:
        name, text = _first(row, _IDS), _text(row.get("text") or row.get("query"))
        if name is None or not text or name not in answers:
            continue
        asked.append(clean(text))
        wanted = dict.fromkeys(answers[name])
        relevant.append(tuple(dict.fromkeys(rows[document] for document in wanted if document in rows)))
        num_relevant.append(len(wanted))
    if not any(relevant):
        raise InputError(
            f"In {label} no query is answered by a document of the corpus.",
            hint="The ids in qrels must be those in corpus.jsonl and queries.jsonl.",
        )
    if len(relevant) < MIN_ITEMS:
        raise InputError(f"{label} holds {len(relevant)} queries with answers; at least {MIN_ITEMS} are needed.")
    return LabelledSet(
        source=label,
        asked=tuple(asked),
        stored=tuple(stored),
        task=Retrieval(relevant=tuple(relevant), num_relevant=tuple(num_relevant)),
        num_items_seen=len(relevant),
        num_stored_seen=len(stored),
        num_skipped=num_empty,
    )


def _first(row: Mapping[str, object], names: Sequence[str]) -> str | None:
    return next((str(row[name]) for name in names if row.get(name) not in (None, "")), None)


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _grade(row: Mapping[str, object], label: str) -> float:
    value = row.get("score", 1)
    try:
        return float(str(value))
    except ValueError:
        raise InputError(f"The qrels of {label} hold {str(value)[:40]!r}, which is no score.") from None
