"""Completion in real shells, the script that they load, and where it is installed."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from advisor import catalogue
from advisor.cli import main
from advisor.cli.completion import SHELLS
from advisor.cli.lazy import VERBS
from advisor.cli.main import cli
from advisor.cli.suggestions import SUGGESTED, cached_models

HEAVY = {"torch", "transformers", "sentence_transformers", "onnxruntime", "openvino", "datasets", "nncf", "optimum"}


def installed(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home folder of its own, an `advisor` that runs this very code, and an artifact in the current folder."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "advisor").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m advisor.cli "$@"\n')
    (bin_ / "advisor").chmod(0o755)
    artifact = tmp_path / "work" / "advisor-out" / "minilm"
    artifact.mkdir(parents=True)
    (artifact / "advisor.json").write_text("{}")
    cached = tmp_path / "hub" / "models--BAAI--bge-small-en-v1.5"
    cached.mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{bin_}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "BASH_COMPLETION_USER_DIR", "ZDOTDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def in_bash(*words: str) -> list[str]:
    """What bash offers for the last of `words`; bash itself breaks words at `=`, so they are given broken."""
    quoted = " ".join(f"'{word}'" for word in words)
    told = f"""
    source <(advisor completion bash)
    compopt() {{ local IFS=' '; echo "compopt $*"; }}
    COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}
    _advisor_completion advisor; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "--norc", "-c", told], capture_output=True, text=True, timeout=600)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


@installed("bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("re",), ["recommend", "report"]),
        (("recommend", "demo", "--cand"), ["--candidates"]),
        (("recommend", "demo", "--objective", ""), ["throughput", "latency", "memory"]),
        (("recommend", "demo", "--objective", "=", "l"), ["latency"]),
        (("recommend", "demo", "--candidates", "onnx,openvino-b"), ["onnx,openvino-bf16"]),
        (("recommend", "demo", "--candidates", "=", "onnx,openvino-b"), ["onnx,openvino-bf16"]),
        (("recommend", "demo", "--skip", "onnx,torch-bf"), ["onnx,torch-bf16", "onnx,torch-bf16-compile"]),
        (("recommend", "demo", "--ruleset", "sbert-2"), ["compopt -o default", "sbert-2024", "sbert-2026"]),
        (("recommend", "demo", "--texts", ""), ["compopt -o default", ""]),
        (("recommend", "de"), ["compopt -o dirnames", "demo"]),
        (("explain", "BAAI/"), ["compopt -o dirnames", "BAAI/bge-small-en-v1.5"]),
        (("explain", "--set", "cpu.vendor", "=", "a"), ["amd", "arm", "apple"]),
        (("explain", "--set", "gpu.cu"), ["gpu.cuda=true", "gpu.cuda=false"]),
        (("verify", ""), ["compopt -o dirnames", "advisor-out/minilm"]),
        (("verify", "advisor-out/m"), ["compopt -o dirnames", "advisor-out/minilm"]),
        (("verify", "advisor-out/minilm/"), ["compopt -o dirnames", "advisor-out/minilm/"]),
        (("completion", ""), list(SHELLS)),
        (("no-such-verb", ""), list(VERBS)),
    ],
)
def test_bash_offers(here: Path, words: tuple[str, ...], offered: list[str]) -> None:
    assert in_bash("advisor", *words) == offered


