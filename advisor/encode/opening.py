"""A model's folder and a runtime -> an opened model of its kind, with every default filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from advisor.encode.backend import Backend
from advisor.encode.batching import DEFAULT_TOKENS_PER_BATCH
from advisor.encode.blob import Blob
from advisor.encode.cross_encoder import CrossEncoder
from advisor.encode.encoder import Encoder
from advisor.encode.graph import GraphBackend
from advisor.encode.modules import read_pipeline
from advisor.encode.opened import Opened
from advisor.encode.readout import readout_of
from advisor.encode.session import GraphOutput, Session
from advisor.encode.sparse_encoder import SparseEncoder
from advisor.encode.tokenize import Tokenizer
from advisor.errors import ArtifactError, InputError
from advisor.types import ModelKind, Runtime, RuntimeSettings

AnyOpened = TypeVar("AnyOpened", bound=Opened)

_CLASSES: Mapping[ModelKind, type[Encoder] | type[CrossEncoder] | type[SparseEncoder]] = {
    "embedding": Encoder,
    "cross-encoder": CrossEncoder,
    "sparse-encoder": SparseEncoder,
}


def open_encoder(
    folder: Path, *, runtime: Runtime, file: Path | None, settings: RuntimeSettings, trust_remote_code: bool = False
) -> Encoder:
    """Open a model that embeds texts; see `open_model`. Raises InputError for one of another kind."""
    opened = open_model(folder, runtime=runtime, file=file, settings=settings, trust_remote_code=trust_remote_code)
    return expected(opened, Encoder)


def expected(opened: Opened, kind: type[AnyOpened]) -> AnyOpened:
    """The model if it is of this kind; raises InputError, and closes it, if it is of another one."""
    if isinstance(opened, kind):
        return opened
    opened.close()
    raise InputError(
        f"The model in {opened.pipeline.folder} opens as a {type(opened).__name__}, not as a {kind.__name__}.",
        hint="Load it with advisor.load.",
    )


def open_model(
    folder: Path,
    *,
    runtime: Runtime,
    file: Path | None,
    settings: RuntimeSettings,
    trust_remote_code: bool = False,
    blob: Blob | None = None,
    reopen: Callable[[], Any] | None = None,
) -> Encoder | CrossEncoder | SparseEncoder:
    """Open a model as what it is.

    `folder` holds the tokenizer and the modules' configurations; `file` is the exported graph (None for torch), which
    may lie elsewhere. `trust_remote_code` only matters to torch. `blob` keeps what OpenVINO
    compiles. `reopen` is what the encoder is pickled as.

    Raises ModelError where the model has a part that is not supported, ArtifactError where the graph is missing or
    damaged, MissingExtraError where the runtime is not installed, and InputError where a setting is wrong.
    """
    if settings.threads < 1:
        raise InputError(f"threads must be at least 1, not {settings.threads}.")
    settings = _with_defaults(settings, runtime)
    pipeline = read_pipeline(folder)
    backend: Backend
    if runtime == "torch":
        from advisor.encode.torch_session import TorchSession

        backend = TorchSession(folder, settings, kind=pipeline.kind, trust_remote_code=trust_remote_code)
    else:
        if file is None or not file.is_file():
            raise ArtifactError(f"The graph {file or 'file'} is missing.", hint="Export the model again.")
        readout = readout_of(pipeline.head)
        with ThreadPoolExecutor(1, thread_name_prefix="tokenizer") as pool:  # read while the runtime opens the graph
            tokenizer = pool.submit(Tokenizer, pipeline.tokenizer, threads=settings.threads, pairs=readout.pairs)
            session = _open_session(runtime, file, settings, readout.output, blob)
        backend = GraphBackend(
            readout,
            session,
            tokenizer.result(),
            tokens_per_batch=settings.tokens_per_batch or DEFAULT_TOKENS_PER_BATCH[runtime],
            device=settings.device,
        )
    return _CLASSES[pipeline.kind](pipeline, backend, settings, reopen=reopen)


def _with_defaults(settings: RuntimeSettings, runtime: Runtime) -> RuntimeSettings:
    """The settings with the runtime's defaults where they are None; what does not concern it stays None."""
    if runtime == "torch":
        from advisor.encode.torch_session import DEFAULT_BATCH_SIZE, DEFAULT_DTYPE

        return replace(
            settings, batch_size=settings.batch_size or DEFAULT_BATCH_SIZE, dtype=settings.dtype or DEFAULT_DTYPE
        )
    settings = replace(
        settings,
        tokens_per_batch=settings.tokens_per_batch or DEFAULT_TOKENS_PER_BATCH[runtime],
        num_streams=min(settings.num_streams or 1, settings.threads),
    )
    if runtime == "onnx":
        from advisor.encode.onnx_session import DEFAULT_PROVIDER

        return replace(settings, provider=settings.provider or DEFAULT_PROVIDER, spinning=bool(settings.spinning))
    from advisor.encode.openvino_session import DEFAULT_PRECISION

    return replace(settings, inference_precision=settings.inference_precision or DEFAULT_PRECISION)


def _open_session(
    runtime: Runtime, file: Path, settings: RuntimeSettings, output: GraphOutput, blob: Blob | None
) -> Session:
    if runtime == "onnx":
        from advisor.encode.onnx_session import OnnxSession

        return OnnxSession(file, settings, output=output)
    from advisor.encode.openvino_session import OpenvinoSession

    return OpenvinoSession(file, settings, output=output, blob=blob)
