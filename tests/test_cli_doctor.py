"""What `advisor doctor` shows, what it hides, and what it finds wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import factories
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cli import main, requirements
from advisor.cli.checks import LOW_DISK_BYTES, Facts, run_checks
from advisor.cli.diagnose import judge_candidates
from advisor.report.doctor import CacheState, Check, Extra
from advisor.report.privacy import HIDDEN, OF_THE_SYSTEM, Redactor, without_texts
from advisor.types import Fact, Gpu, Hardware

HEAVY = {"torch", "transformers", "sentence_transformers", "onnxruntime", "openvino", "datasets", "nncf", "optimum"}


@pytest.fixture
def cache() -> Path:
    return Path(os.environ["ADVISOR_CACHE"])


def doctor(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code and what was printed, as text and as JSON; nothing may be on stderr."""
    code = main(["doctor"])
    assert main(["doctor", "--json"]) == code
    printed = capsys.readouterr()
    assert printed.err == ""
    return code, printed.out


def document(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    main(["doctor", "--json"])
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


# -- what it shows -------------------------------------------------------------------------------------------


def test_the_block_holds_what_a_report_needs(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor"])
    said = capsys.readouterr().out
    for part in (
        "advisor 0",
        "CPython",
        "cpu.model",
        "Packages",
        "Extras",
        "Candidates",
        "Environment",
        "Cache",
        "Checks",
    ):
        assert part in said, part
    assert f"numpy {metadata.version('numpy')}" in said


def test_the_json_is_one_document_with_a_schema(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys)
    assert found["schema"] == {"name": "advisor.doctor", "version": "1.0"}
    assert set(found) >= {
        "ok",
        "hardware",
        "packages",
        "extras",
        "candidates",
        "variables",
        "cache",
        "errors",
        "checks",
    }
    checks = found["checks"]
    assert isinstance(checks, list)
    assert found["ok"] is all(check["state"] != "failed" for check in checks)


def test_it_imports_no_runtime_and_no_torch() -> None:
    code = "import sys; from advisor.cli import main; main(['doctor']); print(*sys.modules, sep='\\n', file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert not set(done.stderr.split()) & HEAVY


def test_a_cache_of_a_gigabyte_is_not_read_through(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = cache / "exports" / ("ab" * 32) / "onnx"
    folder.mkdir(parents=True)
    with (folder / "model.onnx").open("wb") as file:
        file.truncate(1_000_000_000)
    sizes = [{"name": "onnx/model.onnx", "sha256": "0" * 64, "size_bytes": 1_000_000_000}]
    (folder.parent / "export.json").write_text(
        json.dumps({"model": "m", "files": sizes, "export_s": 1.0, "notes": []}), encoding="utf-8"
    )
    found = document(capsys)["cache"]
    assert isinstance(found, dict)
    assert (found["num_exports"], found["num_broken"]) == (1, 0)  # its hash is wrong, which only reading it tells


def test_broken_exports_are_counted_and_the_remedy_named(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cache / "exports" / ("ab" * 32) / "onnx").mkdir(parents=True)
    main(["doctor"])
    said = " ".join(capsys.readouterr().out.split())
    assert "1 export, 1 of them of no use" in said
    assert "advisor cache --prune" in said


@pytest.mark.parametrize("broken", ["a-file", "below-a-file"])
def test_a_cache_that_cannot_be_is_a_failed_check_and_all_else_is_shown(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ADVISOR_CACHE", str(tmp_path / "file" if broken == "a-file" else tmp_path / "file" / "cache"))
    code, said = doctor(capsys)
    assert code == 1
    assert "ADVISOR_CACHE" in said
    assert "cpu.model" in said


def test_nothing_is_left_in_the_cache(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor"])
    assert list(cache.iterdir()) == []


def log(cache: Path, run: str, name: str, text: str) -> None:
    path = cache / "logs" / run / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


TRACEBACK = 'Traceback (most recent call last):\n  File "/srv/a/b.py", line 1, in f\n    g()\n'


def test_the_last_errors_are_told_by_their_last_line_the_newest_run_first(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log(cache, "20261120T010101-11", "onnx.log", f"noise\n{TRACEBACK}ValueError: old\nmore\n")
    time.sleep(0.02)
    log(cache, "20261121T010101-12", "openvino.log", f"{TRACEBACK}KeyError: 'first'\n\n{TRACEBACK}RuntimeError: last\n")
    log(cache, "20261121T010101-12", "torch-fp32.log", "all is well\n")
    errors = document(capsys)["errors"]
    assert errors == [
        {"run": "20261121T010101-12", "log": "openvino.log", "message": "RuntimeError: last"},
        {"run": "20261120T010101-11", "log": "onnx.log", "message": "ValueError: old"},
    ]


def test_the_traceback_of_an_internal_error_is_among_them(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cache / "logs").mkdir()
    (cache / "logs" / "error-77.log").write_text(f"{TRACEBACK}AssertionError\n")
    errors = document(capsys)["errors"]
    assert errors == [{"run": "internal error", "log": "error-77.log", "message": "AssertionError"}]


# -- what it hides -------------------------------------------------------------------------------------------

SECRETS = {
    "HF_TOKEN": "hf_AbCdEfGhIjKlMnOp",
    "HF_ENDPOINT": "https://bob:hunter22@hub.example/api?token=t0ps3cret",
    "HTTPS_PROXY": "http://bob:hunter22@proxy.example:3128",
    "OPENAI_API_KEY": "plainlookingvalue",
    "OMP_NUM_THREADS": "hunter22",
    "CUDA_VISIBLE_DEVICES": "GPU-hunter22",
    "LD_PRELOAD": "/home/bob/hunter22.so",
    "LANG": "hunter22 hunter22",
}
NEVER = (
    "hf_AbC",
    "hunter22",
    "t0ps3cret",
    "plainlookingvalue",
    "secret-customer",
    "the ticket of Mrs Smith",
    "/home/bob",
)


def test_no_secret_no_text_and_no_path_is_ever_shown(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    home = tmp_path / "home" / "alice"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    log(
        cache,
        "20261121T010101-12",
        "export.log",
        f"{TRACEBACK}OSError: {home}/x.onnx, /srv/secret-customer/model.onnx: 'the ticket of Mrs Smith' "
        "at https://bob:hunter22@hub.example/?token=t0ps3cret with Bearer hf_AbCdEfGhIjKlMnOp and plainlookingvalue\n",
    )
    _, said = doctor(capsys)
    for private in (*NEVER, str(home), str(tmp_path)):
        assert private not in said, private
    assert "~/x.onnx, model.onnx" in said
    assert "HF_TOKEN is set" in said


def test_the_home_folder_is_a_tilde_and_the_cache_in_it_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ADVISOR_CACHE", str(tmp_path / "my-cache"))
    found = document(capsys)["cache"]
    assert isinstance(found, dict)
    assert found["path"] == "~/my-cache"


REDACTOR = Redactor(homes=("/home/bob", "/mnt/users/bob"), secrets=("s3cr3tvalue",), kept=("~/", *OF_THE_SYSTEM))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/bob", "~"),
        ("/home/bob/a/b", "~/a/b"),
        ("see /mnt/users/bob/a", "see ~/a"),
        ("/home/bobby/a", "a"),
        ("/srv/data/customer/x.onnx: gone", "x.onnx: gone"),
        ("'/srv/my data/x y.onnx' is gone", "'x y.onnx' is gone"),
        ("C:\\Users\\bob\\x.onnx", "x.onnx"),
        ("file:///srv/data/x.onnx", "x.onnx"),
        ("in /srv/a/b:/srv/c/d", "in b:d"),
        ("/proc/cpuinfo", "/proc/cpuinfo"),
        ("/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu.max"),
        ("1/2, n/a, and/or, 3 GB/s", "1/2, n/a, and/or, 3 GB/s"),
        ("https://huggingface.co/a/b", "https://huggingface.co/a/b"),
        ("https://me:pw@host/x", f"https://{HIDDEN}@host/x"),
        ("http://h/?access_token=abc&x=1", f"http://h/?access_token={HIDDEN}&x=1"),
        ("password: abc", f"password: {HIDDEN}"),
        ('{"api_key": "abc"}', f'{{"api_key": {HIDDEN}"}}'),
        ("Authorization: Bearer abcdefgh1", f"Authorization: {HIDDEN}"),
        ("s3cr3tvalue!", f"{HIDDEN}!"),
        ("hf_AbCdEfGhIj", HIDDEN),
        ("8 tokens: 12", "8 tokens: 12"),
    ],
)
def test_redaction(text: str, shown: str) -> None:
    assert REDACTOR.text(text) == shown


@given(st.text(), st.text())
def test_a_known_secret_never_survives(before: str, after: str) -> None:
    assert "s3cr3tvalue" not in REDACTOR.text(f"{before}s3cr3tvalue{after}")


@given(st.text(), st.sampled_from(["", " ", "'", '"', "(", "=", ", "]))
def test_the_home_folder_never_survives(before: str, sign: str) -> None:
    assert "/home/bob/" not in REDACTOR.text(f"{before} {sign}/home/bob/x{sign}")


def test_redaction_reaches_every_text_of_a_frozen_value() -> None:
    fact = Fact(name="x", value=("/home/bob/a", "b"), source="/home/bob/c", note=None)
    hardware = replace(factories.hardware(), facts=(fact,))
    clean = REDACTOR.everywhere(hardware)
    assert clean.facts == (Fact(name="x", value=("~/a", "b"), source="~/c", note=None),)
    assert clean.cpu == hardware.cpu


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("KeyError: 'text'", "KeyError: 'text'"),
        ("ValueError: cannot encode 'Dear Mrs Smith, your order'", "ValueError: cannot encode '...'"),
        ('ValueError: "Dear Mrs Smith"', 'ValueError: "..."'),
        ("ValueError: can't do it, don't try it", "ValueError: can't do it, don't try it"),
    ],
)
def test_quotations_that_may_be_texts_are_left_out(message: str, shown: str) -> None:
    assert without_texts(message) == shown


@given(st.text())
def test_an_error_is_one_short_line(message: str) -> None:
    short = without_texts(message)
    assert len(short) <= 164
    assert "\n" not in short


# -- what it finds wrong -------------------------------------------------------------------------------------

WHOLE = Extra(name="profile", missing=(), unfit=())
HEALTHY = Facts(
    hardware=factories.hardware(),
    versions={"onnxruntime": "1.32.0", "torch": "2.13.0", "transformers": "5.23.0"},
    core=Extra(name="core", missing=(), unfit=()),
    extras=(WHOLE,),
    cache=CacheState(path="cache"),
    cache_unwritable=None,
    disk_free_bytes=50 * LOW_DISK_BYTES,
    logical_cpus=2,
    load=0.1,
    offline=False,
    hidden_gpus=False,
    unicode=True,
)


def found(facts: Facts) -> list[Check]:
    return [check for check in run_checks(facts) if check.state != "ok"]


def hardware(**changes: object) -> Hardware:
    return replace(factories.hardware(), **changes)  # type: ignore[arg-type]  # one of its fields each


def test_where_nothing_is_wrong_nothing_is_found() -> None:
    assert found(HEALTHY) == []
    assert len(run_checks(HEALTHY)) > 3


GPU = hardware(gpus=(Gpu(kind="cuda", name="H100"),), onnxruntime_providers=("CPUExecutionProvider",))
DEAD = hardware(
    facts=(Fact(name="openvino.devices", value=None, source="x", note="installed, but cannot be asked: SIGILL"),)
)
ABSENT = hardware(facts=(Fact(name="openvino.devices", value=None, source="x", note="not installed"),))
QUOTA = hardware(cpu=replace(factories.hardware().cpu, usable_cores=1.5))


@pytest.mark.parametrize(
    ("facts", "state", "finding", "remedy"),
    [
        (
            replace(HEALTHY, versions={"onnxruntime": "1.32.0", "onnxruntime-gpu": "1.32.0"}),
            "failed",
            "onnxruntime and onnxruntime-gpu are installed",
            "pip uninstall onnxruntime onnxruntime-gpu",
        ),
        (
            replace(HEALTHY, versions={"optimum-onnx": "0.1.0", "transformers": "5.23.0"}),
            "note",
            "optimum-onnx 0.1.0 beside transformers 5.23.0",
            "environment of its own",
        ),
        (
            replace(HEALTHY, core=replace(HEALTHY.core, missing=("tokenizers",))),
            "failed",
            "advisor itself lacks or does not take tokenizers",
            "pip install -U backend-advisor",
        ),
        (
            replace(HEALTHY, extras=(replace(WHOLE, unfit=("transformers 4.57.6 (>=5.23,<6)",)),)),
            "failed",
            "profile does not take transformers 4.57.6",
            "backend-advisor[profile]",
        ),
        (
            replace(HEALTHY, extras=(replace(WHOLE, missing=("nncf",), unfit=("torch 2.5 (>=2.9)",)),)),
            "note",
            "does not take torch 2.5",
            "backend-advisor[profile]",
        ),
        (replace(HEALTHY, hardware=DEAD), "failed", "cannot be asked", "pip install --force-reinstall openvino"),
        (
            replace(HEALTHY, hardware=QUOTA, logical_cpus=8),
            "note",
            "1.5 of 8 logical CPUs: advisor uses 1 thread",
            None,
        ),
        (replace(HEALTHY, hardware=GPU), "note", "ONNX Runtime cannot use it", "pip install onnxruntime-gpu"),
        (replace(HEALTHY, cache_unwritable="it cannot be written to"), "failed", "cannot be written", "ADVISOR_CACHE"),
        (
            replace(HEALTHY, cache=CacheState(path="c", problem="Permission denied")),
            "failed",
            "denied",
            "ADVISOR_CACHE",
        ),
        (
            replace(HEALTHY, cache=CacheState(path="c", num_broken=2)),
            "note",
            "2 exports of no use",
            "advisor cache --prune",
        ),
        (replace(HEALTHY, disk_free_bytes=LOW_DISK_BYTES - 1), "failed", "2.0 GB are free", "free some space"),
        (replace(HEALTHY, load=2.0), "note", "the load is 2.0", "close other programs"),
        (replace(HEALTHY, offline=True), "note", "HF_HUB_OFFLINE", "unset it"),
        (replace(HEALTHY, hidden_gpus=True), "note", "hides every GPU", "unset it"),
        (replace(HEALTHY, unicode=False), "note", "not UTF-8", "LC_ALL"),
    ],
)
def test_what_is_wrong_is_found_with_a_remedy(facts: Facts, state: str, finding: str, remedy: str | None) -> None:
    checks = found(facts)
    assert len(checks) == 1, checks
    assert checks[0].state == state
    assert finding in checks[0].finding
    assert (checks[0].remedy is None) == (remedy is None)
    assert remedy is None or remedy in str(checks[0].remedy)


def test_a_torch_without_cuda_beside_a_gpu_is_found() -> None:
    facts = replace(HEALTHY, hardware=GPU, versions={"torch": "2.13.0+cpu"})
    assert any("built without CUDA" in check.finding for check in found(facts))


def test_a_runtime_that_is_not_installed_is_nothing_wrong() -> None:
    assert found(replace(HEALTHY, hardware=ABSENT)) == []


# -- requirements --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "bounds", "fit"),
    [
        ("5.23.0", ">=5.23,<6", True),
        ("5.23", ">=5.23.0", True),
        ("6.0.0", "<6,>=5.23", False),
        ("4.57.6", ">=5.23", False),
        ("2.13.0+cpu", ">=2.9", True),
        ("2026.4.1", ">=2025.4", True),
        ("1.0", "", True),
        ("1.0", "~=0.9", True),
        ("1.2", "==1.2.0", True),
        ("1.2", "!=1.2", False),
        ("1.2", ">1.2", False),
        ("1.2", "<=1.1", False),
    ],
)
def test_versions_and_their_bounds(version: str, bounds: str, fit: bool) -> None:
    assert requirements.fits(version, bounds) is fit


def test_an_extra_names_what_is_missing_and_what_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["numpy>=1.26", "torch>=2.9; extra == 'profile'", 'nncf (>=3.0) ; extra == "profile"', "x; extra == 'test'"]
    versions = {"numpy": "2.4.0", "torch": "2.5.1"}

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, "requires", lambda _: lines)
    monkeypatch.setattr(metadata, "version", version)
    read = requirements.read()
    assert read.core == Extra(name="core", missing=(), unfit=())
    assert read.extras == (Extra(name="profile", missing=("nncf",), unfit=("torch 2.5.1 (>=2.9)",)),)


def test_without_any_extra_it_says_so_and_nothing_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in an environment for production: only advisor and what it needs."""
    real = metadata.version
    base = {"numpy", "tokenizers", "py-cpuinfo", "nvidia-ml-py", "psutil", "click", "rich", "platformdirs"}

    def version(name: str) -> str:
        if name not in base | {"backend-advisor"}:
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    told = document(capsys)
    candidates = told["candidates"]
    assert isinstance(candidates, list)
    assert all(candidate["why_not"] for candidate in candidates)
    checks = told["checks"]
    assert isinstance(checks, list)
    assert not [check for check in checks if check["name"] == "packages" and check["state"] != "ok"]


def test_exit_codes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from advisor.cli import diagnose

    monkeypatch.setattr(diagnose, "run_checks", lambda facts: (Check(name="x", state="note", finding="y"),))
    assert main(["doctor"]) == 0
    monkeypatch.setattr(diagnose, "run_checks", lambda facts: (Check(name="x", state="failed", finding="y"),))
    assert main(["doctor"]) == 1
    assert capsys.readouterr().err == ""


CUDA_ORT = ("CUDAExecutionProvider", "CPUExecutionProvider")


@pytest.mark.parametrize(
    ("torch", "version", "state", "finding"),
    [
        (("cuda:0", "cpu"), "2.13.0", "ok", "PyTorch can use cuda:0, cpu"),
        (("cpu",), "2.13.0", "note", "there is a CUDA GPU, and torch 2.13.0 finds none"),
        (("cpu",), "2.13.0+cpu", "note", "built without CUDA"),
    ],
)
def test_what_pytorch_can_use_of_a_gpu_is_told(torch: tuple[str, ...], version: str, state: str, finding: str) -> None:
    machine = replace(GPU, onnxruntime_providers=CUDA_ORT, torch_devices=torch)
    (check,) = [
        each
        for each in run_checks(replace(HEALTHY, hardware=machine, versions={"torch": version}))
        if each.name == "gpu"
    ]
    assert check.state == state
    assert finding in check.finding


def test_tf32_that_is_forced_from_outside_is_found() -> None:
    machine = replace(GPU, onnxruntime_providers=CUDA_ORT, torch_devices=("cuda:0", "cpu"))
    (check,) = found(replace(HEALTHY, hardware=machine, tf32_forced=True))
    assert check.state == "failed"
    assert "NVIDIA_TF32_OVERRIDE=1" in check.finding


def test_on_a_gpu_machine_the_candidates_are_judged_for_the_gpu() -> None:
    machine = replace(GPU, torch_devices=("cuda:0", "cpu"))
    installed = {"torch", "transformers", "sentence-transformers", "onnx", "onnxruntime"}
    judged = {each.candidate: each.why_not for each in judge_candidates(machine, installed)}
    assert judged["torch-fp16"] is None
    assert "onnxruntime-gpu" in (judged["onnx"] or "")
    assert "compute capability 8.0" in (judged["torch-fp16-fa2"] or "")
    assert judged["onnx-qint8"] is None
