"""What the tests of the export room share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from advisor.export import Exporter
from advisor.question import Question
from advisor.types import Cpu, Hardware, Memory, ModelProfile, Package, Request

PACKAGES = tuple(
    Package(name=name, version="1.0")
    for name in (
        "torch",
        "sentence-transformers",
        "transformers",
        "onnx",
        "onnxscript",
        "onnxruntime",
        "openvino",
        "nncf",
    )
)


def hardware(*isa: str, arch: str = "x86_64") -> Hardware:
    return Hardware(
        cpu=Cpu(model=None, vendor="unknown", arch=arch, isa=isa, physical_cores=2, usable_cores=2.0),
        memory=Memory(total_bytes=None, available_bytes=None),
    )


AVX512 = hardware("avx2", "avx512f", "avx512_vnni", "avx512_bf16")


def profile(path: Path, *, content_sha256: str = "0" * 64) -> ModelProfile:
    return ModelProfile(
        id=path.name,
        path=path,
        revision=None,
        content_sha256=content_sha256,
        architecture="bert",
        num_parameters=None,
        weights_bytes=None,
        embedding_dimension=None,
        max_seq_length=None,
        pooling="mean",
    )


def exporter(
    model: ModelProfile,
    *,
    texts: tuple[str, ...] = (),
    hardware: Hardware = AVX512,
    packages: tuple[Package, ...] = PACKAGES,
    **options: Any,
) -> Exporter:
    """An exporter for a question about `model`; `options` are those of the request, and the exporter's own."""
    asked = {name: options.pop(name) for name in ("threads", "objective", "max_loss", "exporter") if name in options}
    question = Question(
        model=model,
        texts=tuple(texts),
        reference_texts=(),
        request=Request(**asked),
        hardware=hardware,
        packages=packages,
    )
    return Exporter(question, **options)
