"""One hash over what decides a model's embeddings: the key of the export cache."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from advisor.files import sha256_of
from advisor.paths import MANIFEST

_SUFFIXES = {".json", ".txt", ".model", ".jinja", ".py"}
_SKIPPED_FOLDERS = {"onnx", "openvino", "coreml", "original"}
_SKIPPED_FILES = {MANIFEST, "data_config.json", "train_script.py"}


def content_sha256(folder: Path, weights: Iterable[Path]) -> str:
    """SHA-256 over the names and contents of `weights`, of the modules' weights, and of every configuration and
    tokenizer file in `folder`, but not of exported graphs, README or training records. The place and the times of the
    files do not matter."""
    files = {*weights, *_small_files(folder)}
    names = {file.relative_to(folder).as_posix(): file for file in files}
    with ThreadPoolExecutor(min(len(names), os.cpu_count() or 1, 4)) as pool:
        digests = dict(zip(names, pool.map(sha256_of, names.values()), strict=True))
    total = hashlib.sha256()
    for name in sorted(digests):
        total.update(f"{name}\0{digests[name]}\n".encode())
    return total.hexdigest()


def _small_files(folder: Path) -> Iterable[Path]:
    """Files of the folder itself and of its modules' folders (one level below, as `1_Pooling`)."""
    for path in folder.iterdir():
        if path.name.startswith(".") or path.name in _SKIPPED_FOLDERS:
            continue
        if path.is_dir():
            yield from (child for child in path.iterdir() if _matters(child) or child.suffix == ".safetensors")
        elif _matters(path):
            yield path


def _matters(path: Path) -> bool:
    return path.suffix in _SUFFIXES and path.name not in _SKIPPED_FILES and path.is_file()
