"""The text column is found by documented rules, or asked for."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import InputError
from advisor.texts import sample_texts
from advisor.texts.columns import Column, choose_columns
from advisor.texts.dialect import Dialect, has_header, parse_rows, sniff
from advisor.types import TextSample

DATA = Path(__file__).parent / "data" / "texts"
PROSE = ["The bridge was closed for repairs on Monday.", "A storm is expected along the coast, with heavy rain."]


def test_tab_separated_pairs_without_a_header_called_csv_are_read_whole() -> None:
    """Stray quotes swallow no line, both sentences are taken, and longer rows do no harm."""
    sample = sample_texts(DATA / "pairs.csv")
    assert sample.profile.field == "6,7"
    assert sample.profile.num_seen == 20
    assert '"The bridge is closed' in sample.texts
    assert 'The shop sells 15" and 17" screens.' in sample.texts
    assert not any("example.org" in text for text in sample.texts)


def test_stray_quotes_far_behind_the_first_lines_swallow_nothing(tmp_path: Path) -> None:
    line = "a\t0024\t2.500\tA cook is rinsing lentils.\tLentils are being washed.\n"
    stray = 'a\t0024\t2.500\t"A cook is rinsing lentils.\tLentils" are being washed.\n'
    (tmp_path / "a.csv").write_text(line * 3000 + stray + line * 100)
    assert sample_texts(tmp_path / "a.csv").profile.num_seen == 2 * 3101


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"id": ["a", "b"], "Text": PROSE, "body": PROSE}, "Text"),
        ({"sentence2": PROSE, "label": ["x", "y"], "sentence1": PROSE}, "sentence1,sentence2"),
        ({"Sentence 1": PROSE, "Sentence_2": PROSE}, "Sentence 1,Sentence_2"),
        ({"anchor": PROSE, "positive": PROSE, "negative": PROSE}, "anchor,positive,negative"),
        ({"query": ["rain today", "open now"], "passage": PROSE}, "passage"),
        ({"text": [1, 2], "note": ["a", "b"]}, "note"),
        ({"n": [1, 2], "name": ["Ann", "Bob"]}, "name"),
        ({"short": ["one two", "a b"], "long": PROSE, "url": ["http://a.example/" + "x" * 99] * 2}, "long"),
        ({"code": ["X-1", "X-2"], "zh": ["今天天气很好我们去公园散步吧", "明天会下雨所以请带上雨伞"]}, "zh"),
        ({"sparse": [PROSE[1] * 5, None, None, None], "full": [*PROSE, *PROSE]}, "full"),
    ],
)
def test_the_text_column_is_found_by_name_or_by_what_it_holds(columns: dict[str, list[object]], expected: str) -> None:
    assert jsonl(columns).profile.field == expected


@pytest.mark.parametrize(
    "columns",
    [
        {"left": PROSE, "right": PROSE},
        {"left": ["abc", "def"], "right": ["ghi", "jkl"]},
        {"left": [1, 2], "right": [3, 4]},
    ],
)
def test_where_it_is_not_clear_the_columns_are_listed(columns: dict[str, list[object]]) -> None:
    with pytest.raises(InputError) as caught:
        jsonl(columns)
    assert "has columns left, right, and it is not clear" in str(caught.value)
    assert "--field left" in str(caught.value)


def test_an_unknown_field_lists_the_columns() -> None:
    with pytest.raises(InputError, match=r"has no column 'txt'; it has id, text\..* --field text"):
        csv_texts("id,text\n1,one two\n", field="txt")
    with pytest.raises(InputError, match="has no column '3'; it has 1, 2"):
        csv_texts("1,one two\n2,three four\n", field="1,3")
    many = ",".join(f"c{index}" for index in range(30))
    with pytest.raises(InputError, match="c19 and 10 more"):
        csv_texts(f"{many}\n{',1' * 29}\n", field="x")


def test_fields_are_names_or_numbers_and_may_be_several() -> None:
    table = "id,left,right\n7,one,two\n8,three,four\n"
    for field in ("left,right", "2,3", " left , 3", "left,right,left"):
        assert sorted(csv_texts(table, field=field).texts) == ["four", "one", "three", "two"]
    assert csv_texts(table, field="2,3").profile.field == "left,right"


def test_a_first_row_with_the_names_asked_for_is_a_header() -> None:
    table = "one,two\na b,c d\n"
    assert csv_texts(table).profile.num_seen == 4
    assert csv_texts(table, field="two").texts == ("c d",)


def test_a_name_wins_over_a_number_and_over_a_list_of_names() -> None:
    assert csv_texts("text,1\nx,right\n", field="1").texts == ("right",)
    assert csv_texts('a,"a,b"\nx,right\n', field="a,b").texts == ("right",)


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("extension", [".csv", ".tsv"])
def test_what_the_csv_module_writes_is_read_back(tmp_path: Path, delimiter: str, quoting: int, extension: str) -> None:
    texts = [f'No. {index}: "a, b; c | d\te"\nand a second line, {"x" * index}' for index in range(40)]
    path = tmp_path / f"a{extension}"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]
        writer.writerow(["id", "comment", "label"])
        writer.writerows([index, text, "x"] for index, text in enumerate(texts))
    assert sorted(sample_texts(path).texts) == sorted(texts)


def test_a_record_that_the_sniffed_lines_cut_in_two_does_not_hide_the_quoting(tmp_path: Path) -> None:
    rows = "".join(f"{index},plain words here\n" for index in range(998))
    (tmp_path / "a.csv").write_text("id,text\n" + rows + '5,"two\nlines, one text"\n' + '6,"last one"\n')
    sample = sample_texts(tmp_path / "a.csv", num_texts=2000)
    assert sample.profile.num_seen == 1000
    assert "two\nlines, one text" in sample.texts


def test_one_column_needs_no_delimiter(tmp_path: Path) -> None:
    for content in ("text\nOne, two.\nThree.\n", "One, two.\nThree.\n", '"text"\n"One, two."\n"Three."\n'):
        (tmp_path / "a.csv").write_text(content)
        assert sorted(sample_texts(tmp_path / "a.csv").texts) == ["One, two.", "Three."]


def test_an_index_without_a_name_is_called_by_its_number() -> None:
    sample = csv_texts(",text\n0,one two\n1,three four\n")
    assert sample.profile.field == "text"
    assert sorted(csv_texts(",text\n0,one\n1,two\n", field="1").texts) == ["0", "1"]


@pytest.mark.parametrize(
    ("rows", "headed"),
    [
        ([["id", "text"], ["1", "x"]], True),
        ([["key", "amount"], ["a", "1.5"], ["b", "2"]], True),
        ([["genre", "remark"], ["news", PROSE[0]], ["blog", PROSE[1]]], True),
        ([["news", PROSE[0]], ["blog", PROSE[1]]], False),
        ([["news", "Yes."], ["blog", PROSE[1]]], False),
        ([["1", "a"], ["2", "b"]], False),
        ([["a", "a"], ["b", "1"]], False),
        ([["a", ""], ["b", "1"]], False),
        ([["hello"], [PROSE[0]]], False),
        ([], False),
    ],
)
def test_a_header_is_recognised_by_its_rules(rows: list[list[str]], headed: bool) -> None:
    assert has_header(rows) is headed


def test_a_huge_line_is_not_used_for_sniffing() -> None:
    sample = csv_texts('text,n\n"' + "word " * 200_000 + '",1\n"b, c",2\n')
    assert sample.profile.field == "text"
    assert sample.profile.num_seen == 2


cells = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(
    rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=20), delimiter=st.sampled_from([",", "\t", ";", "|"])
)
def test_quoted_rows_survive_whatever_they_hold(rows: list[tuple[str, str]], delimiter: str) -> None:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    parsed = parse_rows(file.getvalue().split("\n"), delimiter=delimiter, quoted=True)
    assert [tuple(row.cells) for row in parsed] == rows


@given(st.lists(st.text(max_size=30), max_size=30))
def test_sniffing_and_header_rules_take_any_lines(lines: list[str]) -> None:
    dialect = sniff([line.replace("\n", "") for line in lines], preferred=",")
    assert isinstance(dialect, Dialect)


@given(
    st.lists(st.lists(st.none() | st.text(max_size=40) | st.integers(), min_size=3, max_size=3), min_size=1),
    st.booleans(),
)
def test_columns_are_chosen_within_the_table_or_refused(rows: list[list[object]], named: bool) -> None:
    columns = [Column(name=f"c{index}", values=tuple(row[index] for row in rows)) for index in range(3)]
    try:
        chosen = choose_columns(columns, label="a.csv", field=None, named=named)
    except InputError as error:
        assert "c0, c1, c2" in str(error)  # noqa: PT017 - both ends are right
    else:
        assert chosen
        assert set(chosen) <= {0, 1, 2}


def jsonl(columns: dict[str, list[object]]) -> TextSample:
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return sample_texts("-", stdin=io.BytesIO("".join(json.dumps(row) + "\n" for row in rows).encode()))


def csv_texts(content: str, *, field: str | None = None) -> TextSample:
    from advisor.texts.batches import Batch
    from advisor.texts.delimited import read_delimited

    stream = read_delimited(iter([content]), "a.csv", field=field)
    batches: list[Batch] = list(stream.batches)
    sample = sample_texts([text for batch in batches for text in batch.texts])
    from dataclasses import replace

    return TextSample(texts=sample.texts, profile=replace(sample.profile, field=stream.field))
