"""The timed process: one candidate, loaded once, timed with its own clock.

Run as `python -m advisor.measure.workers.worker`. Texts arrive once, in a file, before any timing; a timed request
carries only numbers.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from advisor.child.serve import Handler, serve
from advisor.pairs import join
from advisor.types import RuntimeSettings

_IMPORTS = {"torch": "sentence_transformers", "onnx": "onnxruntime", "openvino": "openvino"}
_FIRST_TEXT = join("The first embedding of a process", "pays for everything that is set up lazily.")
"""A pair, for a cross-encoder takes nothing else; for any other model it is a text."""


class TextEncoder(Protocol):
    """The part of `advisor.encode.Encoder` that is measured."""

    def encode(self, sentences: list[str], /) -> NDArray[np.float32]:
        """`(num_texts, dimension)` float32."""
        ...


OpenEncoder = Callable[..., TextEncoder]
"""`advisor.encode.open_measured`, or a fake with its signature."""


class Worker:
    """The operations of the child. Each takes and gives JSON objects; seconds are `time.perf_counter_ns`."""

    def __init__(self, open_encoder: OpenEncoder, *, imports: Callable[[str], None]) -> None:
        self._open_encoder = open_encoder
        self._imports = imports
        self._encoders: dict[str, TextEncoder] = {}
        """By setting; the empty name is what `load` opened."""
        self._batches: list[list[str]] = []

    def handlers(self) -> dict[str, Handler]:
        """The operations by name."""
        return {
            "import": self.import_,
            "load": self.load,
            "close": self.close,
            "texts": self.texts,
            "time_blocks": self.time_blocks,
            "latency": self.latency,
            "embed": self.embed,
            "usage": self.usage,
        }

    def import_(self, params: dict[str, Any]) -> dict[str, Any]:
        """Import the runtime. `import_s` is what it took, beside whatever else the machine does."""
        start = time.perf_counter_ns()
        self._imports(params["runtime"])
        return {"import_s": (time.perf_counter_ns() - start) / 1e9}

    def load(self, params: dict[str, Any]) -> dict[str, Any]:
        """Open an encoder under the name `setting` and embed one text. `load_s` is without the runtime's import."""
        imported = time.perf_counter_ns()
        cut = {} if params["depth"] is None else {"depth": params["depth"]}
        encoder = self._open_encoder(
            Path(params["folder"]),
            runtime=params["runtime"],
            file=None if params["file"] is None else Path(params["file"]),
            settings=RuntimeSettings(**params["settings"]),
            trust_remote_code=params["trust_remote_code"],
            **cut,
        )
        encoder.encode([_FIRST_TEXT])
        loaded = time.perf_counter_ns()
        self._encoders[params["setting"]] = encoder
        gc.collect()
        gc.freeze()  # what is loaded stays; later collections need not walk through it
        return {"load_s": (loaded - imported) / 1e9}

    def close(self, params: dict[str, Any]) -> dict[str, Any]:
        """Give an encoder's memory back."""
        del self._encoders[params["setting"]]
        gc.collect()
        return {}

    def texts(self, params: dict[str, Any]) -> dict[str, Any]:
        """Read the batches of texts that later requests name by their index."""
        self._batches = json.loads(Path(params["path"]).read_text(encoding="utf-8"))
        return {"num_batches": len(self._batches)}

    def time_blocks(self, params: dict[str, Any]) -> dict[str, Any]:
        """Seconds that each block of `blocks` takes, after an untimed encode of the batch `wake`, if there is one.

        A block is one window around its batches, encoded one after the other. A parked process has lost its caches to
        the others; the untimed encode brings it back to its steady state.
        """
        encode = self._encoders[params["setting"]].encode
        if params["wake"] is not None:
            encode(self._batches[params["wake"]])
        seconds = []
        for block in params["blocks"]:
            batches = [self._batches[index] for index in block]
            with _collector_off():
                start = time.perf_counter_ns()
                for batch in batches:
                    encode(batch)
                seconds.append((time.perf_counter_ns() - start) / 1e9)
        return {"seconds": seconds}

    def latency(self, params: dict[str, Any]) -> dict[str, Any]:
        """Seconds for each text of the batch `batch`, one at a time, after an untimed encode of its first."""
        encode = self._encoders[params["setting"]].encode
        singles = [[text] for text in self._batches[params["batch"]]]
        encode(singles[0])
        seconds = [0.0] * len(singles)
        with _collector_off():
            for position, single in enumerate(singles):
                start = time.perf_counter_ns()
                encode(single)
                seconds[position] = (time.perf_counter_ns() - start) / 1e9
        return {"seconds": seconds}

    def embed(self, params: dict[str, Any]) -> dict[str, Any]:
        """Write the embeddings of the batch `batch` to `out` (.npy, float32); `alone` encodes each text by itself.

        `embed_as` is `text`, or `query` or `document` for models that have prompts for these.
        """
        encoder = self._encoders[""]
        encode = encoder.encode
        if params["embed_as"] != "text":
            encode = getattr(encoder, f"encode_{params['embed_as']}", encode)
        texts = self._batches[params["batch"]]
        embeddings = np.concatenate([encode([text]) for text in texts]) if params["alone"] else encode(texts)
        np.save(params["out"], np.asarray(embeddings, dtype=np.float32))
        return {"shape": list(embeddings.shape)}

    def usage(self, params: dict[str, Any]) -> dict[str, Any]:
        """What the process has used since it started."""
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "peak_rss_bytes": _peak_rss_bytes(used.ru_maxrss),
            "cpu_s": used.ru_utime + used.ru_stime,
            "voluntary_switches": used.ru_nvcsw,
            "involuntary_switches": used.ru_nivcsw,
            "num_threads": _num_threads(),
            "batch_limit": self._batch_limit(),
        }

    def _batch_limit(self) -> int | None:
        """Tokens or texts in a batch of the own settings where the device's memory was too small for what was set."""
        backend = getattr(self._encoders.get(""), "backend", None)  # a fake in a test has none
        return backend.limit.size if backend is not None and backend.limit.lowered else None


@contextmanager
def _collector_off() -> Iterator[None]:
    """Garbage is collected before the window instead of inside it."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _peak_rss_bytes(max_rss: int) -> int:
    """VmHWM where there is one: Linux carries `ru_maxrss` over from the parent through fork and exec."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return max_rss * (1 if sys.platform == "darwin" else 1024)
    high_water = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(high_water.split()[1]) * 1024


def _num_threads() -> int | None:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return None


def import_runtime(runtime: str) -> None:
    """Import what the runtime needs, so that `load` times the files alone."""
    importlib.import_module(_IMPORTS[runtime])


def main(open_encoder: OpenEncoder, *, imports: Callable[[str], None] = import_runtime) -> None:
    """Serve one candidate until the parent goes."""
    serve(Worker(open_encoder, imports=imports).handlers())


if __name__ == "__main__":
    from advisor.encode import open_measured

    main(open_measured)
