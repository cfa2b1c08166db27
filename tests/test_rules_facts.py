"""The vocabulary, the facts of a run, and what-if settings."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import factories
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import InputError
from advisor.probe import isa
from advisor.rules import FACTS, Facts, collect_facts, show_value, with_overrides
from advisor.types import ARM_ISA, X86_ISA, Gpu, Request

DOCS = Path(__file__).parents[1] / "docs" / "rules.md"


def facts() -> Facts:
    return collect_facts(
        hardware=factories.hardware(), profile=factories.texts(), model=factories.model(), request=Request(threads=2)
    )


def test_every_fact_of_a_full_run_without_a_gpu_is_known_but_those_of_a_gpu() -> None:
    unknown = {name for name, value in facts().items() if value is None}
    assert unknown == {"gpu.name", "gpu.compute_capability", "gpu.memory_total_bytes"}


def test_facts_without_texts_and_model_are_unknown_and_an_unknown_vendor_is_too() -> None:
    hardware = factories.hardware()
    nameless = replace(hardware, cpu=replace(hardware.cpu, vendor="unknown"))
    bare = collect_facts(hardware=nameless, profile=None, model=None, request=Request())
    assert bare["cpu.vendor"] is None
    assert {name for name in bare if name.startswith(("texts.", "model."))} == {
        name for name, value in bare.items() if value is None and name.startswith(("texts.", "model."))
    }


def test_the_first_cuda_gpu_gives_the_facts_of_the_gpu() -> None:
    gpus = (
        Gpu(kind="mps", name="Apple M3"),
        Gpu(kind="cuda", name="NVIDIA L4", memory_total_bytes=24 * 2**30, compute_capability="8.9"),
        Gpu(kind="cuda", name="NVIDIA T4", memory_total_bytes=16 * 2**30, compute_capability="7.5"),
    )
    got = collect_facts(hardware=replace(factories.hardware(), gpus=gpus), profile=None, model=None, request=Request())
    assert got["gpu.cuda"] is True
    assert got["gpu.mps"] is True
    assert (got["gpu.name"], got["gpu.compute_capability"], got["gpu.memory_total_bytes"]) == (
        "NVIDIA L4",
        8.9,
        24 * 2**30,
    )


def test_a_compute_capability_that_is_not_a_number_is_unknown() -> None:
    gpus = (Gpu(kind="cuda", name="odd", compute_capability="sm_89"),)
    got = collect_facts(hardware=replace(factories.hardware(), gpus=gpus), profile=None, model=None, request=Request())
    assert got["gpu.compute_capability"] is None


def test_facts_are_read_only_and_hold_the_vocabulary_only() -> None:
    with pytest.raises(TypeError):
        facts().readings["cpu.vendor"] = "intel"  # type: ignore[index]
    with pytest.raises(KeyError, match=r"cpu\.vendr"):
        Facts({"cpu.vendr": "intel"})
    with pytest.raises(KeyError):
        facts()["cpu.vendr"]


def test_the_instruction_sets_of_the_vocabulary_are_those_that_the_probe_reports() -> None:
    choices = FACTS["cpu.isa"].choices
    assert choices == (*X86_ISA, *ARM_ISA)
    assert choices == (*isa.x86_isa(choices), *isa.arm_isa(choices))


def test_the_documented_vocabulary_is_the_vocabulary() -> None:
    rows = re.findall(r"^\| `([a-z_.0-9]+)` \| (\w+) \| ([^|]*) \| (.*) \|$", DOCS.read_text("utf-8"), re.MULTILINE)
    documented = [(name, kind, unit.strip(), words.strip()) for name, kind, unit, words in rows]
    assert documented == [(spec.name, spec.type, spec.unit or "", spec.description) for spec in FACTS.values()]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("cpu.vendor=Intel", "intel"),
        ("cpu.vendor = unknown", None),
        ("cpu.arch=riscv64", "riscv64"),
        ("cpu.isa=avx2,avx512_vnni", ("avx2", "avx512_vnni")),
        ("cpu.isa=none", ()),
        ("cpu.usable_cores=1.5", 1.5),
        ("cpu.physical_cores=1,024", 1024),
        ("gpu.cuda=yes", True),
        ("gpu.cuda=FALSE", False),
        ("memory.available_bytes=1.5GiB", 3 * 2**29),
        ("memory.available_bytes=24GB", 24 * 10**9),
        ("memory.available_bytes=4096", 4096),
        ("texts.truncated_fraction=12%", 0.12),
        ("texts.truncated_fraction=0.5", 0.5),
        ("request.max_loss=0.2%", 0.002),
        ("request.max_loss=0.4%", 0.004),
        ("request.max_loss=0.004", 0.004),
        ("request.max_loss=40%", 0.4),
        ("request.objective=latency", "latency"),
        ("model.architecture=BertModel", "BertModel"),
    ],
)
def test_a_setting_is_read_by_the_type_of_its_fact(setting: str, value: object) -> None:
    name = setting.partition("=")[0].strip()
    changed = with_overrides(facts(), [setting])
    assert changed[name] == value
    assert changed.overridden == {name}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("cpu.vendor", "'cpu.vendor' sets nothing. Write NAME=VALUE, such as cpu.vendor=intel."),
        ("cpu.vendr=amd", "There is no fact called 'cpu.vendr'. Did you mean cpu.vendor?"),
        ("weather=fine", "There is no fact called 'weather'. Known are: cpu.model, "),
        ("cpu.vendor=intle", "cpu.vendor cannot be set: 'intle' is not one of intel, amd, arm, apple. Write it like"),
        ("cpu.model=", "cpu.model cannot be set: '' is not a text."),
        ("cpu.isa=avx2,avx9", "cpu.isa cannot be set: 'avx2,avx9' holds 'avx9', which is not one of avx2, "),
        ("cpu.isa=avx2,", "cpu.isa cannot be set: 'avx2,' is not a text or a list of texts."),
        ("gpu.cuda=maybe", "gpu.cuda cannot be set: 'maybe' is not yes or no. Write it like gpu.cuda=yes."),
        ("cpu.physical_cores=1.5", "cpu.physical_cores cannot be set: '1.5' is not a whole number."),
        ("cpu.physical_cores=-2", "cpu.physical_cores cannot be set: '-2' is negative."),
        ("cpu.usable_cores=nan", "cpu.usable_cores cannot be set: 'nan' is not a number."),
        ("cpu.usable_cores=1e999999999", "cpu.usable_cores cannot be set: '1e999999999' is out of range."),
        ("memory.total_bytes=1.2.3GB", "memory.total_bytes cannot be set: '1.2.3GB' is not a number."),
        ("memory.total_bytes=lots", "'lots' is not a number. Write it like memory.total_bytes=24GiB."),
        ("texts.truncated_fraction=120%", "texts.truncated_fraction cannot be set: '120%' is over 100%."),
        ("request.max_loss=0.4", "'0.4' is ambiguous, for it could mean 0.4% (0.004) or 40%."),
        ("request.max_loss=lots", "request.max_loss cannot be set: 'lots' is not a number. Write it like"),
        ("gpu.compute_capability=9", "gpu.compute_capability is set, but there is no CUDA GPU. Set gpu.cuda=yes"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_sentence_with_what_to_type(setting: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        with_overrides(facts(), [setting])
    assert message in str(caught.value)
    assert caught.value.exit_code == 2


def test_what_described_the_replaced_fact_is_unknown_unless_it_is_set_too() -> None:
    intel = with_overrides(facts(), ["cpu.vendor=intel"])
    assert intel["cpu.model"] is None
    assert intel["cpu.isa"] == facts()["cpu.isa"]
    arm = with_overrides(facts(), ["cpu.isa=bf16", "cpu.arch=arm64"])
    assert (arm["cpu.vendor"], arm["cpu.isa"]) == (None, ("bf16",))
    assert with_overrides(facts(), ["cpu.vendor=amd"])["cpu.model"] == "AMD EPYC 9B45"


def test_a_cuda_gpu_can_be_set_without_a_compute_capability_and_with_one() -> None:
    assert with_overrides(facts(), ["gpu.cuda=true"])["gpu.compute_capability"] is None
    assert with_overrides(facts(), ["gpu.compute_capability=8.6", "gpu.cuda=true"])["gpu.compute_capability"] == 8.6


def test_the_last_setting_of_a_fact_counts() -> None:
    assert with_overrides(facts(), ["cpu.vendor=intel", "cpu.vendor=arm"])["cpu.vendor"] == "arm"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("request.max_loss", 0.004, "0.4%"),
        ("memory.total_bytes", 24 * 2**30, "24 GiB"),
        ("texts.tokens_p50", 1024.0, "1,024 tokens"),
        ("cpu.usable_cores", 1.5, "1.5 cores"),
        ("gpu.compute_capability", 8.0, "8.0"),
        ("gpu.cuda", True, "yes"),
        ("cpu.isa", (), "none"),
        ("cpu.isa", ("avx2", "bf16"), "avx2, bf16"),
        ("cpu.model", None, "unknown"),
    ],
)
def test_values_are_shown_in_their_unit(name: str, value: object, shown: str) -> None:
    assert show_value(FACTS[name], value) == shown  # type: ignore[arg-type]


@given(st.lists(st.builds("{}={}".format, st.sampled_from([*FACTS, "cpu", ""]), st.text(max_size=12)), max_size=4))
def test_any_text_is_either_a_setting_or_an_input_error(settings: list[str]) -> None:
    message = ""
    try:
        assert set(with_overrides(facts(), settings)) == set(FACTS)
    except InputError as error:
        message = str(error)
    assert "\n" not in message


@given(st.decimals(min_value=0, max_value=100, places=3))
def test_a_percentage_is_read_exactly_as_the_fraction_that_it_means(percent: object) -> None:
    value = with_overrides(facts(), [f"request.max_loss={percent}%"])["request.max_loss"]
    assert value == float(percent / 100)  # type: ignore[operator]
