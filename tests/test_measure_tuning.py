"""Which other settings are tried, and which one is kept."""

from __future__ import annotations

import pytest

from advisor.measure.heat.settings import Variant, best_of, variants
from advisor.types import Estimate, ObjectiveName, Runtime, RuntimeSettings


def labels(runtime: Runtime, objective: ObjectiveName, **settings: int) -> list[str]:
    return [one.label for one in variants(RuntimeSettings(**settings), runtime=runtime, objective=objective)]


@pytest.mark.parametrize(
    ("runtime", "settings", "expected"),
    [
        ("onnx", {"threads": 2, "num_streams": 2}, ["128 tokens a batch", "512 tokens a batch", "1 stream"]),
        ("openvino", {"threads": 8, "num_streams": 8}, ["256 tokens a batch", "1,024 tokens a batch", "4 streams"]),
        ("openvino", {"threads": 1, "num_streams": 1}, ["256 tokens a batch", "1,024 tokens a batch"]),
        ("torch", {"threads": 2}, []),
    ],
)
def test_throughput_tries_other_batches_and_half_the_streams(
    runtime: Runtime, settings: dict[str, int], expected: list[str]
) -> None:
    assert labels(runtime, "throughput", **settings) == expected


@pytest.mark.parametrize(
    ("runtime", "settings", "expected"),
    [
        ("onnx", {"threads": 4, "spinning": True}, ["2 threads", "1 thread", "threads that do not spin"]),
        ("onnx", {"threads": 1}, []),
        ("openvino", {"threads": 2}, ["1 thread"]),
        ("torch", {"threads": 4}, []),
    ],
)
def test_latency_tries_fewer_threads_and_for_onnx_sleeping_ones(
    runtime: Runtime, settings: dict[str, int], expected: list[str]
) -> None:
    assert labels(runtime, "latency", **settings) == expected


@pytest.mark.parametrize(
    ("objective", "batch_size", "expected"),
    [
        ("throughput", 256, ["128 texts a batch", "512 texts a batch"]),
        ("throughput", 32, ["128 texts a batch", "256 texts a batch", "512 texts a batch"]),
        ("latency", 256, []),
        ("memory", 256, []),
    ],
)
def test_on_a_gpu_pytorch_tries_larger_batches_too(
    objective: ObjectiveName, batch_size: int, expected: list[str]
) -> None:
    settings = RuntimeSettings(threads=2, batch_size=batch_size, device="cuda:1")
    found = variants(settings, runtime="torch", objective=objective)
    assert [one.label for one in found] == expected
    assert [one.settings.batch_size for one in found] == [int(label.split()[0]) for label in expected]


def test_where_memory_counts_nothing_is_tried() -> None:
    assert labels("openvino", "memory", threads=4) == []


def tried(label: str, median: float, ci95: tuple[float, float] | None) -> tuple[Variant, Estimate]:
    return Variant(label=label, settings=RuntimeSettings(threads=1)), Estimate(median=median, ci95=ci95)


@pytest.mark.parametrize(
    ("candidates", "kept"),
    [
        ([], None),
        ([tried("a", 1.2, (1.1, 1.3)), tried("b", 1.3, (1.2, 1.4))], "b"),
        ([tried("beyond the margin, but in doubt", 1.2, (0.9, 1.3))], None),
        ([tried("beyond doubt, but inside the margin", 1.02, (1.01, 1.03))], None),
        ([tried("without an interval", 1.5, None)], None),
    ],
)
def test_the_fastest_is_kept_that_is_faster_beyond_margin_and_doubt(
    candidates: list[tuple[Variant, Estimate]], kept: str | None
) -> None:
    best = best_of(candidates)
    assert (None if best is None else best.label) == kept
