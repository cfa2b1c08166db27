"""docs/coverage.md says what the tests show, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from advisor import catalogue

DOCS = Path(__file__).parents[1] / "docs"
sys.path.insert(0, str(DOCS))

import coverage_page  # noqa: E402  # docs/ is no package

CLAIMS = coverage_page.claims()


def test_the_page_is_up_to_date() -> None:
    written = (DOCS / "coverage.md").read_text(encoding="utf-8")
    assert written == coverage_page.page(), "run: python docs/coverage_page.py --write"


def test_every_candidate_has_a_row_for_each_of_its_devices_and_each_exporter_and_model_type() -> None:
    cells = coverage_page.cells()
    assert {cell.candidate for cell in cells} == {candidate.name for candidate in catalogue.CATALOGUE}
    assert len(set(cells)) == len(cells)
    assert {cell.device for cell in cells if cell.candidate == "torch-fp32"} == {"cpu", "cuda", "mps"}
    assert {cell.device for cell in cells if cell.candidate == "onnx"} == {"cpu", "cuda"}
    assert {cell.device for cell in cells if cell.candidate == "onnx-O4"} == {"cuda"}
    assert {cell.device for cell in cells if cell.candidate == "openvino"} == {"cpu"}
    assert {(cell.exporter, cell.model) for cell in cells if cell.candidate == "onnx"} == {
        (exporter, model) for exporter in coverage_page.EXPORTERS for model in coverage_page.MODELS
    }


def test_what_is_said_to_have_run_did_not_run_on_a_stand_in_nor_on_a_gpu() -> None:
    for claim in CLAIMS:
        if claim.how == "run":
            assert not claim.imports & set(coverage_page.STAND_INS), claim.test
            assert {cell.device for cell in claim.cells} == {"cpu"}, "there is no GPU where the tests run"


def test_every_bi_encoder_candidate_of_the_native_exporter_is_covered() -> None:
    for cell in coverage_page.cells():
        if (cell.exporter, cell.model) == ("native", "bi-encoder"):
            assert coverage_page.status(cell, CLAIMS) in coverage_page.HOWS, cell


@pytest.mark.parametrize(
    ("marker", "says"),
    [
        ('"onnx-O9", how="run"', "there is no 'onnx-O9' on cpu"),
        ('"openvino", device="cuda", how="seam"', "there is no 'openvino' on cuda"),
        ('"onnx", how="ran"', "how='ran' is not run or seam"),
        ('"onnx", model="decoder", how="run"', "model='decoder' is unknown"),
        ('*NAMES, how="run"', "only literals can be read"),
    ],
)
def test_a_marker_that_names_what_is_not_there_is_an_error(tmp_path: Path, marker: str, says: str) -> None:
    (tmp_path / "test_x.py").write_text(f"@pytest.mark.covers({marker})\ndef test_it(): ...\n")
    with pytest.raises(coverage_page.ClaimError, match=f"tests/test_x.py::test_it: {says}"):
        coverage_page.claims(tmp_path)


def test_a_real_run_counts_more_than_a_seam_and_what_nobody_claims_has_a_reason(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(
        '@pytest.mark.covers("onnx", how="seam")\n@pytest.mark.covers("onnx", how="run")\ndef test_it(): ...\n'
        '@pytest.mark.covers("openvino", exporter="optimum", how="seam")\ndef test_other(): ...\n'
    )
    claimed = coverage_page.claims(tmp_path)
    cell = coverage_page.Cell(candidate="onnx", device="cpu", exporter="native", model="bi-encoder")
    assert coverage_page.status(cell, claimed) == "run"

    def of(candidate: str, exporter: str, model: str) -> str:
        cell = coverage_page.Cell(candidate=candidate, device="cpu", exporter=exporter, model=model)
        return coverage_page.status(cell, claimed)

    assert of("openvino", "optimum", "bi-encoder") == "seam"
    assert of("onnx", "optimum", "bi-encoder") == "no test"
    assert of("onnx", "optimum", "sparse") == of("onnx", "native", "sparse") == "not built"
