"""One document for `--json`, Python and the manifest: it validates, and it reads back."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import factories
import jsonschema
import pytest

from advisor.document import from_dict
from advisor.errors import ArtifactError
from advisor.schema import check_schema

SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "recommendation.schema.json").read_text())

CASES = {
    make.__name__: make
    for make in (
        factories.confirmed,
        factories.overturned,
        factories.tie,
        factories.inconclusive,
        factories.unfinished,
        factories.keep_baseline,
        factories.with_failures,
        factories.nothing_passes,
        factories.labelled,
        factories.detailed,
    )
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_recommendation_validates_against_the_published_schema(name):
    document = CASES[name]().to_dict()
    jsonschema.validate(json.loads(json.dumps(document, allow_nan=False)), SCHEMA)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_document_reads_back_as_the_recommendation_that_wrote_it(name):
    rec = CASES[name]()
    back = from_dict(json.loads(json.dumps(rec.to_dict())))
    hidden = replace(
        rec,
        model=replace(rec.model, path=Path()),
        candidates=tuple(
            replace(
                outcome,
                log=None,
                settings=outcome.settings or None,
                most_moved=None,
                reference_path=None,
                findings=outcome.findings
                if outcome.drift is None
                else replace(outcome.findings, drift=replace(outcome.drift, most_moved=())),
            )
            for outcome in rec.candidates
        ),
    )
    assert back == hidden


def test_what_was_predicted_and_what_there_was_no_time_for_is_in_the_document():
    document = CASES["unfinished"]().to_dict()
    assert document["schema"]["version"] == "2.1"
    by_name = {each["name"]: each for each in document["candidates"]}
    assert by_name["onnx-qint8"]["predicted"] == {"speedup": 3.5, "depths": [1, 3], "num_layers": 12}
    assert by_name["onnx-qint8"]["texts_per_s"] is by_name["onnx-qint8"]["speedup"] is None
    assert by_name["onnx"]["untried"] == {"needs_s": 40.0}
    assert by_name["torch-fp32"]["predicted"] is by_name["torch-fp32"]["untried"] is None
    assert document["measurement"]["screen"] == {
        "depths": [1, 3],
        "num_layers": 12,
        "baseline_error": 0.021,
        "fell_back": None,
    }


def test_a_document_of_version_2_0_knew_neither():
    document = CASES["detailed"]().to_dict()
    document["schema"]["version"] = "2.0"
    del document["measurement"]["screen"]
    for each in document["candidates"]:
        del each["predicted"], each["untried"]
    assert from_dict(document).measurement == factories.detailed().measurement
    assert {each.untried for each in from_dict(document).candidates} == {None}


def test_the_document_holds_no_path_of_the_model_and_no_log():
    rec = CASES["confirmed"]()
    text = json.dumps(rec.to_dict())
    assert str(rec.model.path) not in text
    assert "/home/" not in text


def test_which_texts_moved_most_stays_on_this_machine():
    text = json.dumps(CASES["labelled"]().to_dict())
    assert "moved.txt" not in text
    assert "most_moved" not in text


def test_keys_that_a_newer_minor_version_added_are_passed_over():
    document = CASES["confirmed"]().to_dict()
    document["new"] = 1
    document["schema"]["version"] = "2.9"
    document["hardware"]["cpu"]["new"] = 1
    document["candidates"][0]["settings"] = {"threads": 2, "new": 1}
    assert from_dict(document).winner == document["winner"]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "not a document of schema"),
        ({}, "not a document of schema"),
        ({"schema": {"name": "other", "version": "1.0"}}, "not a document of schema"),
        ({"schema": {"name": "advisor.recommendation", "version": "3.0"}}, "schema version 3.0"),
        ({"schema": {"name": "advisor.recommendation"}}, "schema version None"),
    ],
)
def test_another_schema_or_major_version_is_refused(document, says):
    with pytest.raises(ArtifactError, match=says):
        check_schema(document)


def test_a_document_with_parts_missing_is_refused_in_one_sentence():
    document = CASES["confirmed"]().to_dict()
    del document["hardware"]["cpu"]
    with pytest.raises(ArtifactError, match=r"damaged: hardware\.cpu is missing\."):
        from_dict(document)


@pytest.mark.parametrize(
    ("keys", "value", "says"),
    [
        (("candidates", 0, "rounds"), "7", "candidates[0].rounds: a whole number is expected, not a string"),
        (("candidates", 0, "texts_per_s", "ci95"), [1.0], "candidates[0].texts_per_s.ci95: an array of 2 is expected"),
        (("candidates", 0, "untried"), {"needs_s": 0}, "candidates[0].untried.needs_s: a positive number is expected"),
        (("candidates", 0, "status"), "lost", "candidates[0].status: one of 'measured', 'rejected', 'cut', "),
        (("rules", "path", 0, "node"), None, "rules.path[0].node: a string is expected, not null"),
        (("rules", "alternatives"), {}, "rules.alternatives: an array is expected, not an object"),
        (("packages", "numpy"), 2, "packages['numpy']: a string is expected, not a whole number"),
        (("threads",), True, "threads: a whole number is expected, not true or false"),
        (("asked", "skip"), 10**40, "skip: an array is expected, not one of more than 64 bits"),
        (("asked",), [], "asked: an object is expected, not an array"),
    ],
)
def test_a_wrong_value_is_named_with_its_path(keys, value, says):
    document = json.loads(json.dumps(CASES["confirmed"]().to_dict()))
    holder = document
    for key in keys[:-1]:
        holder = holder[key]
    holder[keys[-1]] = value
    with pytest.raises(ArtifactError) as error:
        from_dict(document)
    assert says in error.value.message


def test_a_document_of_version_1_says_how_to_make_it_again():
    old = {"schema": {"name": "advisor.recommendation", "version": "1.0"}, "advisor_version": "0.1.0"}
    with pytest.raises(ArtifactError) as error:
        check_schema(old)
    assert "written by advisor 0.1.0 in format 1.0" in error.value.message
    assert error.value.hint == "Make it again: advisor recommend MODEL --out FOLDER"
    with pytest.raises(ArtifactError) as error:
        check_schema(old | {"model": {"id": "owner/name"}}, Path("my artifact"))
    assert error.value.hint == "Make it again: advisor recommend owner/name --out 'my artifact'"


def test_the_schema_refuses_numbers_that_are_not_finite():
    rec = CASES["confirmed"]()
    with pytest.raises(ValueError, match="Out of range"):
        json.dumps(replace(rec, elapsed_s=math.nan).to_dict(), allow_nan=False)
