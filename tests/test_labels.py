"""Labelled data are read from every source, in any script, and what is wrong with them is said in one sentence."""

from __future__ import annotations

import gzip
import json
import math
import random

import pytest

from advisor.errors import InputError
from advisor.labels import Pairs, Retrieval, Triplets, cut_to, read_labels

SCRIPTS = (
    "a small dog",
    "كلب صغير",
    "一只小狗在跑",
    "маленькая собака",
    "छोटा कुत्ता",
    "小さな犬が走る",
    "μικρός σκύλος",
    "כלב קטן",
)
ROWS = [(f"{text} {number}", f"{text} runs {number}", number % 6 / 2) for number in range(4) for text in SCRIPTS]


def write(path, rows, *, delimiter, header):
    lines = [delimiter.join(header)] if header else []
    path.write_text("\n".join([*lines, *(delimiter.join(map(str, row)) for row in rows)]), encoding="utf-8")
    return path


def items(labels):
    task = labels.task
    return [
        (labels.stored[stored], labels.asked[asked], score)
        for asked, stored, score in zip(task.asked, task.stored, task.scores, strict=True)
    ]


def as_csv(folder):
    return write(folder / "pairs.csv", ROWS, delimiter=",", header=("sentence1", "sentence2", "score"))


def as_tsv(folder):
    rows = [(score, first, second) for first, second, score in ROWS]
    return write(folder / "pairs.tsv", rows, delimiter="\t", header=("similarity", "text1", "text2"))


def as_stsb(folder):
    """As the STS benchmark ships it: no header, and other columns of numbers before the score."""
    rows = [("news", 2012 + n % 3, f"{n:04}", f"{s:.3f}", a, b) for n, (a, b, s) in enumerate(ROWS)]
    return write(folder / "stsb-test.csv", rows, delimiter="\t", header=None)


def as_jsonl(folder):
    path = folder / "pairs.jsonl.gz"
    lines = [json.dumps({"sentence1": a, "sentence2": b, "label": s}) for a, b, s in ROWS]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


def as_parquet(folder):
    pytest.importorskip("pyarrow")
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / "pairs.parquet"
    first, second, scores = zip(*ROWS, strict=True)
    pq.write_table(pa.table({"question1": list(first), "question2": list(second), "is_duplicate": list(scores)}), path)
    return path


@pytest.mark.parametrize("make", [as_csv, as_tsv, as_stsb, as_jsonl, as_parquet])
def test_pairs_are_read_from_every_format_in_any_script(make, tmp_path):
    path = make(tmp_path)
    labels = read_labels(str(path))
    assert items(labels) == ROWS
    assert (labels.source, labels.kind, labels.profile.num_items) == (path.name, "pairs", len(ROWS))


def test_pairs_and_triplets_come_from_python_too():
    assert items(read_labels(ROWS)) == ROWS
    labels = read_labels([(f"anchor {n}", f"good {n}", f"bad {n}") for n in range(9)])
    assert isinstance(labels.task, Triplets)
    assert labels.stored[labels.task.negative[3]] == "bad 3"


def test_a_list_of_negatives_gives_a_triplet_for_each(tmp_path):
    path = tmp_path / "triplets.jsonl"
    rows = [{"query": f"q {n}", "pos": [f"p {n}"], "neg": [f"n {n}", f"m {n}"]} for n in range(6)]
    path.write_text("\n".join(map(json.dumps, rows)))
    labels = read_labels(str(path))
    assert (labels.kind, labels.task.num_items, len(labels.asked), len(labels.stored)) == ("triplets", 12, 6, 18)


def test_columns_can_be_named_by_name_or_number(tmp_path):
    rows = [(n, f"left one {n}", 5 - n % 5, f"right one {n}") for n in range(20)]
    path = write(tmp_path / "odd.csv", rows, delimiter=",", header=("n", "links", "wert", "rechts"))
    for field in ("links,rechts,wert", "2,4,3"):
        labels = read_labels(str(path), field=field)
        assert items(labels)[0] == ("left one 0", "right one 0", 5.0)
    with pytest.raises(InputError, match=r"names 2 columns, not three"):
        read_labels(str(path), field="links,rechts")
    with pytest.raises(InputError, match="has no column 'nope'"):
        read_labels(str(path), field="links,rechts,nope")


def test_rows_without_a_text_or_a_score_are_skipped_and_counted(tmp_path):
    rows = [*ROWS, ("alone", "", 1.0), ("no score", "at all", "")]
    path = write(tmp_path / "pairs.csv", rows, delimiter=",", header=("sentence1", "sentence2", "score"))
    labels = read_labels(str(path))
    assert (labels.task.num_items, labels.num_skipped) == (len(ROWS), 2)


