"""Every format gives the same texts, whatever it is packed in."""

from __future__ import annotations

import gzip
import io
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from advisor.texts import sample_texts
from advisor.texts.batches import MAX_TEXT_CHARS
from advisor.types import TextSample

TEXTS = ("A first, short text.", 'It says "stop" — twice.', "Ça coûte 3 € à Zürich.", "Last one; a | b")
DATA = Path(__file__).parent / "data" / "texts"


def jsonl(column: str = "text") -> str:
    return "".join(json.dumps({"id": index, column: text}) + "\n" for index, text in enumerate(TEXTS))


def csv_file() -> str:
    quoted = [text.replace('"', '""') for text in TEXTS]
    return "id,text\n" + "".join(f'{index},"{text}"\n' for index, text in enumerate(quoted))


CONTENT: dict[str, str] = {
    "a.txt": "\n".join(TEXTS),
    "a.log": "\r\n".join(TEXTS) + "\r\n\r\n",
    "a.jsonl": jsonl(),
    "a.ndjson": "".join(json.dumps(text, ensure_ascii=False) + "\n\n" for text in TEXTS),
    "strings.json": json.dumps(TEXTS, indent=2),
    "objects.json": json.dumps([{"text": text, "n": 1} for text in TEXTS]),
    "lists.json": json.dumps({"n": [1, 2, 3, 4], "text": TEXTS}, indent=1),
    "really_lines.json": jsonl(),
    "a.csv": csv_file(),
    "semicolons.csv": "id;text\n" + "".join(f'{i};"{t.replace(chr(34), chr(34) * 2)}"\n' for i, t in enumerate(TEXTS)),
    "a.tsv": "id\ttext\n" + "".join(f"{index}\t{text}\n" for index, text in enumerate(TEXTS)),
}


@pytest.mark.parametrize("name", CONTENT)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
def test_every_format_gives_the_same_texts_packed_or_not(
    tmp_path: Path, name: str, pack: Callable[[bytes], bytes]
) -> None:
    packed_name = name if pack is bytes else f"{name}.gz"
    assert texts_of(write(tmp_path / packed_name, pack(CONTENT[name].encode()))) == sorted(TEXTS)


@pytest.mark.parametrize("name", CONTENT)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_understood_and_is_not_text(tmp_path: Path, name: str, encoding: str) -> None:
    assert texts_of(write(tmp_path / name, CONTENT[name].encode(encoding))) == sorted(TEXTS)


@pytest.mark.parametrize("packed", [False, True])
def test_parquet_is_read_packed_or_not(tmp_path: Path, packed: bool) -> None:
    path = write_parquet(tmp_path / "a.parquet", {"n": [1, 2, 3, 4], "text": list(TEXTS)})
    if packed:
        path = write(tmp_path / "b.parquet.gz", gzip.compress(path.read_bytes()))
    sample = sample_texts(str(path))
    assert sorted(sample.texts) == sorted(TEXTS)
    assert sample.profile.field == "text"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", ["a.parquet", "a.csv"])
def test_a_named_pipe_is_read_like_a_file(tmp_path: Path, name: str) -> None:
    source = write_parquet(tmp_path / "source.parquet", {"text": list(TEXTS)})
    content = source.read_bytes() if name == "a.parquet" else CONTENT[name].encode()
    os.mkfifo(tmp_path / name)
    writer = threading.Thread(target=write, args=(tmp_path / name, content), daemon=True)
    writer.start()
    assert texts_of(tmp_path / name) == sorted(TEXTS)
    writer.join(timeout=10)


def test_parquet_is_read_over_row_groups_and_from_lists_and_dictionaries(tmp_path: Path) -> None:
    import pyarrow as pa

    columns = {
        "a": pa.array([["one text", "two texts"], None, []], pa.list_(pa.string())),
        "b": pa.array(["three texts", "three texts", None]).dictionary_encode(),
    }
    path = write_parquet(tmp_path / "a.parquet", columns, row_group_size=1)
    sample = sample_texts(path, field="a,b")
    assert sorted(sample.texts) == ["one text", "three texts", "three texts", "two texts"]


def test_two_members_in_one_gzip_file_are_both_read(tmp_path: Path) -> None:
    data = gzip.compress(b"one\n") + gzip.compress(b"two\n") + b"\0" * 20
    assert texts_of(write(tmp_path / "a.txt.gz", data)) == ["one", "two"]


