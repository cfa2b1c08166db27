"""The parent's handle on one timed process."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from advisor.child.forking import ForkServer, Preload
from advisor.child.process import Child
from advisor.types import Exported, ModelProfile, Runtime, RuntimeSettings

WORKER_MODULE = "advisor.measure.workers.worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What loading took. The import of the runtime is apart: it belongs to the environment, not to the files."""

    import_s: float
    load_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a worker has used since it started."""

    peak_rss_bytes: int
    cpu_s: float
    voluntary_switches: int
    involuntary_switches: int
    num_threads: int | None
    batch_limit: int | None = None
    """To how many tokens (texts in PyTorch) a batch was cut, as the device's memory ran out; None where it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The memory that a worker needed. A value is None where it is not known, and `batch_limit` if nothing was cut."""

    rss_bytes: int | None = None
    batch_limit: int | None = None
    """As in `Usage`."""


def thread_environment(threads: int) -> dict[str, str]:
    """The environment that gives every library in a worker the same budget of threads, and GPUs the numbers of NVML.

    CUDA's own order is the fastest first, so that `cuda:1` would be another GPU than the one that was read:
    https://docs.nvidia.com/cuda/cuda-c-programming-guide/index.html#cuda-environment-variables. The wait policy is left
    alone: see "Parked workers" in `docs/measuring.md`.
    """
    count = str(threads)
    return {
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "RAYON_NUM_THREADS": count,
        "TOKENIZERS_PARALLELISM": "false" if threads == 1 else "true",
        "CUDA_DEVICE_ORDER": os.environ.get("CUDA_DEVICE_ORDER", "PCI_BUS_ID"),
    }


def preload_torch(*, log_dir: Path, threads: int, trust_remote_code: bool) -> Preload:
    """What workers on PyTorch are forked from, so that it is imported once for all of them.

    The hub's client reads HF_HUB_OFFLINE when it is imported. A model on disk needs no hub; code of its own may be kept
    in another repository of the hub's cache.
    """
    env = thread_environment(threads) | ({} if trust_remote_code else {"HF_HUB_OFFLINE": "1"})
    return Preload("sentence_transformers", log=log_dir / "fork-server.log", env=env)


class Client:
    """One candidate in its own process. All methods raise ChildFailed (see `Child.call`)."""

    def __init__(
        self,
        exported: Exported,
        *,
        log: Path,
        module: str = WORKER_MODULE,
        server: ForkServer | None = None,
        import_s: float | None = None,
    ) -> None:
        """`server` forks the worker from a process that has imported its runtime already, in `import_s` seconds."""
        env = thread_environment(exported.settings.threads)
        self._child = Child(module, name=exported.candidate, log=log, env=env, server=server)
        self._exported = exported
        self._importing = False
        self._import_s: float | None = None
        self._import_ahead_s = 0.0 if import_s is None else import_s

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._child.pid

    def begin_import(self, runtime: Runtime) -> None:
        """Let the worker import its runtime while the parent does something else; `load` waits for it."""
        self._child.send("import", runtime=runtime)
        self._importing = True

    def load(
        self,
        model: ModelProfile,
        runtime: Runtime,
        *,
        timeout_s: float,
        setting: str = "",
        settings: RuntimeSettings | None = None,
        files: Exported | None = None,
    ) -> Load:
        """Open the candidate's files, with the model's own tokenizer and modules, and embed one text.

        `settings` other than the candidate's own, or other `files` of it, need a name, `setting`, by which later
        requests mean them.
        """
        files = files or self._exported
        if self._import_s is None and not self._importing:
            self.begin_import(runtime)
        self.settle(timeout_s=timeout_s)
        reply = self._child.call(
            "load",
            timeout_s=timeout_s,
            folder=str(model.path),
            runtime=runtime,
            file=None if files.file is None else str(files.folder / files.file),
            settings=dataclasses.asdict(settings or files.settings),
            depth=files.depth,
            trust_remote_code=model.trust_remote_code,
            setting=setting,
        )
        return Load(import_s=self._import_s or 0.0, load_s=reply["load_s"])

    def close(self, setting: str) -> None:
        """Give the memory of another setting back."""
        self._child.call("close", timeout_s=60, setting=setting)

    def settle(self, *, timeout_s: float) -> None:
        """Wait until a begun import has ended, so that the worker is idle."""
        if self._importing:
            self._importing = False
            reply = self._child.receive(timeout_s=timeout_s, op="import")
            self._import_s = self._import_ahead_s + reply["import_s"]

    def texts(self, path: Path) -> None:
        """Read the batches of texts in a JSON file, a list of lists of str."""
        self._child.call("texts", timeout_s=60, path=str(path))

    def time_blocks(
        self, blocks: Sequence[Sequence[int]], *, wake: int | None, timeout_s: float, setting: str = ""
    ) -> tuple[float, ...]:
        """Seconds for each block (of batches), after an untimed encode of the batch `wake`."""
        wanted = [list(block) for block in blocks]
        reply = self._child.call("time_blocks", timeout_s=timeout_s, blocks=wanted, wake=wake, setting=setting)
        return tuple(reply["seconds"])

    def latencies(self, batch: int, *, timeout_s: float, setting: str = "") -> tuple[float, ...]:
        """Seconds for each text of a batch, one at a time."""
        reply = self._child.call("latency", timeout_s=timeout_s, batch=batch, setting=setting)
        return tuple(reply["seconds"])

    def embed(self, batch: int, *, out: Path, alone: bool, timeout_s: float, embed_as: str = "text") -> None:
        """Write the embeddings of a batch to `out`, `(num_texts, dimension)` float32 as .npy.

        `embed_as` is `text`, `query` or `document`.
        """
        self._child.call("embed", timeout_s=timeout_s, batch=batch, out=str(out), alone=alone, embed_as=embed_as)

    def usage(self) -> Usage:
        """What the worker has used."""
        self.settle(timeout_s=60)
        return Usage(**self._child.call("usage", timeout_s=60))

    def kill(self) -> None:
        """End the worker. Safe to call twice."""
        self._child.kill()
