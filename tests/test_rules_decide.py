"""Every path of both flowcharts, challengers, evidence, and that any ruleset that loads comes to an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import factories
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor import catalogue
from advisor.rules import (
    FACTS,
    Condition,
    Facts,
    Leaf,
    Ruleset,
    available_rulesets,
    collect_facts,
    decide,
    load_ruleset,
    with_overrides,
)
from advisor.rules.conditions import evidence, holds
from advisor.rules.graph import layout
from advisor.rules.parse import parse_ruleset
from advisor.rules.ruleset import COMPARISONS
from advisor.rules.vocabulary import FactSpec, FactValue
from advisor.types import Gpu, ModelKind, Request

OWN = Path(__file__).parent / "data" / "rules" / "own.toml"
H100 = Gpu(kind="cuda", name="NVIDIA H100", compute_capability="9.0", memory_total_bytes=80 * 2**30)
T4 = Gpu(kind="cuda", name="NVIDIA T4", compute_capability="7.5", memory_total_bytes=16 * 2**30)
AMPERE = replace(H100, name="NVIDIA A100", compute_capability="8.0")
NAMELESS = replace(H100, compute_capability=None)


def facts(
    *,
    gpu: Gpu | None = None,
    vendor: str = "amd",
    short: float | None = 1.0,
    max_loss: float = 0.004,
    kind: ModelKind = "embedding",
) -> Facts:
    hardware = factories.hardware()
    hardware = replace(hardware, cpu=replace(hardware.cpu, vendor=vendor), gpus=() if gpu is None else (gpu,))
    profile = None if short is None else replace(factories.texts(), fraction_under_500_chars=short)
    return collect_facts(
        hardware=hardware,
        profile=profile,
        model=replace(factories.model(), kind=kind),
        request=Request(max_loss=max_loss),
    )


CPU_HALF = [
    (None, "amd", 1.0, 0.004, "openvino-qint8", "CPU, 0.4% loss acceptable"),
    (None, "intel", 0.0, 0.01, "openvino-qint8", "CPU, 0.4% loss acceptable"),
    (None, "intel", 1.0, 0.0039, "openvino", "CPU, 0.4% loss not acceptable, Intel CPU"),
    (None, "amd", 1.0, 0.0, "onnx", "CPU, 0.4% loss not acceptable, other CPU"),
    (None, "arm", 0.0, 0.002, "onnx", "CPU, 0.4% loss not acceptable, other CPU"),
    (None, "apple", None, 0.002, "onnx", "CPU, 0.4% loss not acceptable, other CPU"),
    (None, "unknown", 1.0, 0.002, "onnx", "CPU, 0.4% loss not acceptable, other CPU"),
    (Gpu(kind="mps", name="Apple M3"), "apple", 1.0, 0.004, "openvino-qint8", "CPU, 0.4% loss acceptable"),
]
OTHER_KINDS: list[tuple[ModelKind, Gpu | None, str, float, str, str]] = [
    ("cross-encoder", H100, "amd", 0.004, "torch-fp16", "GPU"),
    ("cross-encoder", None, "amd", 0.004, "openvino-qint8", "CPU, 0.4% loss acceptable"),
    ("cross-encoder", None, "intel", 0.0, "openvino", "CPU, 0.4% loss not acceptable, Intel CPU"),
    ("cross-encoder", None, "amd", 0.0, "onnx-O3", "CPU, 0.4% loss not acceptable, other CPU"),
    ("sparse-encoder", T4, "intel", 0.0, "torch-fp16", "GPU"),
    ("sparse-encoder", None, "intel", 0.004, "openvino-qint8", "CPU, 0.4% loss acceptable"),
    ("sparse-encoder", None, "intel", 0.0, "onnx-O3", "CPU, 0.4% loss not acceptable"),
]
"""Both rulesets take the same flowcharts for these."""
PATHS = {
    "sbert-2024": [
        (H100, "amd", 1.0, 0.004, "onnx-O4", "GPU, short texts"),
        (T4, "intel", 0.51, 0.0, "onnx-O4", "GPU, short texts"),
        (H100, "amd", 0.5, 0.004, "torch-fp16", "GPU, long texts"),
        (H100, "amd", 0.0, 0.0, "torch-fp16", "GPU, long texts"),
        (H100, "amd", None, 0.004, "torch-fp16", "GPU, long texts"),
        *CPU_HALF,
    ],
    "sbert-2026": [
        (H100, "amd", 1.0, 0.004, "torch-fp16-fa2", "GPU, Flash Attention"),
        (AMPERE, "amd", 0.0, 0.0, "torch-fp16-fa2", "GPU, Flash Attention"),
        (T4, "intel", 1.0, 0.004, "torch-fp16", "GPU, no Flash Attention"),
        (NAMELESS, "intel", 0.0, 0.004, "torch-fp16", "GPU, no Flash Attention"),
        *CPU_HALF,
    ],
}


@pytest.mark.parametrize(
    ("name", "gpu", "vendor", "short", "max_loss", "candidate", "answers"),
    [(name, *path) for name, paths in PATHS.items() for path in paths],
)
def test_every_path_of_the_published_flowcharts(
    name: str, gpu: Gpu | None, vendor: str, short: float | None, max_loss: float, candidate: str, answers: str
) -> None:
    decision = decide(load_ruleset(name), facts(gpu=gpu, vendor=vendor, short=short, max_loss=max_loss))
    assert decision.ruleset == name
    assert decision.recommendation == candidate
    assert ", ".join(step.answer for step in decision.path) == answers


@pytest.mark.parametrize("name", available_rulesets())
@pytest.mark.parametrize(("kind", "gpu", "vendor", "max_loss", "candidate", "answers"), OTHER_KINDS)
def test_every_path_of_the_flowcharts_for_other_kinds_of_models(
    name: str, kind: ModelKind, gpu: Gpu | None, vendor: str, max_loss: float, candidate: str, answers: str
) -> None:
    ruleset = load_ruleset(name)
    decision = decide(ruleset, facts(gpu=gpu, vendor=vendor, max_loss=max_loss, kind=kind))
    assert decision.recommendation == candidate
    assert ", ".join(step.answer for step in decision.path) == answers
    drawn = layout(ruleset, decision)
    assert [node.id for node in drawn.nodes if node.taken][:-1] == [step.node for step in decision.path]
    assert "short-texts" not in {node.id for node in drawn.nodes}


def test_a_model_that_is_not_known_is_taken_for_one_that_embeds_texts() -> None:
    unknown = collect_facts(hardware=factories.hardware(), profile=None, model=None, request=Request(max_loss=0.0))
    assert decide(load_ruleset("sbert-2026"), unknown).recommendation == "onnx"
    assert decide(load_ruleset("sbert-2026"), with_overrides(unknown, ["model.kind=sparse-encoder"])).path[0].node == (
        "sparse-device"
    )


@pytest.mark.parametrize("name", available_rulesets())
def test_the_listed_paths_are_all_paths_there_are(name: str) -> None:
    """Every leaf and both branches of every question are in the table above."""
    ruleset = load_ruleset(name)
    seen = set()
    for gpu, vendor, short, max_loss, _, _ in PATHS[name]:
        decision = decide(ruleset, facts(gpu=gpu, vendor=vendor, short=short, max_loss=max_loss))
        seen |= {(step.node, step.answer) for step in decision.path}
    for kind, gpu, vendor, max_loss, _, _ in OTHER_KINDS:
        decision = decide(ruleset, facts(gpu=gpu, vendor=vendor, max_loss=max_loss, kind=kind))
        seen |= {(step.node, step.answer) for step in decision.path}
    assert seen == {(node.id, answer) for node in ruleset.nodes for answer in (node.yes_answer, node.no_answer)}


def test_the_leaf_for_flash_attention_is_the_candidate_that_has_it() -> None:
    leaf = load_ruleset("sbert-2026").at("gpu-flash")
    assert isinstance(leaf, Leaf)
    assert catalogue.get(leaf.candidate).attention == "flash_attention_2"


def test_the_rulesets_disagree_on_a_gpu_with_short_texts_or_flash_attention_and_nowhere_else() -> None:
    old, new = load_ruleset("sbert-2024"), load_ruleset("sbert-2026")
    differing = [
        (None if gpu is None else gpu.name, short)
        for gpu in (None, H100, T4)
        for vendor in ("intel", "amd", "arm")
        for short in (1.0, 0.0)
        for max_loss in (0.0, 0.004)
        if decide(old, at := facts(gpu=gpu, vendor=vendor, short=short, max_loss=max_loss)).recommendation
        != decide(new, at).recommendation
    ]
    assert set(differing) == {(H100.name, 1.0), (H100.name, 0.0), (T4.name, 1.0)}


def test_evidence_is_what_a_person_would_say() -> None:
    ruleset = load_ruleset("sbert-2024")
    on_cpu = decide(ruleset, facts(max_loss=0.001))
    assert [step.evidence for step in on_cpu.path] == [
        "no CUDA GPU found",
        "0.1% asked, 0.4% needed",
        "AMD EPYC 9B45: vendor amd",
    ]
    on_gpu = decide(ruleset, facts(gpu=H100))
    assert [step.evidence for step in on_gpu.path] == ["NVIDIA H100", "100% of texts under 500 characters"]
    assert decide(load_ruleset("sbert-2026"), facts(gpu=T4)).path[1].evidence == "compute capability 7.5, 8.0 needed"


def test_evidence_says_what_is_unknown_and_what_was_only_supposed() -> None:
    supposed = with_overrides(facts(max_loss=0.0), ["cpu.vendor=intel"])
    assert decide(load_ruleset("sbert-2024"), supposed).path[-1].evidence == "vendor intel (what if)"
    unknown = decide(load_ruleset("sbert-2024"), facts(gpu=H100, short=None)).path[-1]
    assert unknown.evidence == "texts.fraction_under_500_chars is unknown"


@pytest.mark.parametrize(
    ("fact", "comparison", "value", "words"),
    [
        ("cpu.isa", "contains", ("avx512_bf16", "amx_bf16"), "the CPU has avx512_bf16"),
        ("cpu.isa", "contains", ("amx_int8", "amx_bf16"), "the CPU has no amx_int8 or amx_bf16"),
        ("cpu.isa", "lacks", ("amx_int8", "amx_bf16"), "the CPU has no amx_int8 or amx_bf16"),
        ("cpu.isa", "lacks", ("avx512_bf16", "amx_bf16"), "the CPU has avx512_bf16"),
        ("cpu.isa", "known", None, "cpu.isa is avx2, avx512f, avx512_vnni, avx512_bf16"),
        ("texts.truncated_fraction", "<", 0.1, "0% of texts truncated"),
        ("texts.chars_p50", "<", 500.0, "texts.chars_p50 is 47 characters, < 500 characters asked"),
        ("request.max_loss", "<", 0.01, "0.4% asked"),
        ("gpu.mps", "==", True, "no Apple GPU found"),
        ("model.architecture", "==", "BertModel", "model.architecture is BertModel"),
    ],
)
def test_evidence_of_other_facts(fact: str, comparison: str, value: FactValue, words: str) -> None:
    condition = Condition(fact=fact, comparison=comparison, value=value)  # type: ignore[arg-type]
    assert evidence(condition, facts()) == words


def test_an_unknown_fact_takes_the_branch_that_the_node_names() -> None:
    own = load_ruleset(str(OWN))
    unknown = with_overrides(facts(), ["cpu.isa=unknown", "cpu.vendor=unknown"])
    path = decide(own, unknown).path
    assert [(step.node, step.answer) for step in path] == [
        ("vnni", "no"),  # the default
        ("vendor", "yes"),  # unknown = "yes"
        ("strict", "0.2% acceptable"),
    ]
    assert path[0].evidence == "cpu.isa is unknown (what if)"


def test_challengers_hold_their_conditions_without_the_recommendation_and_without_duplicates() -> None:
    on_cpu = decide(load_ruleset("sbert-2024"), facts())
    assert [each.candidate for each in on_cpu.challengers] == [
        "openvino-bf16",
        "openvino",
        "onnx-qint8",
        "torch-bf16",
        "onnx",
    ]
    strict = decide(load_ruleset("sbert-2024"), facts(max_loss=0.0, vendor="intel"))
    assert [each.candidate for each in strict.challengers] == ["onnx"]
    on_gpu = decide(load_ruleset("sbert-2024"), facts(gpu=H100))
    assert [each.candidate for each in on_gpu.challengers] == ["torch-fp16", "torch-bf16"]
    on_t4 = decide(load_ruleset("sbert-2026"), facts(gpu=T4))
    assert [each.candidate for each in on_t4.challengers] == ["onnx-O4"]
    on_arm = decide(load_ruleset("sbert-2026"), with_overrides(facts(), ["cpu.arch=arm64", "cpu.isa=asimd,bf16"]))
    assert [each.candidate for each in on_arm.challengers] == ["openvino", "onnx-qint8", "torch-bf16", "onnx"]


def test_a_challenger_whose_fact_is_unknown_is_left_out_and_known_asks_for_just_that() -> None:
    own = load_ruleset(str(OWN))
    names = [each.candidate for each in decide(own, facts()).challengers]
    assert names == ["openvino", "torch-bf16"]
    forgotten = with_overrides(facts(), ["memory.available_bytes=unknown"])
    assert [each.candidate for each in decide(own, forgotten).challengers] == ["openvino"]


def test_every_packaged_challenger_can_run_where_its_conditions_hold() -> None:
    """A challenger on hardware that the catalogue says it needs is no waste of a row."""
    machines = [factories.hardware(), replace(factories.hardware(), gpus=(H100,))]
    machines += [
        replace(machines[0], cpu=replace(machines[0].cpu, vendor="arm", arch="arm64", isa=("asimd", "bf16"))),
        replace(machines[0], cpu=replace(machines[0].cpu, isa=("avx2",))),
        replace(machines[0], cpu=replace(machines[0].cpu, isa=(), arch="riscv64", vendor="unknown")),
    ]
    for machine in machines:
        known = collect_facts(hardware=machine, profile=None, model=None, request=Request())
        for name in available_rulesets():
            for each in decide(load_ruleset(name), known).challengers:
                assert catalogue.unmet(catalogue.get(each.candidate), machine) is None, each.candidate


# -- any ruleset, any facts ----------------------------------------------------------------------------------


def _values(spec: FactSpec) -> st.SearchStrategy[object]:
    if spec.type == "bool":
        return st.booleans()
    if spec.type == "int":
        return st.integers(0, 100)
    if spec.type == "float":
        return st.floats(0, 0.04)
    words = st.sampled_from(tuple(spec.choices)) if spec.choices else st.sampled_from(["a", "b"])
    return words if spec.type == "text" else st.lists(words, min_size=1, max_size=3)


@st.composite
def _conditions(draw: st.DrawFn) -> dict[str, object]:
    spec = FACTS[draw(st.sampled_from(list(FACTS)))]
    comparison = draw(st.sampled_from([name for name, types in COMPARISONS.items() if spec.type in types]))
    condition: dict[str, object] = {"fact": spec.name, "comparison": comparison}
    if comparison == "in":
        condition["value"] = draw(st.lists(_values(spec), min_size=1, max_size=2))
    elif comparison != "known":
        condition["value"] = draw(_values(spec))
    return condition


@st.composite
def rulesets(draw: st.DrawFn) -> Ruleset:
    """Any acyclic graph: question i leads to later questions or to leaves, and what is out of reach is dropped."""
    count = draw(st.integers(0, 8))
    places = [*(f"q{index}" for index in range(count)), "x", "y", "z"]
    nodes: dict[str, dict[str, object]] = {}
    for index in range(count):
        after = st.sampled_from(places[index + 1 :])
        nodes[f"q{index}"] = {
            "question": f"Question {index}?",
            **draw(_conditions()),
            "yes": draw(after),
            "no": draw(after),
            "unknown": draw(st.sampled_from(["yes", "no"])),
        }
    reached, waiting = set(), [places[0]]
    while waiting:
        place = waiting.pop()
        reached.add(place)
        if place in nodes:
            waiting += [str(nodes[place]["yes"]), str(nodes[place]["no"])]
    candidates = st.sampled_from(catalogue.names())
    document: Mapping[str, object] = {
        "title": "any",
        "version": "1",
        "source": "hypothesis",
        "start": places[0],
        "nodes": {place: nodes[place] for place in nodes if place in reached},
        "leaves": {place: {"candidate": draw(candidates)} for place in "xyz" if place in reached},
        "challengers": [
            {"candidate": name, "when": [draw(_conditions())], "because": "b", "source": "s"}
            for name in draw(st.lists(candidates, max_size=4, unique=True))
        ],
    }
    return parse_ruleset(document, name="any", file="any.toml")


@st.composite
def any_facts(draw: st.DrawFn) -> Facts:
    readings: dict[str, FactValue] = {}
    for spec in FACTS.values():
        value = draw(st.none() | _values(spec))
        readings[spec.name] = tuple(value) if isinstance(value, list) else value  # type: ignore[assignment]
    return Facts(readings)


@given(rulesets(), any_facts())
def test_any_ruleset_that_loads_ends_in_one_of_its_leaves_for_any_facts(ruleset: Ruleset, known: Facts) -> None:
    decision = decide(ruleset, known)
    assert len(decision.path) <= len(ruleset.nodes)
    assert len({step.node for step in decision.path}) == len(decision.path)
    assert decision.recommendation in {leaf.candidate for leaf in ruleset.leaves}
    named = [each.candidate for each in decision.challengers]
    assert len(set(named)) == len(named)
    assert decision.recommendation not in named
    assert all(step.evidence for step in decision.path)


@given(_conditions(), any_facts())
def test_a_condition_is_undecided_exactly_where_its_fact_is_unknown(raw: dict[str, object], known: Facts) -> None:
    value = raw.get("value")
    value = tuple(value) if isinstance(value, list) else value
    condition = Condition(fact=raw["fact"], comparison=raw["comparison"], value=value)  # type: ignore[arg-type]
    answer = holds(condition, known)
    if condition.comparison == "known":
        assert answer is (known[condition.fact] is not None)
    else:
        assert (answer is None) == (known[condition.fact] is None)


@pytest.mark.parametrize(
    ("comparison", "below", "equal", "above"),
    [
        ("==", False, True, False),
        ("!=", True, False, True),
        (">", False, False, True),
        (">=", False, True, True),
        ("<", True, False, False),
        ("<=", True, True, False),
    ],
)
def test_comparisons_of_numbers_mean_what_they_mean_in_arithmetic(
    comparison: str, below: bool, equal: bool, above: bool
) -> None:
    condition = Condition(fact="request.threads", comparison=comparison, value=4)  # type: ignore[arg-type]
    answers = [holds(condition, Facts({"request.threads": threads})) for threads in (3, 4, 5)]
    assert answers == [below, equal, above]


def test_contains_and_lacks_ask_for_one_of_several_and_in_for_one_of_a_list() -> None:
    contains = Condition(fact="cpu.isa", comparison="contains", value=("amx_bf16", "avx2"))
    assert holds(contains, Facts({"cpu.isa": ("avx2",)})) is True
    assert holds(contains, Facts({"cpu.isa": ()})) is False
    lacks = Condition(fact="cpu.isa", comparison="lacks", value=("amx_bf16", "avx2"))
    assert holds(lacks, Facts({"cpu.isa": ("avx2",)})) is False
    assert holds(lacks, Facts({"cpu.isa": ("avx512f",)})) is True
    assert holds(lacks, Facts({"cpu.isa": ()})) is True
    assert holds(lacks, Facts({"cpu.isa": None})) is None
    within = Condition(fact="cpu.vendor", comparison="in", value=("intel", "amd"))
    assert holds(within, Facts({"cpu.vendor": "amd"})) is True
    assert holds(within, Facts({"cpu.vendor": "arm"})) is False


@pytest.mark.parametrize("name", ["sbert-2024", "sbert-2026"])
@pytest.mark.parametrize(
    ("isa", "is_first"),
    [
        ("avx2", True),
        ("avx2,avx512f", True),
        ("none", True),
        ("avx2,avx_vnni", False),
        ("avx2,avx512f,avx512_vnni", False),
        ("unknown", False),
    ],
)
def test_on_a_cpu_without_vnni_onnx_is_tried_before_int8(name: str, isa: str, is_first: bool) -> None:
    decision = decide(load_ruleset(name), with_overrides(facts(), ["cpu.arch=x86_64", f"cpu.isa={isa}"]))
    assert decision.recommendation == "openvino-qint8"
    first = [each.candidate for each in decision.challengers if each.first]
    assert first == (["onnx"] if is_first else [])
    assert sum(each.candidate == "onnx" for each in decision.challengers) == 1


def test_a_pick_is_no_challenger_even_where_the_ruleset_puts_it_first() -> None:
    supposed = with_overrides(facts(max_loss=0.0), ["cpu.arch=x86_64", "cpu.isa=avx2", "cpu.vendor=amd"])
    decision = decide(load_ruleset("sbert-2024"), supposed)
    assert decision.recommendation == "onnx"
    assert [each.candidate for each in decision.challengers if each.first] == []
