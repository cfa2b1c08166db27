"""Which candidates are tried, in which order, and why the others are not."""

from __future__ import annotations

from dataclasses import replace

import factories
import pytest
from test_probe_gpu import H100, T4, Device, FakeNvml, read
from test_probe_machines import read as read_machine
from test_probe_machines import recorded

from advisor import catalogue
from advisor.pipeline.plan import plan
from advisor.pipeline.spec import RunSpec, request_of
from advisor.types import Challenger, Gpu, Hardware, Package

PACKAGES = tuple(Package(name=name, version="1") for name in ("torch", "onnx", "onnxruntime", "openvino", "nncf"))
FLASH = (*PACKAGES, Package(name="flash-attn", version="2.8.3"))


def planned(spec: RunSpec | None = None, pick: str = "openvino-qint8", packages: tuple[Package, ...] = PACKAGES):
    made = plan(spec or RunSpec(model="demo"), factories.decision(pick), factories.hardware(), packages)
    return [each.name for each in made.candidates], {each.name: each.reason for each in made.skipped}


def test_the_pick_comes_first_then_the_baseline_then_the_challengers():
    tried, _ = planned()
    assert tried[:3] == ["openvino-qint8", "torch-fp32", "openvino-bf16"]
    assert len(tried) == len(set(tried))


def test_what_the_ruleset_puts_first_is_tried_before_its_pick():
    decision = factories.decision("openvino-qint8")
    later, *others = decision.challengers
    challengers = (later, *others, Challenger(candidate="onnx", because="-", source="-", first=True))
    made = plan(RunSpec(model="demo"), replace(decision, challengers=challengers), factories.hardware(), PACKAGES)
    assert [each.name for each in made.candidates][:4] == ["onnx", "openvino-qint8", "torch-fp32", later.candidate]


def test_every_candidate_that_is_not_on_request_is_tried_or_has_a_reason():
    tried, skipped = planned()
    by_default = {name for name in catalogue.names() if not catalogue.get(name).on_request}
    assert set(tried) | set(skipped) == by_default
    assert all(skipped.values())


def test_what_runs_the_same_graph_is_measured_only_where_it_is_named():
    tried, skipped = planned()
    assert {"onnx-O1", "onnx-O2", "onnx-O3"} <= set(skipped)
    tried, _ = planned(RunSpec(model="demo", candidates=("onnx", "onnx-O3")))
    assert "onnx-O3" in tried
    tried, _ = planned(pick="onnx-O3")
    assert tried[0] == "onnx-O3"


def test_only_what_is_asked_for_is_tried_beside_the_baseline():
    tried, skipped = planned(RunSpec(model="demo", candidates=("onnx",)))
    assert tried == ["torch-fp32", "onnx"]
    assert skipped["openvino-qint8"] == "not among --candidates"


def test_what_is_on_request_is_listed_only_then():
    tried, skipped = planned()
    assert "onnx-quint8-avx2" not in {*tried, *skipped}
    tried, _ = planned(RunSpec(model="demo", candidates=("onnx-quint8-avx2",)))
    assert tried == ["torch-fp32", "onnx-quint8-avx2"]


def test_a_skipped_candidate_and_a_missing_package_say_so():
    _, skipped = planned(RunSpec(model="demo", skip=("onnx",)), packages=PACKAGES[:-1])
    assert skipped["onnx"] == "skipped as asked (--skip)"
    assert skipped["openvino-qint8"] == "needs nncf: pip install 'backend-advisor[profile]'"


