"""A model's folder -> its profile."""

from __future__ import annotations

from pathlib import Path

from advisor.encode.modules import read_pipeline
from advisor.model.digest import content_sha256
from advisor.model.weights import read_weights
from advisor.types import ModelProfile


def profile_folder(
    folder: Path, *, name: str, revision: str | None = None, trust_remote_code: bool = False
) -> ModelProfile:
    """Describe the model in `folder`, called `name`. Parses only the weights' headers; hashes every byte once.

    Raises ModelError where a file is missing or damaged, or the model has a part that is not supported.
    """
    pipeline = read_pipeline(folder)
    weights = read_weights(pipeline.transformer_folder, pickled=trust_remote_code)
    return ModelProfile(
        id=name,
        path=folder,
        revision=revision,
        content_sha256=content_sha256(folder, weights.files),
        architecture=pipeline.architecture,
        num_parameters=weights.num_parameters,
        weights_bytes=weights.size_bytes,
        embedding_dimension=pipeline.embedding_dimension,
        max_seq_length=pipeline.max_seq_length,
        pooling=pipeline.head.pooling_name,
        trust_remote_code=trust_remote_code,
        kind=pipeline.kind,
        similarity=pipeline.compared_by,
    )
