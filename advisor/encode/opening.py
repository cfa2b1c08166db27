"""A model's folder and a runtime -> an encoder, with every default filled in."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from advisor.encode.backend import Backend
from advisor.encode.batching import DEFAULT_TOKENS_PER_BATCH
from advisor.encode.blob import Blob
from advisor.encode.encoder import Encoder
from advisor.encode.graph import GraphBackend
from advisor.encode.modules import read_pipeline
from advisor.encode.session import Session
from advisor.encode.tokenize import Tokenizer
from advisor.errors import ArtifactError, InputError
from advisor.types import Runtime, RuntimeSettings


def open_encoder(
    folder: Path,
    *,
    runtime: Runtime,
    file: Path | None,
    settings: RuntimeSettings,
    trust_remote_code: bool = False,
    blob: Blob | None = None,
    reopen: Callable[[], Encoder] | None = None,
) -> Encoder:
    """Open a model.

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

        backend = TorchSession(folder, settings, trust_remote_code=trust_remote_code)
    else:
        if file is None or not file.is_file():
            raise ArtifactError(f"The graph {file or 'file'} is missing.", hint="Export the model again.")
        with ThreadPoolExecutor(1, thread_name_prefix="tokenizer") as pool:  # read while the runtime opens the graph
            tokenizer = pool.submit(Tokenizer, pipeline.tokenizer, threads=settings.threads)
            session = _open_session(runtime, file, settings, blob)
        backend = GraphBackend(
            pipeline,
            session,
            tokenizer.result(),
            tokens_per_batch=settings.tokens_per_batch or DEFAULT_TOKENS_PER_BATCH[runtime],
            device=settings.device,
        )
    return Encoder(pipeline, backend, settings, reopen=reopen)


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


def _open_session(runtime: Runtime, file: Path, settings: RuntimeSettings, blob: Blob | None) -> Session:
    if runtime == "onnx":
        from advisor.encode.onnx_session import OnnxSession

        return OnnxSession(file, settings)
    from advisor.encode.openvino_session import OpenvinoSession

    return OpenvinoSession(file, settings, blob=blob)
