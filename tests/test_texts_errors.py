"""Bad input ends in one clear sentence."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.errors import InputError, MissingExtraError
from advisor.texts import sample_texts

BROKEN: list[tuple[str, bytes, str]] = [
    # name, content, what the message says
    ("empty.txt", b"", "empty.txt is empty."),
    ("empty.csv", b"", "empty.csv is empty."),
    ("mark.txt", b"\xef\xbb\xbf", "There are no texts in mark.txt"),
    ("blank.txt", b"\n \n\t\r\n", "There are no texts in blank.txt"),
    ("blank.csv", b"\n\n", "There are no texts in blank.csv"),
    ("blank.json", b"\n", "There are no texts in blank.json"),
    ("blank.jsonl", b"\n", "There are no texts in blank.jsonl"),
    ("list.json", b"[]", "There are no texts in list.json"),
    ("header.csv", b"id,text\n", "There are no texts in header.csv in column text"),
    ("nulls.jsonl", b'{"text": null}', "There are no texts in nulls.jsonl in column text"),
    ("latin.txt", b"one\ntwo\ncaf\xe9\n", "latin.txt is not valid UTF-8: it has 0xe9 at byte offset 11 (line 3)"),
    ("cut.txt", b"one\ncaf\xc3", "0xc3 at byte offset 7 (line 2)"),
    ("latin.csv", b"id,text\n1,caf\xe9\n", "iconv -f latin1 -t utf8"),
    (
        "half.txt",
        "\ufeffone\ntwo".encode("utf-16-le") + b"\x00",
        "is not valid UTF-16-LE: it has 0x00 at byte offset 16",
    ),
    ("nul.txt", b"some\x00thing", "nul.txt holds NUL bytes"),
    ("utf16.txt", "no mark".encode("utf-16-le"), "iconv -f utf-16le -t utf8"),
    ("book.csv", b"PK\x03\x04rest", "book.csv is a zip archive or an Office file, not text."),
    ("paper.txt", b"%PDF-1.7 rest", "paper.txt is a PDF file, not text."),
    ("image.dat", b"\x89PNG\r\n\x1a\n", "image.dat is a PNG image, not text."),
    ("table.txt", b"PAR1\x00", "table.txt is a Parquet file"),
    ("bad.jsonl", b'{"text": "a"}\n\n{"text": "b"\n', "bad.jsonl, line 3: broken JSON (Expecting ',' delimiter at"),
    ("late.jsonl", b'{"text": "a b"}\n' * 500 + b"oops\n", "late.jsonl, line 501: broken JSON"),
    ("deep.jsonl", b"[" * 100_000, "deep.jsonl, line 1: broken JSON (nested too deeply)"),
    ("deep.json", b"[" * 100_000, "deep.json, line 1: broken JSON (nested too deeply)"),
    ("digits.jsonl", b"9" * 10_000, "digits.jsonl, line 1: broken JSON"),
    ("kinds.jsonl", b'"text"\n{"text": "a"}\n', "kinds.jsonl, line 2: this record is an object, not a string"),
    ("kinds.ndjson", b'{"text": "a b"}\n"text"\n', "kinds.ndjson, line 2: this record is a string, not an object"),
    ("rows.jsonl", b'["a", "b"]\n', "rows.jsonl, line 1: this record is a list, not an object"),
    ("number.json", b"12", "number.json, line 1: this record is a number"),
    ("open.json", b'["a",\n"b"\n', "open.json, line 3: broken JSON (the end of the file where"),
    ("colon.json", b'["a":\n"b"]', "colon.json, line 1: broken JSON (':' where"),
    ("comma.json", b'["a",\n\n oops]', "comma.json, line 3: broken JSON"),
    ("after.json", b'["a"]\n]', "after.json, line 2: broken JSON (more data after the list)"),
    ("object.json", b'{"text":\n ["a",\n "b"\n', "object.json, line 3: broken JSON"),
    ("blanks.json", b'{"text":\n\n\n ["a", oops]}', "blanks.json, line 4: broken JSON"),
    ("quote.csv", b"id,text\n" + b'1,"a, b"\n' * 1200 + b'2,"c\n3,d\n', "quote.csv, line 1202: a quoted field begins"),
    ("plain.txt.gz", b"not packed", "plain.txt.gz is not a gzip file"),
    ("empty.txt.gz", gzip.compress(b""), "empty.txt.gz is empty."),
    ("short.txt.gz", gzip.compress(b"one\n" * 1000)[:-12], "short.txt.gz is cut short"),
    ("corrupt.txt.gz", gzip.compress(b"one\n")[:10] + b"\xff" * 20, "corrupt.txt.gz is corrupt"),
    ("not.parquet", b"just text, no table", "not.parquet is not a complete Parquet file"),
    ("empty.parquet", b"", "empty.parquet is not a complete Parquet file"),
]


@pytest.mark.parametrize(("name", "content", "says"), BROKEN, ids=[name for name, _, _ in BROKEN])
def test_a_broken_file_is_named_with_what_is_wrong(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        sample_texts(str(tmp_path / name))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_a_wrong_byte_far_inside_a_file_is_located_exactly(tmp_path: Path) -> None:
    content = "é line\n".encode() * 400_000
    offset = content.index(b"line", 2_500_000)
    (tmp_path / "a.txt").write_bytes(content[:offset] + b"\xff" + content[offset:])
    line = content[:offset].count(b"\n") + 1
    with pytest.raises(InputError, match=rf"0xff at byte offset {offset} \(line {line}\)"):
        sample_texts(tmp_path / "a.txt")


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["one text"] * 100}), path)
    whole = path.read_bytes()
    for cut in (whole[: len(whole) // 2], whole[:4] + b"\0" * 40 + whole[44:]):
        path.write_bytes(cut)
        with pytest.raises(InputError, match=r"a\.parquet is not a complete Parquet file"):
            sample_texts(path)


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    for name in [name for name in sys.modules if name.split(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"backend-advisor\[profile\]"):
        sample_texts(tmp_path / "a.parquet")


def test_a_missing_file_comes_with_similar_names(tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text("x")
    with pytest.raises(InputError, match=r"review\.csv does not exist\. Did you mean .*reviews\.csv\?"):
        sample_texts(str(tmp_path / "review.csv"))
    with pytest.raises(InputError, match=r"nothing\.txt does not exist\.$"):
        sample_texts(str(tmp_path / "no" / "nothing.txt"))


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder, not a file of texts"):
        sample_texts(tmp_path)


def test_a_path_that_cannot_exist_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match="cannot be opened: Not a directory"):
        sample_texts(str(tmp_path / "a.txt" / "b.txt"))
    with pytest.raises(InputError, match="cannot be opened"):
        sample_texts("a\0b.txt")
    with pytest.raises(InputError, match="cannot be opened: File name too long"):
        sample_texts("this is a text and not a path " * 1000)
    with pytest.raises(InputError, match="cannot be opened"):
        sample_texts("~no-such-user-here/a.txt")


def test_a_stream_that_fails_is_an_input_error() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(InputError, match="standard input cannot be read: Input/output error"):
        sample_texts("-", stdin=Failing())


def test_empty_standard_input_is_refused() -> None:
    with pytest.raises(InputError, match="standard input is empty"):
        sample_texts("-", stdin=io.BytesIO())


@pytest.mark.parametrize("number", [0, -3])
def test_the_size_of_the_sample_is_positive(number: int) -> None:
    with pytest.raises(InputError, match=f"at least 1, not {number}"):
        sample_texts(None, num_texts=number)


@pytest.mark.parametrize("source", [None, ["some", "texts"]])
def test_a_field_without_columns_is_refused(source: list[str] | None) -> None:
    with pytest.raises(InputError, match="no field 'text'"):
        sample_texts(source, field="text")


def test_a_field_of_plain_json_strings_is_refused() -> None:
    with pytest.raises(InputError, match="holds plain strings without columns"):
        sample_texts("-", field="text", stdin=io.BytesIO(b'"one"\n"two"\n'))


def test_texts_that_are_not_strings_are_refused() -> None:
    with pytest.raises(InputError, match="Text 1 is of type int, not str"):
        sample_texts(["one", 2])  # type: ignore[list-item]
    with pytest.raises(InputError, match="not int"):
        sample_texts(5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no texts in Python texts"):
        sample_texts([])


PARTS = [
    b'{"text": "a b"}',
    b'"',
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b"\t",
    b";",
    b"\n",
    b"\r\n",
    b"text",
    b"id",
    b"1",
    b"\xff",
    b"\0",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(
    extension=st.sampled_from([".txt", ".jsonl", ".json", ".csv", ".tsv", ".parquet", ".txt.gz", ".json.gz", ".bin"]),
    content=st.binary(max_size=60) | st.lists(st.sampled_from(PARTS), max_size=30).map(b"".join),
    packed=st.booleans(),
    field=st.sampled_from([None, "text", "1", "1,2"]),
)
def test_whatever_a_file_holds_it_gives_texts_or_one_sentence(
    tmp_path: Path, extension: str, content: bytes, packed: bool, field: str | None
) -> None:
    path = tmp_path / f"a{extension}"
    path.write_bytes(gzip.compress(content) if packed else content)
    try:
        sample = sample_texts(path, field=field)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017 - both ends are right
    else:
        assert sample.texts
        assert not any(text.isspace() for text in sample.texts)
