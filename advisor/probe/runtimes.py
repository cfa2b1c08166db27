"""What ONNX Runtime and OpenVINO can run on here, and PyTorch where there is a GPU, asked in a process each.

The processes run side by side with the rest of the probe. They keep two large libraries, their thread pools and
their possible crashes (a wheel built for a newer CPU ends in SIGILL) out of the process that later times candidates.
"""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from advisor.codec import CodecError, from_json, loads
from advisor.probe.sources import why
from advisor.types import Fact

TIMEOUT_S = 20.0
"""How long a runtime may take to answer. Half a second is usual; GPU plug-ins on a cold disk take longest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    fact: str
    module: str
    source: str
    code: str


_ONNXRUNTIME = _Question(
    fact="onnxruntime.providers",
    module="onnxruntime",
    source="onnxruntime.get_available_providers",
    code="import json, onnxruntime; print(json.dumps(onnxruntime.get_available_providers()))",
)
_OPENVINO = _Question(
    fact="openvino.devices",
    module="openvino",
    source="openvino.Core.available_devices",
    # OpenVINO goes on without its model converter, whose import takes 40 % of the time that this question takes.
    code="import json, sys; sys.modules['openvino.tools'] = None\n"
    "import openvino; print(json.dumps(openvino.Core().available_devices))",
)
_TORCH = _Question(
    fact="torch.devices",
    module="torch",
    source="torch.cuda, torch.backends.mps",
    code="import json, torch\n"
    "count = torch.cuda.device_count() if torch.cuda.is_available() else 0\n"
    "found = [f'cuda:{index}' for index in range(count)]\n"
    "found += ['mps'] if torch.backends.mps.is_available() else []\n"
    "print(json.dumps([*found, 'cpu']))",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimesReading:
    """What the runtimes offer; None for one that is not installed, was not asked, or does not answer."""

    onnxruntime_providers: tuple[str, ...] | None
    openvino_devices: tuple[str, ...] | None
    torch_devices: tuple[str, ...] | None
    facts: tuple[Fact, ...]


def parse_reply(stdout: str) -> tuple[str, ...] | None:
    """The list of names on the last line of a child's output; None where there is none."""
    try:
        return from_json(tuple[str, ...], loads(stdout.strip().rpartition("\n")[2]))
    except CodecError:
        return None


class RuntimesQuery:
    """The questions under way. `answer` waits for all; leaving the context ends what still runs.

    PyTorch takes seconds to import, and is only asked with `torch`.
    """

    def __init__(self, environ: Mapping[str, str], *, torch: bool = False) -> None:
        questions = (_ONNXRUNTIME, _OPENVINO, *([_TORCH] if torch else []))
        self._asked = {question: _Asked(question, environ) for question in questions}

    def answer(self, *, timeout_s: float = TIMEOUT_S) -> RuntimesReading:
        """Wait for the replies. Never raises for a runtime that fails: its fact carries the reason."""
        facts = {question: asked.answer(timeout_s) for question, asked in self._asked.items()}
        return RuntimesReading(
            onnxruntime_providers=_names(facts[_ONNXRUNTIME]),
            openvino_devices=_names(facts[_OPENVINO]),
            torch_devices=_names(facts[_TORCH]) if _TORCH in facts else None,
            facts=tuple(facts.values()),
        )

    def __enter__(self) -> RuntimesQuery:
        return self

    def __exit__(self, *error: object) -> None:
        for asked in self._asked.values():
            asked.end()


def _names(fact: Fact) -> tuple[str, ...] | None:
    return fact.value if isinstance(fact.value, tuple) else None


class _Asked:
    def __init__(self, question: _Question, environ: Mapping[str, str]) -> None:
        self._question = question
        self._process: subprocess.Popen[str] | None = None
        self._problem = "not installed"
        if not _installed(question.module):
            return
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", question.code],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env=dict(environ),
            )
        except (OSError, ValueError) as error:  # no processes left, or no interpreter (an embedded Python)
            self._problem = f"no process could be started: {why(error)}"

    def answer(self, timeout_s: float) -> Fact:
        if self._process is None:
            return self._fact(None, self._problem)
        try:
            stdout, stderr = self._process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            self.end()
            return self._fact(None, f"no answer in {timeout_s:g} s")
        names = parse_reply(stdout) if self._process.returncode == 0 else None
        return self._fact(names, None if names is not None else _reason(self._process.returncode, stderr))

    def end(self) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _fact(self, value: tuple[str, ...] | None, note: str | None) -> Fact:
        return Fact(name=self._question.fact, value=value, source=self._question.source, note=note)


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # ValueError: the module was put into sys.modules by hand
        return False


def _reason(returncode: int, stderr: str) -> str:
    if returncode < 0:
        return f"installed, but asking it was ended by signal {-returncode}"
    lines = [line for line in stderr.splitlines() if line.strip()]
    last = lines[-1].strip()[:300] if lines else f"exit code {returncode}"
    return f"installed, but cannot be asked: {last}"
