"""The worker with a fake encoder: every candidate behaves as the file `behaviour.json` in the model's folder says.

Embeddings depend on the text alone (plus `noise`); an encode sleeps for `s_per_text` for each text.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from advisor.measure.workers.worker import main


class FakeEncoder:
    def __init__(
        self, behaviour: dict[str, Any], tokens_per_batch: int | None = None, batch_size: int | None = None
    ) -> None:
        self.behaviour = behaviour
        self.dies = tokens_per_batch is not None and behaviour.get("dies_with_tokens") == tokens_per_batch
        self.factor = 0.25 if tokens_per_batch is not None and behaviour.get("quick_tokens") == tokens_per_batch else 1
        if tokens_per_batch is not None and behaviour.get("others_are_slow"):
            self.factor = 2
        if batch_size is not None and behaviour.get("quick_texts") == batch_size:
            self.factor = 0.25
        self.num_encodes = 0
        self.num_singles = 0
        if behaviour.get("batch_limit"):  # the device's memory ran out
            self.backend = SimpleNamespace(limit=SimpleNamespace(size=behaviour["batch_limit"], lowered=True))

    def encode(self, sentences):
        self.num_encodes += 1
        self.num_singles += len(sentences) == 1
        if (
            self.dies
            or self.num_encodes == self.behaviour.get("at_encode")
            or self.num_singles == self.behaviour.get("at_single")
        ):
            self.misbehave()
        s_per_text = self.behaviour.get("s_per_text", 0.0005)
        if len(sentences) == 1:
            s_per_text = self.behaviour.get("s_single", s_per_text)
        time.sleep(self.factor * s_per_text * len(sentences))
        return np.stack([self.embed(text) for text in sentences])

    def misbehave(self):
        what = self.behaviour["what"]
        if what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "hang":
            time.sleep(600)
        raise ValueError(f"cannot {what}")

    def embed(self, text):
        rng = np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))
        embedding = rng.normal(size=16).astype(np.float32)
        if self.behaviour.get("noise"):
            embedding += self.behaviour["noise"] * rng.normal(size=16).astype(np.float32)
        return embedding * np.float32(self.behaviour.get("scale", 1.0))


def open_encoder(folder, *, runtime, file, settings, trust_remote_code=False):
    assert settings.threads == int(os.environ["OMP_NUM_THREADS"])
    name = settings.provider  # the one free text among the settings names the candidate
    behaviours = json.loads((Path(folder) / "behaviour.json").read_text())
    return FakeEncoder(behaviours.get(name, {}), settings.tokens_per_batch, settings.batch_size)


def import_runtime(runtime):
    """`DIES_IMPORTING` names a runtime whose import ends the process."""
    if runtime == os.environ.get("DIES_IMPORTING"):
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(open_encoder, imports=import_runtime)
