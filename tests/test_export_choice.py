"""Whose tools make the files: chosen by what is installed, overridden by name, and never mixed up in a cache."""

from __future__ import annotations

import json
from dataclasses import replace

import export_support
import factories
import pytest
from click.testing import CliRunner
from export_support import AVX512, PACKAGES, profile

from advisor import catalogue
from advisor.cli.main import cli
from advisor.document import from_dict
from advisor.errors import InputError, UnavailableError
from advisor.export.choice import choose_exporter
from advisor.export.messages import ExportRequest
from advisor.export.plan import steps_for
from advisor.export.tools import tools_of
from advisor.measure import journal_folder
from advisor.pipeline.plan import plan
from advisor.pipeline.spec import RunSpec, check
from advisor.question import Question
from advisor.report.markdown import command, to_markdown
from advisor.rules import load_ruleset
from advisor.types import Package, Request


def packages(**versions: str | None) -> tuple[Package, ...]:
    return tuple(Package(name=name.replace("_", "-"), version=version) for name, version in versions.items())


ST6 = packages(sentence_transformers="6.2.0", transformers="5.23.0")
ST5 = packages(sentence_transformers="5.7.0", transformers="4.57.6")
OPTIMUM = (*ST5, *packages(optimum_onnx="0.1.0", optimum_intel="1.27.0"))


@pytest.mark.parametrize(
    ("installed", "exporter"),
    [
        (ST6, "native"),
        (ST5, "native"),
        (OPTIMUM, "optimum"),
        ((*ST5, *packages(optimum_onnx="0.1.0", optimum_intel=None)), "optimum"),
        ((*ST5, *packages(optimum_onnx=None, optimum_intel="1.27.0")), "optimum"),
        # An environment that was upgraded in place: Optimum does not load beside transformers 5.
        ((*ST6, *packages(optimum_onnx="0.1.0")), "native"),
        (packages(optimum_onnx="0.1.0"), "native"),
        ((), "native"),
    ],
)
def test_the_exporter_is_the_one_that_goes_with_what_is_installed(installed, exporter):
    assert choose_exporter(None, installed) == exporter


def test_what_is_asked_for_is_taken():
    assert choose_exporter("native", OPTIMUM) == "native"
    assert choose_exporter("optimum", OPTIMUM) == "optimum"


def test_optimum_that_is_not_installed_is_refused_with_the_way_to_it():
    with pytest.raises(UnavailableError, match="neither is installed") as refused:
        choose_exporter("optimum", ST6)
    assert "pip install 'backend-advisor[optimum]'" in str(refused.value)
    assert refused.value.exit_code == 3


def test_an_unknown_exporter_is_refused_by_the_function_and_the_command_line():
    with pytest.raises(InputError, match="'optimus' is unknown"):
        check(RunSpec(model="demo", exporter="optimus"))
    result = CliRunner().invoke(cli, ["recommend", "demo", "--exporter", "optimus"])
    assert result.exit_code == 2
    assert "'native', 'optimum'" in result.output


@pytest.mark.parametrize(
    ("lacking", "skipped"),
    [("optimum-onnx", {"onnx", "onnx-qint8"}), ("optimum-intel", {"openvino", "openvino-bf16", "openvino-qint8"})],
)
def test_half_of_optimum_costs_the_other_halfs_candidates_alone(lacking, skipped):
    names = {*(package.name for package in PACKAGES), "optimum-onnx", "optimum-intel"} - {lacking}
    planned = plan(
        RunSpec(model="demo"),
        factories.decision(),
        AVX512,
        packages(**{name.replace("-", "_"): "1" for name in names}),
        exporter="optimum",
    )
    reason = f"needs {lacking}: pip install 'backend-advisor[optimum]'"
    assert skipped <= {outcome.name for outcome in planned.skipped if outcome.reason == reason}
    assert not skipped & {candidate.name for candidate in planned.candidates}
    assert {"torch-fp32", "torch-bf16"} <= {candidate.name for candidate in planned.candidates}


def test_both_have_a_tool_for_every_form_and_neither_imports_its_libraries_before_it_is_called():
    for exporter in ("native", "optimum"):
        tools = tools_of(exporter)
        made = [*tools.onnx.values(), *tools.openvino.values()]
        assert all(
            callable(tool) for tool in [*made, tools.optimize_onnx, tools.quantize_onnx, tools.quantize_openvino]
        )
    assert list(tools_of("optimum").onnx) == ["Optimum"]
    assert not set(tools_of("native").onnx) & set(tools_of("optimum").onnx)


def test_the_worker_is_told_whose_tools_and_a_request_without_them_means_native(tmp_path):
    request = ExportRequest(
        model_path="m",
        trust_remote_code=False,
        file="onnx/model.onnx",
        recipe="onnx",
        source=None,
        calibration_texts=None,
        folder="f",
        threads=1,
    )
    assert request.made_by == "native"
    step = steps_for(catalogue.get("onnx"), AVX512)[0]
    assert exporter(tmp_path, exporter="optimum")._request(step, tmp_path).made_by == "optimum"


def exporter(tmp_path, *, installed=OPTIMUM, **options):
    return export_support.exporter(
        profile(tmp_path / "model"), packages=installed, cache_dir=tmp_path, log_dir=tmp_path, **options
    )


@pytest.mark.parametrize("name", ["onnx", "onnx-O3", "openvino", "openvino-qint8"])
def test_the_cache_never_gives_one_exporters_file_for_the_others(tmp_path, name):
    newer = tuple(replace(each, version="2") if each.name == "optimum-intel" else each for each in OPTIMUM)
    step = steps_for(catalogue.get(name), AVX512)[-1]
    keys = {
        exporter(tmp_path)._key(step),
        exporter(tmp_path, exporter="optimum")._key(step),
        exporter(tmp_path, exporter="optimum", installed=newer)._key(step),
    }
    assert len(keys) == 3
    # What was cached before there was a choice is still found: Optimum's version says nothing about a native file.
    assert exporter(tmp_path)._key(step) == exporter(tmp_path, installed=newer)._key(step)


def test_rounds_of_one_exporters_files_are_not_taken_for_the_others(tmp_path):
    def folder(request):
        question = Question(
            model=factories.model(),
            texts=("a",),
            reference_texts=("b",),
            request=request,
            hardware=factories.hardware(),
            packages=OPTIMUM,
        )
        return journal_folder(tmp_path, question)

    assert folder(Request()) == folder(Request(exporter="native")) != folder(Request(exporter="optimum"))


def test_the_document_says_whose_tools_and_one_from_before_there_was_a_choice_reads_as_native():
    rec = factories.confirmed(request=Request(threads=2, exporter="optimum"))
    document = json.loads(json.dumps(rec.to_dict()))
    assert document["exporter"] == "optimum"
    assert from_dict(document).request.exporter == "optimum"
    del document["exporter"]
    assert from_dict(document).request.exporter == "native"


def test_the_readme_names_optimum_and_the_command_asks_for_the_same_tools_where_there_is_a_choice():
    ruleset = load_ruleset("sbert-2024")
    rec = factories.confirmed(request=Request(threads=2, exporter="optimum"))
    chosen = replace(rec, packages=OPTIMUM)
    assert "- exporter: Optimum" in to_markdown(chosen, ruleset=ruleset)
    assert "--exporter optimum" in command(chosen)
    native = replace(chosen, request=Request(threads=2))
    assert "--exporter native" in command(native)
    assert "exporter: Optimum" not in to_markdown(native, ruleset=ruleset)
    assert "--exporter" not in command(replace(native, packages=ST6))
