"""The fresh process of `verify`: loads an artifact as production would and runs it on the reference texts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from advisor.child.serve import serve


def prove(params: dict[str, Any]) -> dict[str, Any]:
    """How each reference text's embedding or scores, encoded alone, agree with those in the manifest."""
    import numpy as np

    from advisor.artifact.reference import Reference
    from advisor.encode import load
    from advisor.encode.manifest import read_manifest
    from advisor.encode.measured import as_text_encoder

    folder = Path(params["folder"])
    manifest = read_manifest(folder)
    reference = Reference.from_manifest(manifest)
    start = time.perf_counter()
    opened = load(  # the parent has just hashed every file
        folder, check=False, keep_compiled=False, trust_remote_code=params["trust_remote_code"]
    )
    encoder = as_text_encoder(opened)
    load_s = time.perf_counter() - start
    scale = float(np.abs(reference.embeddings).max(initial=0.0))
    found = []
    for text, expected in zip(reference.texts, reference.embeddings, strict=True):
        embedding = encoder.encode([text])[0]
        if embedding.shape != expected.shape:
            raise ValueError(f"embeddings have {embedding.shape[0]} dimensions, the manifest's {expected.shape[0]}")
        found.append(reference.agreement.of(embedding, expected, scale))
    return {"runtime": manifest.runtime, "load_s": load_s, "agreement": found}


if __name__ == "__main__":
    serve({"prove": prove})