def test_float16_is_tried_only_where_the_machine_has_instructions_for_it_or_where_it_is_named():
    _, skipped = planned()
    assert skipped["torch-fp16"].startswith("this CPU has no float16 instructions (avx512_fp16, amx_fp16)")
    tried, _ = planned(RunSpec(model="demo", candidates=("torch-fp16",)))
    assert tried == ["torch-fp32", "torch-fp16"]
    plain = factories.hardware()
    for machine in (
        replace(plain, cpu=replace(plain.cpu, isa=(*plain.cpu.isa, "avx512_fp16"))),
        replace(plain, cpu=replace(plain.cpu, arch="arm64", isa=("asimd", "bf16"))),
        replace(plain, gpus=(Gpu(kind="cuda", name="a GPU"),)),
    ):
        device = "cuda" if machine.gpus else "cpu"
        made = plan(RunSpec(model="demo"), factories.decision(), machine, PACKAGES, device=device)
        assert "torch-fp16" in [each.name for each in made.candidates]


def test_whatever_runs_the_same_graph_as_another_does_so_in_the_same_runtime_and_precision():
    twins = [candidate for candidate in catalogue.CATALOGUE if candidate.same_as is not None]
    assert twins
    for twin in twins:
        original = catalogue.get(twin.same_as)
        assert (original.runtime, original.precision) == (twin.runtime, twin.precision)


def test_the_fused_graph_is_tried_for_latency_alone_and_says_else_how_to_try_it():
    tried, skipped = planned()
    assert "onnx-O2" not in tried
    assert skipped["onnx-O2"].startswith("as fast as onnx where we measured")
    tried, skipped = planned(RunSpec(model="demo", objective="latency"))
    assert "onnx-O2" in tried
    assert {"onnx-O1", "onnx-O3"} <= set(skipped)


# -- GPUs, ARM64, Apple: recorded machines -----------------------------------------------------------------


def gpu_machine(*gpus: Device, providers: tuple[str, ...] = ("TensorrtExecutionProvider", "CUDAExecutionProvider")):
    return replace(
        factories.hardware(),
        gpus=read(FakeNvml(*gpus)).gpus,
        onnxruntime_providers=(*providers, "CPUExecutionProvider"),
        cxx="g++",
    )


def on(machine: Hardware, device: str, *, spec: RunSpec | None = None, pick: str = "torch-fp16", packages=PACKAGES):
    made = plan(spec or RunSpec(model="demo"), factories.decision(pick), machine, packages, device=device)
    return [each.name for each in made.candidates], {each.name: each.reason for each in made.skipped}


def beside(*names: str) -> RunSpec:
    return RunSpec(model="demo", candidates=names)


def test_on_a_gpu_what_runs_on_it_is_tried_and_the_cpu_s_candidates_are_left_out():
    machine = gpu_machine(H100)
    made = plan(
        RunSpec(model="demo"), replace(factories.decision("onnx-O4"), challengers=()), machine, FLASH, device="cuda"
    )
    tried = [each.name for each in made.candidates]
    assert tried == ["onnx-O4", "torch-fp32", "torch-bf16", "torch-fp16", "torch-fp16-fa2", "onnx"]
    skipped = {each.name: each.reason for each in made.skipped}
    for name in ("openvino", "openvino-bf16", "openvino-qint8", "onnx-qint8"):
        assert skipped[name] == (
            "runs on the CPU, and this run is for cuda: --device cpu is for the CPU, --candidates tries it here"
        )


def test_a_cpu_candidate_that_is_named_is_tried_beside_the_gpu_s():
    tried, _ = on(gpu_machine(H100), "cuda", spec=beside("openvino-qint8"))
    assert tried == ["torch-fp32", "openvino-qint8"]


def test_onnx_on_a_gpu_needs_an_onnx_runtime_that_has_cuda_and_does_not_fall_back():
    _, skipped = on(gpu_machine(H100, providers=()), "cuda", pick="onnx-O4")
    for name in ("onnx", "onnx-O4"):
        assert skipped[name].startswith("needs onnxruntime-gpu instead of onnxruntime to run on cuda")
    tried, _ = on(gpu_machine(H100, providers=()), "cuda", spec=beside("onnx-qint8"))
    assert "onnx-qint8" in tried, "it runs on the CPU anyway"