def write_beir(folder, *, qrels="qrels/test.tsv", missing=()):
    (folder / "qrels").mkdir(parents=True)
    corpus = [{"_id": f"d{n}", "title": "On dogs" if n % 2 else "", "text": f"document {n}"} for n in range(30)]
    queries = [{"_id": f"q{n}", "text": f"which document is {n}?"} for n in range(12)]
    for name, rows in (("corpus", corpus), ("queries", queries)):
        if name not in missing:
            (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    lines = ["query-id\tcorpus-id\tscore"]
    lines += [f"q{n}\td{n}\t2" for n in range(10)] + ["q0\td20\t1", "q0\tnowhere\t1", "q1\td5\t0", "q11\tnowhere\t0"]
    (folder / qrels).write_text("\n".join(lines))
    return folder


def test_a_beir_folder_gives_queries_documents_and_what_answers_what(tmp_path):
    labels = read_labels(str(write_beir(tmp_path / "scifact")))
    task = labels.task
    assert isinstance(task, Retrieval)
    assert (labels.source, task.num_items, len(labels.stored)) == ("scifact", 10, 30)  # two queries have no answer
    assert labels.stored[1] == "On dogs document 1"
    assert [labels.stored[row] for row in task.relevant[0]] == ["document 0", "document 20"]
    assert task.num_relevant == (3, *[1] * 9)  # the document that is nowhere is missed; a grade of 0 is no answer


def test_another_split_will_do_and_what_is_missing_is_named(tmp_path):
    assert read_labels(str(write_beir(tmp_path / "a", qrels="qrels/dev.tsv"))).kind == "retrieval"
    with pytest.raises(InputError, match=r"holds no queries\.jsonl"):
        read_labels(str(write_beir(tmp_path / "b", missing=("queries",))))
    empty = write_beir(tmp_path / "c")
    (empty / "qrels" / "test.tsv").unlink()
    with pytest.raises(InputError, match=r"holds no qrels/test\.tsv"):
        read_labels(str(empty))


class Hub:
    """`datasets.load_dataset` with an MTEB-style retrieval set and a set of pairs."""

    def __call__(self, path, name, /, *, split, streaming):
        assert streaming
        if path == "owner/pairs":
            rows = [{"sentence1": a, "sentence2": b, "score": s} for a, b, s in ROWS]
            splits = {"train": rows[:9], "test": rows}
            return splits if split is None else splits[split]
        tables = {
            None: {"test": [{"query-id": f"q{n}", "corpus-id": f"d{n}", "score": 1} for n in range(10)]},
            "corpus": {"corpus": [{"_id": f"d{n}", "title": "", "text": f"document {n}"} for n in range(20)]},
            "queries": {"queries": [{"_id": f"q{n}", "text": f"query {n}"} for n in range(10)]},
        }
        return tables[name] if split is None else tables[name][split]


def test_hub_datasets_of_pairs_and_of_retrieval_are_read(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("HF_DATASETS_OFFLINE", raising=False)
    labels = read_labels("hub:owner/pairs", load_dataset=Hub())
    assert (labels.source, labels.task.num_items) == ("hub:owner/pairs", len(ROWS))  # the test split, not train
    assert read_labels("hub:owner/pairs::train", load_dataset=Hub()).task.num_items == 9
    labels = read_labels("hub:owner/retrieval", load_dataset=Hub())
    assert (labels.kind, labels.task.num_items, len(labels.stored)) == ("retrieval", 10, 20)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (ROWS[:3], "holds 3 labelled rows; at least 8 are needed"),
        ([(a, b, 1.0) for a, b, _ in ROWS], "All scores in pairs.csv are 1"),
        ([(a, b, "high" if n == 30 else s) for n, (a, b, s) in enumerate(ROWS)], "'high' in column score is no score"),
    ],
)
def test_labels_that_cannot_be_right_are_refused(rows, said, tmp_path):
    path = write(tmp_path / "pairs.csv", rows, delimiter=",", header=("sentence1", "sentence2", "score"))
    with pytest.raises(InputError, match=said):
        read_labels(str(path))


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf, 10**400], ids=["nan", "inf", "-inf", "huge"])
@pytest.mark.parametrize("names", [("links", "rechts", "wert"), ("sentence1", "sentence2", "score")])
def test_a_score_that_is_no_finite_number_costs_its_row(tmp_path, names, score):
    texts = [(f"A sentence about the number {n}.", f"Another one about the number {n}.") for n in range(12)]
    rows = [dict(zip(names, (*pair, n % 3), strict=True)) for n, pair in enumerate(texts)]
    rows[4][names[2]] = score
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    labels = read_labels(str(path))
    assert (labels.kind, labels.num_items_seen, labels.num_skipped) == ("pairs", 11, 1)
    assert set(labels.task.scores) == {0, 1, 2}


def test_a_table_in_which_nothing_looks_like_labels_lists_its_columns(tmp_path):
    path = write(tmp_path / "t.csv", [(n, n) for n in range(20)], delimiter=",", header=("height", "width"))
    with pytest.raises(InputError, match="has columns height, width, and it is not clear"):
        read_labels(str(path))


def test_a_set_that_is_too_large_is_cut_at_random_and_keeps_what_belongs_together(tmp_path):
    pairs = read_labels([(f"left {n}", f"right {n}", n % 5) for n in range(500)])
    some = cut_to(pairs, max_chars=pairs.num_chars // 4, seed=1)
    assert isinstance(some.task, Pairs)
    assert 100 < some.task.num_items < 130
    assert (some.num_items_seen, some.profile.num_items) == (500, some.task.num_items)
    assert set(items(some)) < set(items(pairs))
    assert cut_to(pairs, max_chars=pairs.num_chars // 4, seed=1) == some
    assert cut_to(pairs, max_chars=pairs.num_chars // 4, seed=2) != some
    assert cut_to(pairs, max_chars=pairs.num_chars, seed=1) is pairs

    beir = read_labels(str(write_beir(tmp_path / "scifact")))
    less = cut_to(beir, max_chars=300, seed=random.randrange(100))
    whole = dict(zip(beir.asked, beir.task.relevant, strict=True))
    for query, rows in zip(less.asked, less.task.relevant, strict=True):
        assert [less.stored[row] for row in rows] == [beir.stored[row] for row in whole[query]]
    assert less.num_chars <= 300
    assert len(less.stored) > len({row for rows in less.task.relevant for row in rows})  # and distractors
