"""Which candidates are tried, in which order, and why the others are not."""

from __future__ import annotations

from dataclasses import replace

import factories

from advisor import catalogue
from advisor.pipeline.plan import plan
from advisor.pipeline.spec import RunSpec
from advisor.types import Gpu, Package

PACKAGES = tuple(Package(name=name, version="1") for name in ("torch", "onnx", "onnxruntime", "openvino", "nncf"))


def planned(spec: RunSpec | None = None, pick: str = "openvino-qint8", packages: tuple[Package, ...] = PACKAGES):
    made = plan(spec or RunSpec(model="demo"), factories.decision(pick), factories.hardware(), packages)
    return [each.name for each in made.candidates], {each.name: each.reason for each in made.skipped}


def test_the_pick_comes_first_then_the_baseline_then_the_challengers():
    tried, _ = planned()
    assert tried[:3] == ["openvino-qint8", "torch-fp32", "openvino-bf16"]
    assert len(tried) == len(set(tried))


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
        made = plan(RunSpec(model="demo"), factories.decision(), machine, PACKAGES)
        assert "torch-fp16" in [each.name for each in made.candidates]


def test_whatever_runs_the_same_graph_as_another_does_so_in_the_same_runtime_and_precision():
    twins = [candidate for candidate in catalogue.CATALOGUE if candidate.same_as is not None]
    assert twins
    for twin in twins:
        original = catalogue.get(twin.same_as)
        assert (original.runtime, original.precision) == (twin.runtime, twin.precision)