@pytest.mark.parametrize(
    ("gpu", "packages", "says"),
    [
        (T4, FLASH, "needs a CUDA GPU of compute capability 8.0 or more"),
        (H100, PACKAGES, "needs flash-attn or kernels: pip install flash-attn"),
    ],
)
def test_flash_attention_needs_the_gpu_and_the_package(gpu: Device, packages: tuple[Package, ...], says: str):
    _, skipped = on(gpu_machine(gpu), "cuda", packages=packages)
    assert skipped["torch-fp16-fa2"] == says


def test_kernels_bring_flash_attention_as_well():
    tried, _ = on(gpu_machine(H100), "cuda", packages=(*PACKAGES, Package(name="kernels", version="0.12")))
    assert "torch-fp16-fa2" in tried


def test_with_several_gpus_the_one_that_the_run_is_for_decides():
    machine = gpu_machine(T4, H100)
    assert "torch-fp16-fa2" not in on(machine, "cuda", packages=FLASH)[0]
    assert "torch-fp16-fa2" in on(machine, "cuda:1", packages=FLASH)[0]


def test_a_run_for_the_cpu_of_a_machine_with_a_gpu_is_one_of_the_cpu():
    tried, skipped = on(gpu_machine(H100), "cpu", pick="openvino-qint8")
    assert {"openvino-qint8", "openvino", "onnx-qint8", "onnx"} <= set(tried)
    assert skipped["onnx-O4"] == "needs a CUDA GPU"


def test_on_an_apple_gpu_the_cpu_s_candidates_are_tried_beside_torch_on_it():
    apple = read_machine(recorded("apple-m2", logical_cores=8, system="Darwin", machine="arm64"))
    tried, skipped = on(apple, "mps", pick="openvino-qint8")
    assert {"torch-fp32", "torch-fp16", "torch-bf16", "onnx", "onnx-qint8", "openvino", "openvino-qint8"} <= set(tried)
    assert skipped["torch-fp16-fa2"] == skipped["onnx-O4"] == "needs a CUDA GPU"
    assert request_of(RunSpec(model="demo", threads=1), apple).device == "mps"


@pytest.mark.parametrize("name", ["graviton3", "raspberry-pi-4"])
def test_on_arm64_the_arm64_int8_is_tried_and_openvino_where_it_is_installed(name: str):
    machine = read_machine(recorded(name, logical_cores=4, machine="aarch64"))
    tried, _ = on(machine, "cpu", pick="onnx-qint8")
    assert {"onnx-qint8", "openvino", "openvino-qint8"} <= set(tried)
    assert catalogue.file_of(catalogue.get("onnx-qint8"), machine) == "onnx/model_qint8_arm64.onnx"
    _, skipped = on(machine, "cpu", pick="onnx-qint8", packages=PACKAGES[:3])
    assert skipped["openvino"].startswith("needs openvino")
    assert "onnx-qint8-arm64" in on(machine, "cpu", spec=beside("onnx-qint8-arm64"))[0]
    x86 = on(factories.hardware(), "cpu", spec=beside("onnx-qint8-arm64"))[1]
    assert x86["onnx-qint8-arm64"] == "needs an ARM64 CPU"


def test_compiled_candidates_are_listed_only_on_request_and_need_a_compiler():
    named = beside("torch-bf16-compile")
    tried, skipped = on(replace(factories.hardware(), cxx="g++"), "cpu")
    assert not any(name.endswith("-compile") for name in (*tried, *skipped))
    assert on(replace(factories.hardware(), cxx="g++"), "cpu", spec=named)[0] == ["torch-fp32", "torch-bf16-compile"]
    assert on(factories.hardware(), "cpu", spec=named)[1]["torch-bf16-compile"].startswith("needs a C++ compiler")
    float16 = beside("torch-fp16-compile")
    assert on(replace(factories.hardware(), cxx="g++"), "cpu", spec=float16)[1]["torch-fp16-compile"] == (
        "needs a CUDA GPU"
    )