def after_tab(command: list[str], setup: str, line: str) -> str:
    """What stands on the line of an interactive shell after `line` and the Tab key."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "dumb"},
    )
    os.close(theirs)
    ready = "ready-for-tab"

    def read(until: str) -> str:
        seen, deadline = b"", time.monotonic() + 300
        while until not in seen.decode(errors="replace") and time.monotonic() < deadline:
            if select.select([ours], [], [], 0.1)[0]:
                seen += os.read(ours, 65536)
        return seen.decode(errors="replace")

    try:
        os.write(ours, f"{setup}; echo {ready[:5]}''{ready[5:]}\n".encode())
        read(until=ready)
        os.write(ours, f"{line}\t".encode())
        expected = {"onnx,openvino-b": "onnx,openvino-bf16 "}[line.rpartition(" ")[2]]
        return expected if expected in read(until=expected) else ""
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@pytest.mark.parametrize(
    ("shell", "setup"),
    [
        pytest.param("bash --norc --noprofile -i", "source <(advisor completion bash)", marks=installed("bash")),
        pytest.param(
            "zsh -f -i",
            "autoload -Uz compinit && compinit -u -D; source <(advisor completion zsh)",
            marks=installed("zsh"),
        ),
    ],
)
def test_the_tab_key_completes_a_list_of_candidates(here: Path, shell: str, setup: str) -> None:
    assert after_tab(shell.split(), setup, "advisor recommend demo --candidates onnx,openvino-b")


@installed("fish")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("advisor rec", ["recommend\tMeasure, and write the fastest as an artifact."]),
        ("advisor recommend demo --candidates onnx,openvino-b", ["onnx,openvino-bf16"]),
        ("advisor recommend demo --objective=l", ["--objective=latency"]),
        ("advisor verify advisor-out/mini", ["advisor-out/minilm", "advisor-out/minilm/\tDirectory"]),
    ],
)
def test_fish_offers(here: Path, line: str, offered: list[str]) -> None:
    told = f'advisor completion fish | source; complete -C "{line}"'
    done = subprocess.run(["fish", "--no-config", "-c", told], capture_output=True, text=True, timeout=600)
    assert sorted(done.stdout.splitlines()) == offered


@installed("zsh")
def test_zsh_finds_the_installed_script_through_fpath(here: Path) -> None:
    subprocess.run(["advisor", "completion", "zsh", "--install"], check=True, capture_output=True, timeout=600)
    told = "fpath=($HOME/.local/share/zsh/site-functions $fpath); autoload -Uz compinit; compinit -u -D"
    done = subprocess.run(
        ["zsh", "-f", "-c", f"{told}; print ${{_comps[advisor]}}"], capture_output=True, text=True, timeout=600
    )
    assert done.stdout == "_advisor\n"


@installed("fish")
def test_fish_finds_the_installed_script_by_itself(here: Path) -> None:
    subprocess.run(["advisor", "completion", "fish", "--install"], check=True, capture_output=True, timeout=600)
    done = subprocess.run(["fish", "-c", 'complete -C "advisor verif"'], capture_output=True, text=True, timeout=600)
    assert done.stdout.startswith("verify\t")


@pytest.mark.parametrize(
    ("shell", "where"),
    [
        ("bash", ".local/share/bash-completion/completions/advisor"),
        ("zsh", ".local/share/zsh/site-functions/_advisor"),
        ("fish", ".config/fish/completions/advisor.fish"),
    ],
)
def test_installing_writes_one_file_once_and_touches_no_other(
    here: Path, shell: str, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (".bashrc", ".zshrc"):
        (here / name).write_text("# mine\n")
    before = {path for path in here.rglob("*") if path.is_file()}
    assert main(["completion", shell, "--install"]) == 0
    first = capsys.readouterr().out
    assert first.startswith(f"Wrote {here / where}\n")
    assert {path for path in here.rglob("*") if path.is_file()} - before == {here / where}
    assert (here / ".bashrc").read_text() == (here / ".zshrc").read_text() == "# mine\n"
    written = (here / where).stat().st_mtime_ns
    assert main(["completion", "--install", shell]) == 0
    assert capsys.readouterr().out == first.replace("Wrote", "Up to date:")
    assert (here / where).stat().st_mtime_ns == written
    assert main(["completion", shell]) == 0
    assert capsys.readouterr().out == (here / where).read_text()


def test_an_older_script_is_replaced(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash", "--install"]) == 0
    path = here / ".local/share/bash-completion/completions/advisor"
    current = path.read_text()
    path.write_text("# of an older version\n" + current)
    assert main(["completion", "bash", "--install"]) == 0
    assert path.read_text() == current
    assert capsys.readouterr().out.count("Wrote") == 2


def test_a_file_of_another_program_is_left_alone(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = here / ".local/share/bash-completion/completions/advisor"
    path.parent.mkdir(parents=True)
    path.write_text("# another advisor\n")
    assert main(["completion", "bash", "--install"]) == 2
    assert "is not advisor's" in capsys.readouterr().err
    assert path.read_text() == "# another advisor\n"


def test_the_folders_of_the_user_are_respected(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASH_COMPLETION_USER_DIR", f"{here / 'mine'}:/somewhere/else")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(here / "config"))
    assert main(["completion", "bash", "--install"]) == 0
    assert main(["completion", "fish", "--install"]) == 0
    assert (here / "mine/completions/advisor").is_file()
    assert (here / "config/fish/completions/advisor.fish").is_file()


def test_without_a_name_the_users_own_shell_is_meant(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert main(["completion", "--install"]) == 0
    assert (here / ".config/fish/completions/advisor.fish").is_file()


@pytest.mark.parametrize(
    ("args", "shell", "said"),
    [
        ((), "/bin/bash", "write one of bash, zsh, fish, or --install."),
        (("--install",), "/bin/tcsh", "is 'tcsh', for which there is no completion"),
        (("--install",), "", "SHELL is not set"),
        (("tcsh",), "/bin/bash", "'bash', 'zsh', 'fish'"),
    ],
)
def test_a_shell_that_is_missing_or_unknown_is_one_sentence(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    args: tuple[str, ...],
    shell: str,
    said: str,
) -> None:
    monkeypatch.setenv("SHELL", shell)
    assert main(["completion", *args]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1


def modules_of(*words: str) -> set[str]:
    """What a process imports to complete the last of `words`."""
    code = "import sys; from advisor.cli import main; main([]); print(*sys.modules, sep='\\n', file=sys.stderr)"
    env = {"_ADVISOR_COMPLETE": "bash_complete", "COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=600, env={**os.environ, **env}
    )
    assert done.returncode == 0
    return set(done.stderr.split())


def modules_of_help() -> set[str]:
    code = "import sys; from advisor.cli import main; main(['--help']); print(*sys.modules, sep='\\n', file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "words",
    [
        ("advisor", ""),
        ("advisor", "recommend", ""),
        ("advisor", "recommend", "demo", "--candidates", "on"),
        ("advisor", "recommend", "demo", "--ruleset", ""),
        ("advisor", "verify", ""),
    ],
)
def test_completing_imports_nothing_heavy_and_little_more_than_the_help(words: tuple[str, ...]) -> None:
    modules = modules_of(*words)
    assert not modules & (HEAVY | {"numpy", "rich", "tokenizers", "huggingface_hub", "advisor.pipeline", "psutil"})
    ours = {name for name in modules - modules_of_help() if name.startswith("advisor.")}
    assert ours <= {
        "advisor.cli.suggestions",
        "advisor.cli.shells",
        "advisor.rules",
        "advisor.entry_points",
        "advisor.codec",
    } | {name for name in ours if name.startswith(("advisor.rules.", "advisor.types."))}


def test_each_value_that_can_be_suggested_is_one_that_some_verb_takes() -> None:
    taken = set()
    for verb in VERBS:
        command = cli.get_command(click.Context(cli), verb)
        assert command is not None
        taken |= {parameter.name for parameter in command.params}
    assert set(SUGGESTED) <= taken


def test_a_candidate_is_not_suggested_twice() -> None:
    suggested = SUGGESTED["candidates"]
    context = click.Context(cli)
    words = [item.value for item in suggested.shell_complete(context, cli.params[0], "onnx,openvino,")]
    assert words == [f"onnx,openvino,{name}" for name in catalogue.names() if name not in {"onnx", "openvino"}]


def test_a_cache_of_models_that_is_not_there_suggests_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "none"))
    assert list(cached_models()) == []


def test_the_cache_of_models_is_found_through_the_hubs_own_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.delenv("HUGGINGFACE_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    (tmp_path / "hub" / "models--intfloat--e5-small").mkdir(parents=True)
    (tmp_path / "hub" / "datasets--mteb--stsb").mkdir()
    assert list(cached_models()) == ["intfloat/e5-small"]
