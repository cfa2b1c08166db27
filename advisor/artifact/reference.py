"""What an artifact must give: reference embeddings, kept in its manifest."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.encode.manifest import MANIFEST, Manifest
from advisor.errors import ArtifactError
from advisor.types import Precision

MIN_COSINE: dict[Precision, float] = {"fp32": 0.9999, "bf16": 0.999, "fp16": 0.999, "int8": 0.99}
"""What `verify` asks of every reference text.

On the machine that wrote the artifact the embeddings come back equal to rounding. Another machine takes other kernels:
half precision rounds at 2^-8 (bf16) or 2^-11 (fp16), and int8 kernels differ by instruction set (u8s8 products saturate
without VNNI, see https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html#when-and-why-do-i-need-to-try-u8u8).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Fixed texts of advisor's own and their embeddings, (num_texts, embedding_dimension) float32."""

    texts: tuple[str, ...]
    embeddings: NDArray[np.float32]
    min_cosine: float

    def to_dict(self) -> dict[str, Any]:
        """The manifest's `reference` key."""
        data = np.ascontiguousarray(self.embeddings, dtype="<f4")
        return {
            "texts": list(self.texts),
            "shape": list(data.shape),
            "dtype": "float32",
            "data": base64.b64encode(data.tobytes()).decode("ascii"),
            "min_cosine": self.min_cosine,
        }

    @classmethod
    def from_manifest(cls, manifest: Manifest) -> Reference:
        """Read the manifest's `reference` key; raises ArtifactError if it is missing or not whole."""
        try:
            document = manifest.document["reference"]
            shape = tuple(int(size) for size in document["shape"])
            data = np.frombuffer(base64.b64decode(document["data"], validate=True), dtype="<f4")
            texts = tuple(str(text) for text in document["texts"])
            embeddings = data.reshape(shape).astype(np.float32)
            if embeddings.ndim != 2 or len(texts) != embeddings.shape[0]:
                raise ValueError("shape")
            return cls(texts=texts, embeddings=embeddings, min_cosine=float(document["min_cosine"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"The reference embeddings in {MANIFEST} are damaged: {error}.") from None
