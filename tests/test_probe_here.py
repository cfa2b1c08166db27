"""This machine, for real, and the child processes that ask the runtimes."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from advisor.probe import fingerprint, probe, read_packages
from advisor.probe.packages import NAMES
from advisor.probe.runtimes import RuntimesQuery, RuntimesReading

RUNTIMES = ("onnxruntime", "openvino")


def test_this_machine_agrees_with_the_operating_system() -> None:
    hardware = probe(runtimes=False)
    facts = {fact.name: fact for fact in hardware.facts}
    if hasattr(os, "sched_getaffinity"):
        assert facts["cpu.affinity_cores"].value == len(os.sched_getaffinity(0))
    assert 0 < hardware.cpu.usable_cores <= (os.cpu_count() or 1)
    assert hardware.memory.total_bytes is not None
    assert hardware.memory.available_bytes is not None
    assert 0 < hardware.memory.available_bytes <= hardware.memory.total_bytes


def test_no_fact_of_this_machine_lacks_a_source_or_a_reason() -> None:
    facts = probe().facts
    assert [fact for fact in facts if not fact.source or (fact.value is None and not fact.note)] == []
    assert [fact.name for fact in facts[-2:]] == ["onnxruntime.providers", "openvino.devices"]


def test_this_machine_keeps_its_fingerprint() -> None:
    assert fingerprint(probe(runtimes=False)) == fingerprint(probe(runtimes=False))


@pytest.mark.parametrize("runtimes", [False, True])
def test_probing_imports_no_runtime_into_this_process(runtimes: bool) -> None:
    heavy = (*RUNTIMES, "torch", "transformers", "sentence_transformers", "optimum", "numpy", "cpuinfo")
    code = (
        "import sys; from advisor.probe import probe, read_packages\n"
        f"probe(runtimes={runtimes}); read_packages()\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600)
    # On systems other than Linux and macOS, py-cpuinfo is the source of the processor's name.
    expected = "['cpuinfo']" if sys.platform == "win32" else "[]"
    assert printed.stdout.strip() == expected


@pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="ONNX Runtime is not installed")
def test_an_installed_onnx_runtime_lists_the_cpu() -> None:
    assert "CPUExecutionProvider" in (probe().onnxruntime_providers or ())


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed")
def test_an_installed_openvino_lists_the_cpu() -> None:
    assert "CPU" in (probe().openvino_devices or ())


def ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, timeout_s: float = 30, asks_torch: bool = False, **modules: str
) -> RuntimesReading:
    """Ask with modules of the given source in front of the installed ones."""
    for name, source in modules.items():
        (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with RuntimesQuery({**os.environ, "PYTHONPATH": str(tmp_path)}, torch=asks_torch) as query:
        return query.answer(timeout_s=timeout_s)


WORKING = "class Core:\n    available_devices = ['CPU', 'GPU.0']\n"


def test_a_runtime_that_crashes_or_raises_is_a_note_and_the_other_still_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = "raise ImportError('libcudart.so.12: cannot open shared object file')"
    reading = ask(tmp_path, monkeypatch, onnxruntime=broken, openvino=WORKING)
    assert reading.onnxruntime_providers is None
    assert "libcudart.so.12" in (reading.facts[0].note or "")
    assert reading.openvino_devices == ("CPU", "GPU.0")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals that end a process")
def test_a_runtime_that_kills_its_process_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crash = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    reading = ask(tmp_path, monkeypatch, onnxruntime=crash, openvino=WORKING)
    assert reading.facts[0].note == "installed, but asking it was ended by signal 9"


def test_a_runtime_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hang = "import time; time.sleep(600)"
    reading = ask(tmp_path, monkeypatch, timeout_s=0.2, onnxruntime=hang, openvino=hang)
    assert [fact.note for fact in reading.facts] == ["no answer in 0.2 s"] * 2


def test_a_runtime_that_is_not_installed_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with RuntimesQuery(os.environ) as query:
        reading = query.answer()
    assert [fact.note for fact in reading.facts] == ["not installed"] * 2
    assert (reading.onnxruntime_providers, reading.openvino_devices) == (None, None)


def test_pytorch_is_asked_for_its_devices_only_where_there_is_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = """
class cuda:
    is_available, device_count = staticmethod(lambda: True), staticmethod(lambda: 2)
class backends:
    class mps:
        is_available = staticmethod(lambda: False)
"""
    assert ask(tmp_path, monkeypatch, torch=fake).torch_devices is None
    assert ask(tmp_path, monkeypatch, asks_torch=True, torch=fake).torch_devices == ("cuda:0", "cuda:1", "cpu")
    broken = ask(tmp_path, monkeypatch, asks_torch=True, torch="raise OSError('libcudart.so.13: cannot open')")
    assert broken.torch_devices is None
    assert "libcudart.so.13" in (broken.facts[-1].note or "")


def test_packages_are_listed_in_order_with_the_versions_that_are_installed() -> None:
    packages = read_packages()
    assert tuple(package.name for package in packages) == NAMES
    versions = {package.name: package.version for package in packages}
    assert versions["numpy"] == metadata.version("numpy")


def test_the_gpu_build_of_onnx_runtime_counts_as_onnx_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "onnxruntime_gpu-1.99.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: onnxruntime-gpu\nVersion: 1.99.0\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    versions = {package.name: package.version for package in read_packages()}
    assert versions["onnxruntime"] == "1.99.0"
    assert versions["numpy"] is None
