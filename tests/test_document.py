"""One document for `--json`, Python and the manifest: it validates, and it reads back."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import factories
import jsonschema
import pytest

from advisor.document import from_dict, settings_to_dict
from advisor.errors import ArtifactError
from advisor.schema import check_schema, settings_from_dict
from advisor.types import RuntimeSettings

SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "recommendation.schema.json").read_text())

CASES = {
    make.__name__: make
    for make in (
        factories.confirmed,
        factories.overturned,
        factories.tie,
        factories.inconclusive,
        factories.keep_baseline,
        factories.with_failures,
        factories.nothing_passes,
        factories.labelled,
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
    document["schema"]["version"] = "1.9"
    document["hardware"]["cpu"]["new"] = 1
    document["candidates"][0]["settings"] = {"threads": 2, "new": 1}
    assert from_dict(document).winner == document["winner"]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "not a document of schema"),
        ({}, "not a document of schema"),
        ({"schema": {"name": "other", "version": "1.0"}}, "not a document of schema"),
        ({"schema": {"name": "advisor.recommendation", "version": "2.0"}}, "schema version 2.0"),
    ],
)
def test_another_schema_or_major_version_is_refused(document, says):
    with pytest.raises(ArtifactError, match=says):
        check_schema(document)


def test_a_document_with_parts_missing_is_refused_in_one_sentence():
    document = CASES["confirmed"]().to_dict()
    del document["hardware"]["cpu"]
    with pytest.raises(ArtifactError, match="not complete: KeyError 'cpu'"):
        from_dict(document)


def test_settings_leave_out_what_is_not_set():
    settings = RuntimeSettings(threads=2, inference_precision="bf16")
    assert settings_to_dict(settings) == {"threads": 2, "inference_precision": "bf16", "device": "cpu"}
    assert settings_from_dict(settings_to_dict(settings)) == settings


def test_the_schema_refuses_numbers_that_are_not_finite():
    rec = CASES["confirmed"]()
    with pytest.raises(ValueError, match="Out of range"):
        json.dumps(replace(rec, elapsed_s=math.nan).to_dict(), allow_nan=False)
