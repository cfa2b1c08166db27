"""Recorded machines: what the probes make of the texts that real machines give them."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from advisor.probe.compiler import read_compiler
from advisor.probe.machine import fingerprint, probe
from advisor.probe.sources import Affinity, Sources
from advisor.types import Fact, Hardware, Memory

MACHINES = Path(__file__).parent / "data" / "machines"
GIB = 1024**3


def recorded(
    name: str, *, logical_cores: int, system: str = "Linux", machine: str = "x86_64", physical_cores: int | None = None
) -> Sources:
    """The machine recorded in `name`; anything that a recording cannot answer raises."""

    def missing() -> object:
        raise RuntimeError("not in the recording")

    folder = MACHINES / name
    return Sources(
        root=folder,
        system=system,
        machine=machine,
        environ={},
        affinity=lambda: Affinity(cores=logical_cores, source="sched_getaffinity"),
        physical_cores=lambda: physical_cores,
        memory=lambda: Memory(total_bytes=16 * GIB, available_bytes=9 * GIB),
        sysctl=lambda: (folder / "sysctl.txt").read_text(),
        py_cpuinfo=missing,  # type: ignore[arg-type]  # raises before it returns
        nvml=missing,
        which=missing,  # type: ignore[arg-type]  # raises before it returns
    )


def read(sources: Sources) -> Hardware:
    return probe(runtimes=False, sources=sources)


def fact(hardware: Hardware, name: str) -> Fact:
    (found,) = [one for one in hardware.facts if one.name == name]
    return found


@dataclass(frozen=True, kw_only=True)
class Expected:
    name: str
    model: str
    vendor: str
    isa: tuple[str, ...]
    physical_cores: int | None
    logical_cores: int
    machine: str = "x86_64"
    system: str = "Linux"
    usable_cores: float | None = None
    psutil_cores: int | None = field(default=None)


AVX512_VNNI = ("avx2", "avx512f", "avx512_vnni")
APPLE = {"machine": "arm64", "system": "Darwin", "vendor": "apple", "physical_cores": 8, "logical_cores": 8}
EXPECTED = (
    Expected(
        name="sapphire-rapids",
        model="Intel(R) Xeon(R) Platinum 8488C",
        vendor="intel",
        isa=("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8"),
        physical_cores=1,
        logical_cores=2,
    ),
    Expected(
        name="ice-lake",
        model="Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz",
        vendor="intel",
        isa=AVX512_VNNI,
        physical_cores=2,
        logical_cores=4,
    ),
    Expected(
        name="skylake-x",
        model="Intel(R) Xeon(R) Platinum 8175M CPU @ 2.50GHz",
        vendor="intel",
        isa=("avx2", "avx512f"),
        physical_cores=1,
        logical_cores=2,
    ),
    Expected(
        name="alder-lake",
        model="12th Gen Intel(R) Core(TM) i5-12400",
        vendor="intel",
        isa=("avx2", "avx_vnni"),
        physical_cores=6,
        logical_cores=12,
    ),
    Expected(name="zen2", model="AMD EPYC 7R32", vendor="amd", isa=("avx2",), physical_cores=1, logical_cores=2),
    Expected(
        name="zen4",
        model="AMD EPYC 9R14",
        vendor="amd",
        isa=(*AVX512_VNNI, "avx512_bf16"),
        physical_cores=2,
        logical_cores=2,
    ),
    Expected(
        name="zen5",
        model="AMD Ryzen 9 9950X 16-Core Processor",
        vendor="amd",
        isa=(*AVX512_VNNI, "avx_vnni", "avx512_bf16"),
        physical_cores=16,
        logical_cores=32,
    ),
    Expected(
        name="graviton3",
        machine="aarch64",
        model="AWS Graviton3 (Neoverse-V1)",
        vendor="arm",
        isa=("asimd", "dotprod", "i8mm", "bf16", "sve"),
        physical_cores=2,
        logical_cores=2,
        psutil_cores=2,
    ),
    Expected(
        name="raspberry-pi-4",
        machine="aarch64",
        model="Raspberry Pi 4 Model B Rev 1.4 (Cortex-A72)",
        vendor="arm",
        isa=("asimd",),
        physical_cores=4,
        logical_cores=4,
        psutil_cores=4,
    ),
    Expected(name="apple-m1", model="Apple M1", isa=("asimd", "dotprod"), **APPLE),  # type: ignore[arg-type]  # mixed
    Expected(name="apple-m2", model="Apple M2", isa=("asimd", "dotprod", "i8mm", "bf16"), **APPLE),  # type: ignore[arg-type]  # mixed
    Expected(
        name="mac-intel",
        system="Darwin",
        model="Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz",
        vendor="intel",
        isa=("avx2",),
        physical_cores=6,
        logical_cores=12,
    ),
    Expected(
        name="container-v1",
        model="Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz",
        vendor="intel",
        isa=AVX512_VNNI,
        physical_cores=2,
        logical_cores=4,
        usable_cores=1.5,
    ),
    Expected(
        name="container-v2",
        model="Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz",
        vendor="intel",
        isa=AVX512_VNNI,
        physical_cores=2,
        logical_cores=4,
        usable_cores=1.5,
    ),
    Expected(
        name="nested-slices",
        model="Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz",
        vendor="intel",
        isa=AVX512_VNNI,
        physical_cores=2,
        logical_cores=4,
        usable_cores=1.5,
    ),
)


def sources_of(expected: Expected) -> Sources:
    return recorded(
        expected.name,
        logical_cores=expected.logical_cores,
        system=expected.system,
        machine=expected.machine,
        physical_cores=expected.psutil_cores,
    )


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda one: one.name)
def test_a_recorded_machine_is_read_as_what_it_is(expected: Expected) -> None:
    cpu = read(sources_of(expected)).cpu
    assert cpu.model == expected.model
    assert cpu.vendor == expected.vendor
    assert cpu.arch == {"aarch64": "arm64"}.get(expected.machine, expected.machine)
    assert cpu.isa == expected.isa
    assert cpu.physical_cores == expected.physical_cores
    assert cpu.usable_cores == (expected.usable_cores or expected.logical_cores)


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda one: one.name)
def test_every_fact_of_a_recorded_machine_has_a_source_and_every_unknown_a_reason(expected: Expected) -> None:
    facts = read(sources_of(expected)).facts
    assert len({one.name for one in facts}) == len(facts)
    for one in facts:
        assert one.source
        assert one.value is not None or one.note, one


def test_every_recorded_machine_is_tested() -> None:
    assert {one.name for one in EXPECTED} == {path.name for path in MACHINES.iterdir() if path.is_dir()}


def test_fingerprints_tell_machines_apart_and_ignore_memory() -> None:
    machines = [read(sources_of(one)) for one in EXPECTED]
    # The containers differ from the Ice Lake machine in the usable cores, and from one another in nothing that counts.
    assert len({fingerprint(one) for one in machines}) == len(EXPECTED) - 2
    full = replace(machines[0], memory=Memory(total_bytes=1, available_bytes=0), facts=())
    assert fingerprint(full) == fingerprint(machines[0])
    more = replace(machines[0], cpu=replace(machines[0].cpu, usable_cores=3.0))
    assert fingerprint(more) != fingerprint(machines[0])
    assert len(fingerprint(full)) == 64


@pytest.mark.parametrize(
    ("name", "source"), [("container-v1", "cgroup v1 cpu.cfs_quota_us"), ("container-v2", "cgroup v2 cpu.max")]
)
def test_a_fractional_quota_names_its_file_and_leaves_one_thread(name: str, source: str) -> None:
    hardware = read(recorded(name, logical_cores=4))
    assert fact(hardware, "cpu.quota_cores") == Fact(name="cpu.quota_cores", value=1.5, source=source)
    assert fact(hardware, "cpu.usable_cores").source == source
    assert hardware.threads == 1


def test_affinity_binds_where_it_grants_less_than_the_quota() -> None:
    hardware = read(recorded("container-v2", logical_cores=1))
    assert hardware.cpu.usable_cores == 1.0
    assert fact(hardware, "cpu.usable_cores").source == "sched_getaffinity"


@pytest.mark.parametrize("name", ["container-v1", "container-v2"])
def test_a_containers_memory_is_its_limit_and_page_cache_counts_as_free(name: str) -> None:
    hardware = read(recorded(name, logical_cores=4))
    assert hardware.memory.total_bytes == 2 * GIB
    assert hardware.memory.available_bytes == 2 * GIB - (734003200 - 419430400)
    assert fact(hardware, "memory.total_bytes").source.startswith("cgroup v")


def test_the_fullest_group_above_bounds_the_available_memory() -> None:
    """The service may use 1 GiB and uses half of it, but the slice above has only a quarter of a GiB left."""
    memory = read(recorded("nested-slices", logical_cores=4)).memory
    assert memory.total_bytes == GIB
    assert memory.available_bytes == GIB // 4


def test_without_a_limit_memory_is_what_meminfo_says() -> None:
    hardware = read(recorded("zen5", logical_cores=32))
    assert hardware.memory.total_bytes == 65530108 * 1024
    assert fact(hardware, "memory.total_bytes").source == "/proc/meminfo"
    assert fact(hardware, "memory.limit_bytes").note == "no limit"


def test_an_apple_processor_has_mps_without_torch() -> None:
    (gpu,) = read(recorded("apple-m2", logical_cores=8, system="Darwin", machine="arm64")).gpus
    assert gpu.kind == "mps"


def test_an_x86_python_on_an_apple_processor_has_no_mps_and_is_told_of_rosetta() -> None:
    sources = recorded("apple-m2", logical_cores=8, system="Darwin", machine="x86_64")
    text = "machdep.cpu.brand_string: VirtualApple @ 2.50GHz\nhw.physicalcpu: 8\nsysctl.proc_translated: 1\n"
    hardware = read(replace(sources, sysctl=lambda: text))
    assert hardware.gpus == ()
    assert hardware.cpu.vendor == "apple"
    assert "Rosetta" in (fact(hardware, "cpu.model").note or "")


def test_windows_is_read_through_py_cpuinfo_which_says_what_it_cannot_see() -> None:
    info = {
        "vendor_id_raw": "GenuineIntel",
        "brand_raw": "Intel(R) Xeon(R) Platinum 8488C",
        "flags": ["avx2", "avx512f", "avx512vnni", "sse4_2"],
    }
    sources = replace(
        recorded("absent", logical_cores=4, system="Windows", machine="AMD64", physical_cores=2),
        py_cpuinfo=lambda: info,
    )
    hardware = read(sources)
    assert (hardware.cpu.vendor, hardware.cpu.arch, hardware.cpu.isa) == ("intel", "x86_64", AVX512_VNNI)
    assert hardware.cpu.physical_cores == 2
    assert hardware.memory == Memory(total_bytes=16 * GIB, available_bytes=9 * GIB)
    assert "AMX" in (fact(hardware, "cpu.isa").note or "")
    assert "cpu.quota_cores" not in {one.name for one in hardware.facts}


@pytest.mark.parametrize("system", ["Linux", "Darwin", "Windows", "FreeBSD", ""])
def test_a_machine_where_nothing_can_be_read_gives_reasons_instead_of_an_error(system: str) -> None:
    def denied() -> int:
        raise PermissionError(13, "Permission denied")

    sources = replace(
        recorded("absent", logical_cores=1, system=system, machine=""),
        affinity=denied,  # type: ignore[arg-type]  # raises before it returns
        physical_cores=denied,
        memory=denied,  # type: ignore[arg-type]  # raises before it returns
    )
    hardware = read(sources)
    assert hardware.cpu.vendor == "unknown"
    assert hardware.cpu.usable_cores == 1.0
    assert hardware.memory == Memory(total_bytes=None, available_bytes=None)
    for one in hardware.facts:
        assert one.source
        assert one.value is not None or one.note, one


def test_an_unreadable_proc_cpuinfo_falls_back_to_py_cpuinfo_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "proc" / "cpuinfo").mkdir(parents=True)  # reading a folder raises OSError, as a sandbox does
    info = {"vendor_id_raw": "AuthenticAMD", "brand_raw": "AMD EPYC", "flags": ["avx2"]}
    sources = replace(recorded("absent", logical_cores=2), root=tmp_path, py_cpuinfo=lambda: info)
    hardware = read(sources)
    assert (hardware.cpu.vendor, hardware.cpu.isa) == ("amd", ("avx2",))
    assert fact(hardware, "cpu.model").source == "py-cpuinfo"
    assert "/proc/cpuinfo is not readable" in (fact(hardware, "cpu.model").note or "")


@pytest.mark.parametrize(
    ("system", "environ", "on_path", "value", "note"),
    [
        ("Linux", {}, {"g++"}, "g++", None),
        ("Linux", {}, {"clang++"}, None, "no g++: nothing is compiled by PyTorch"),
        ("Darwin", {}, {"clang++"}, "clang++", None),
        ("Linux", {"CXX": "clang++-18"}, {"g++", "clang++-18"}, "clang++-18", None),
        ("Linux", {"CXX": "icpx"}, {"g++"}, None, "no icpx: nothing is compiled by PyTorch"),
    ],
)
def test_the_compiler_is_the_one_that_pytorch_calls(
    system: str, environ: dict[str, str], on_path: set[str], value: str | None, note: str | None
) -> None:
    sources = replace(
        recorded("zen4", logical_cores=2),
        system=system,
        environ=environ,
        which=lambda name: f"/usr/bin/{name}" if name in on_path else None,
    )
    found = read_compiler(sources)
    assert (found.value, found.note) == (value, note)
    assert found.source == ("CXX, PATH" if environ else "PATH")


def test_the_compiler_is_looked_for_as_pytorch_looks_for_it() -> None:
    config = pytest.importorskip("torch._inductor.config")
    assert config.cpp.cxx[1] == os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
