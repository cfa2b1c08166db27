"""Which device a run is for, and what of the machine it then sees."""

from __future__ import annotations

from dataclasses import replace

import factories
import pytest
from test_probe_gpu import GB10, H100, T4, Device, FakeNvml, read
from test_probe_machines import read as read_machine
from test_probe_machines import recorded

from advisor.device import as_seen_on, choose_device, devices, index_of, kind_of, unused_gpu
from advisor.errors import InputError
from advisor.measure.workers.client import thread_environment
from advisor.types import Hardware

APPLE = read_machine(recorded("apple-m2", logical_cores=8, system="Darwin", machine="arm64"))


def with_gpus(*gpus: Device, torch: tuple[str, ...] | None = None) -> Hardware:
    return replace(factories.hardware(), gpus=read(FakeNvml(*gpus)).gpus, torch_devices=torch)


def test_the_devices_of_a_machine_are_its_gpus_and_the_cpu() -> None:
    assert devices(factories.hardware()) == ("cpu",)
    assert devices(with_gpus(T4, H100)) == ("cuda:0", "cuda:1", "cpu")
    assert devices(APPLE) == ("mps", "cpu")
    assert (kind_of("cuda:1"), index_of("cuda:1"), index_of("cuda")) == ("cuda", 1, 0)


@pytest.mark.parametrize(
    ("machine", "asked", "chosen"),
    [
        (factories.hardware(), None, "cpu"),
        (with_gpus(T4), None, "cuda"),
        (with_gpus(T4, H100), None, "cuda"),
        (with_gpus(T4, H100), "cuda:1", "cuda:1"),
        (with_gpus(T4, H100), "cuda:0", "cuda"),
        (with_gpus(T4), "cuda", "cuda"),
        (with_gpus(T4), "cpu", "cpu"),
        (with_gpus(GB10, torch=("cuda:0", "cpu")), None, "cuda"),
        (with_gpus(T4, torch=("cpu",)), None, "cpu"),
        (APPLE, None, "mps"),
        (APPLE, "cpu", "cpu"),
    ],
)
def test_a_gpu_is_taken_where_pytorch_can_use_one_unless_another_device_is_asked_for(
    machine: Hardware, asked: str | None, chosen: str
) -> None:
    assert choose_device(asked, machine) == chosen


@pytest.mark.parametrize(
    ("machine", "asked", "says"),
    [
        (factories.hardware(), "cuda", "There is no device 'cuda' here. This machine has cpu."),
        (with_gpus(T4), "cuda:1", "no device 'cuda:1' here. This machine has cuda:0, cpu."),
        (with_gpus(T4), "gpu", "no device 'gpu' here"),
        (APPLE, "cuda", "This machine has mps, cpu."),
        (with_gpus(T4, torch=("cpu",)), "cuda", "the installed PyTorch can only use cpu. Install a build for it"),
    ],
)
def test_a_device_that_is_not_there_is_refused_with_those_that_are(machine: Hardware, asked: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        choose_device(asked, machine)


def test_a_gpu_that_pytorch_cannot_use_is_told() -> None:
    assert "Tesla T4, and the installed PyTorch cannot use it" in (unused_gpu(with_gpus(T4, torch=("cpu",))) or "")
    for machine in (factories.hardware(), with_gpus(T4), with_gpus(T4, torch=("cuda:0", "cpu"))):
        assert unused_gpu(machine) is None


def test_a_run_sees_the_gpu_that_it_is_for_and_no_other() -> None:
    machine = with_gpus(T4, H100)
    assert [gpu.name for gpu in as_seen_on(machine, "cuda").gpus] == ["Tesla T4"]
    assert [gpu.name for gpu in as_seen_on(machine, "cuda:1").gpus] == [H100.name]
    assert as_seen_on(machine, "cpu").gpus == ()
    assert not as_seen_on(machine, "cpu").cuda
    assert as_seen_on(APPLE, "mps").gpus == APPLE.gpus
    assert as_seen_on(machine, "cpu").facts == machine.facts


def test_a_worker_numbers_gpus_as_the_probe_does_unless_the_user_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    assert thread_environment(2)["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST")
    assert thread_environment(2)["CUDA_DEVICE_ORDER"] == "FASTEST_FIRST"