def test_gzip_is_recognised_without_its_extension(tmp_path: Path) -> None:
    assert texts_of(write(tmp_path / "a.txt", gzip.compress(b"one\ntwo"))) == ["one", "two"]


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.ndjson", "strings.json", "objects.json"])
def test_standard_input_is_sniffed(name: str) -> None:
    content = ("\n\n" + CONTENT[name]).encode()
    sample = sample_texts("-", stdin=io.BytesIO(content))
    assert sorted(sample.texts) == sorted(TEXTS)
    assert sample.profile.source == "standard input"


@pytest.mark.parametrize("line", ["[Verse 1] in the morning", '"Stop," he said.', "{curly} but no JSON", "12"])
def test_text_on_standard_input_that_only_begins_like_json_stays_text(line: str) -> None:
    assert sample_texts("-", stdin=io.BytesIO(line.encode())).texts == (line,)


def test_standard_input_is_read_as_columns_if_a_field_is_asked_for() -> None:
    stdin = io.BytesIO((DATA / "pairs.csv").read_bytes())
    assert sample_texts("-", field="7", stdin=stdin).profile.num_seen == 10


def test_only_newlines_end_a_line(tmp_path: Path) -> None:
    line = "one\x85two\u2028three\x0bfour\x0cfive\x1csix\rseven"
    for name, content in {"a.txt": f"{line}\r\n", "a.tsv": f"text\tn\r\n{line}\t1\r\n"}.items():
        assert texts_of(write(tmp_path / name, content.encode())) == [line]


def test_blank_texts_are_neither_sampled_nor_counted(tmp_path: Path) -> None:
    sample = sample_texts(str(write(tmp_path / "a.txt", "one\n\n  \t\n\u3000\ntwo\n".encode())))
    assert sorted(sample.texts) == ["one", "two"]
    assert sample.profile.num_seen == 2


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl"])
def test_a_long_text_is_cut_and_counted_in_full(tmp_path: Path, name: str) -> None:
    long = "word " * 600_000
    content = {"a.txt": f"short\n{long}\nshort\n", "a.csv": f'text,n\nshort,1\n"{long}",2\nshort,3\n'}
    content["a.jsonl"] = "".join(json.dumps(text) + "\n" for text in ("short", long, "short"))
    sample = sample_texts(str(write(tmp_path / name, content[name].encode())))
    assert sorted(map(len, sample.texts)) == [5, 5, MAX_TEXT_CHARS]
    assert sample.profile.chars.max == len(long)
    assert sample.profile.chars.mean == pytest.approx((len(long) + 10) / 3)


def test_pieces_may_end_anywhere() -> None:
    """Characters, line ends and quotes that are cut by a chunk's end are put together again."""

    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(1)

    for content in ("é\r\n€ 1\r\n😀", '"é"\r\n"€ 1"\r\n"😀"', '["é",\r\n"€ 1", "😀"]'):
        assert sorted(sample_texts("-", stdin=Trickle(content.encode())).texts) == ["é", "€ 1", "😀"]


def test_a_json_list_is_parsed_item_by_item_across_pieces() -> None:
    from advisor.texts.json_texts import read_json

    document = json.dumps([{"text": f'"{index}" {{["\\n', "n": index * 1.5} for index in range(50)], indent=3)
    for size in (1, 2, 7, 1000):
        pieces = (document[start : start + size] for start in range(0, len(document), size))
        texts = [text for batch in read_json(pieces, "a.json", field=None).batches for text in batch.texts]
        assert texts == [f'"{index}" {{["\\n' for index in range(50)]


def test_values_that_are_not_strings_are_left_out(tmp_path: Path) -> None:
    rows = [{"text": "one text"}, {"text": None}, {"other": 1}, {"text": 5}, {"text": ["two", 3, "three"]}]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)).encode())
    assert texts_of(path) == ["one text", "three", "two"]


def test_the_source_is_named_without_its_folder(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"one")
    assert sample_texts(str(path)).profile.source == "a.txt"
    assert sample_texts(path) == sample_texts(str(path))


def texts_of(path: Path) -> list[str]:
    sample: TextSample = sample_texts(str(path))
    return sorted(sample.texts)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def write_parquet(path: Path, columns: dict[str, object], *, row_group_size: int = 2) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), path, row_group_size=row_group_size)
    return path
