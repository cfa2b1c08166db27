"""The whole machine, and the fingerprint of what stays the same on it."""

from __future__ import annotations

import contextlib

from advisor.probe.cgroup import read_limits
from advisor.probe.compiler import read_compiler
from advisor.probe.cpu import read_cpu
from advisor.probe.gpu import read_gpus
from advisor.probe.memory import read_memory
from advisor.probe.sources import Sources
from advisor.types import Hardware


def probe(*, runtimes: bool = True, sources: Sources | None = None) -> Hardware:
    """Read the machine: processor, memory, accelerators and, if `runtimes`, what the installed runtimes offer.

    Never raises for something that cannot be read: the value is None and its fact says why. `sources` is for tests,
    which hand in a recorded machine. Takes milliseconds without `runtimes`; with them as long as the slower of two
    child processes that import ONNX Runtime and OpenVINO. This process imports neither.
    """
    sources = sources or Sources()
    with contextlib.ExitStack() as stack:
        gpus = read_gpus(sources)
        query = None
        if runtimes:
            from advisor.probe.runtimes import RuntimesQuery

            query = stack.enter_context(RuntimesQuery(sources.environ, torch=bool(gpus.gpus)))
        limits = read_limits(sources) if sources.system == "Linux" else None
        cpu = read_cpu(sources, limits.cpu if limits else None)
        memory = read_memory(sources, limits.memory if limits else None)
        compiler = read_compiler(sources)
        answers = query.answer() if query is not None else None
    return Hardware(
        cpu=cpu.cpu,
        memory=memory.memory,
        gpus=gpus.gpus,
        onnxruntime_providers=answers.onnxruntime_providers if answers else None,
        openvino_devices=answers.openvino_devices if answers else None,
        torch_devices=answers.torch_devices if answers else None,
        cxx=compiler.value if isinstance(compiler.value, str) else None,
        facts=(*cpu.facts, *memory.facts, *gpus.facts, compiler, *(answers.facts if answers else ())),
    )


def fingerprint(hardware: Hardware) -> str:
    """The sha256, in hexadecimal, of what a machine's speed depends on and what stays the same between runs.

    That is the processor's model, vendor, architecture and instruction sets, the usable cores and the GPUs' names.
    Available memory and installed packages are not in it.
    """
    import hashlib
    import json

    cpu = hardware.cpu
    stable = {
        "model": cpu.model,
        "vendor": cpu.vendor,
        "arch": cpu.arch,
        "isa": list(cpu.isa),
        "usable_cores": float(cpu.usable_cores),
        "gpus": [gpu.name for gpu in hardware.gpus],
    }
    return hashlib.sha256(json.dumps(stable, sort_keys=True).encode()).hexdigest()
