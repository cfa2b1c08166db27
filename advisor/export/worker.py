"""The child that exports: it loads the model once and makes one file after the other.

Run as `python -m advisor.export.worker`; see `advisor.child` for the protocol. All that libraries print goes to the
log.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from advisor.child.serve import serve
from advisor.codec import from_json, to_json
from advisor.export.cache import UNNEEDED, WORK
from advisor.export.failure import UnneededError, is_disk_full, reason_of
from advisor.export.loading import LoadedModel, cut_to, load
from advisor.export.messages import ExportReply, ExportRequest
from advisor.export.tools import tools_of


class Worker:
    """The one operation, `export`, and the model that it works on."""

    def __init__(self) -> None:
        self._model: LoadedModel | None = None
        self._cut: dict[int, LoadedModel] = {}
        """By depth."""

    def export(self, params: dict[str, Any]) -> dict[str, Any]:
        """Make the file of an ExportRequest; gives an ExportReply."""
        return dict(to_json(self._export(from_json(ExportRequest, params))))

    def _export(self, request: ExportRequest) -> ExportReply:
        print(f"\n== {request.file} ==", flush=True)  # noqa: T201 - stdout is the log here
        start = time.perf_counter()
        try:
            model = self._load(request)
            start = time.perf_counter()
            notes = _make(model, request)
        except UnneededError as error:
            (Path(request.folder) / UNNEEDED).write_text(str(error), encoding="utf-8")
            return ExportReply(export_s=time.perf_counter() - start)
        except Exception as error:
            traceback.print_exc()
            return ExportReply(
                export_s=time.perf_counter() - start,
                failure=reason_of(error),
                disk_full=is_disk_full(error, Path(request.folder), needed_bytes=self._needed_bytes(request)),
            )
        return ExportReply(export_s=time.perf_counter() - start, notes=notes)

    def _load(self, request: ExportRequest) -> LoadedModel:
        if self._model is None:
            _keep_to_budget(request.threads)
            self._model = load(
                request.model_path,
                kind=request.kind,
                trust_remote_code=request.trust_remote_code,
                threads=request.threads,
            )
        if request.depth is None:
            return self._model
        if request.depth not in self._cut:
            self._cut[request.depth] = cut_to(self._model, request.depth)
        return self._cut[request.depth]

    def _needed_bytes(self, request: ExportRequest) -> int:
        """About the size of the file asked for; what is known of it without a model is that it is not empty."""
        if self._model is None:
            return 1
        return self._model.weights_bytes // (4 if request.recipe.endswith("quantize") else 1)


def _make(model: LoadedModel, request: ExportRequest) -> tuple[str, ...]:
    folder = Path(request.folder)
    file, work = folder / request.file, folder / WORK
    source = Path(request.source) if request.source is not None else file
    tools = tools_of(request.made_by)
    tempfile.tempdir = str(work)  # what libraries write for themselves goes to the same disk, and away with it
    if request.recipe == "onnx":
        from advisor.export.onnx_graph import export_onnx

        return export_onnx(model, file, exporters=tools.onnx, work=work, threads=request.threads)
    if request.recipe == "onnx-optimize":
        from advisor.export.onnx_optimize import optimize_onnx

        return optimize_onnx(model, source, file, optimize=tools.optimize_onnx, work=work, threads=request.threads)
    if request.recipe == "onnx-quantize":
        from advisor.export.onnx_quantize import quantize_onnx

        return quantize_onnx(model, source, file, quantize=tools.quantize_onnx, work=work, threads=request.threads)
    if request.recipe == "openvino":
        from advisor.export.openvino_graph import export_openvino

        return export_openvino(model, file, exporters=tools.openvino, work=work, threads=request.threads)
    if request.recipe == "outside":
        from advisor.export.outside import ExportJob, export_outside

        job = ExportJob(
            model=model,
            file=file,
            source=None if request.source is None else source,
            texts=_texts(request),
            work=work,
            threads=request.threads,
        )
        return export_outside(job, exporter=request.exporter or "", device=request.device)
    if request.recipe == "openvino-rescue":
        from advisor.export.openvino_rescue import rescue_openvino

        return rescue_openvino(model, request, file, texts=_texts(request), work=work)
    from advisor.export.openvino_quantize import quantize_openvino

    return quantize_openvino(
        model, source, file, quantize=tools.quantize_openvino, texts=_texts(request), threads=request.threads
    )


def _texts(request: ExportRequest) -> tuple[str, ...]:
    """What the recipe is calibrated on; none where it is not."""
    if request.calibration_texts is None:
        return ()
    return tuple(json.loads(Path(request.calibration_texts).read_text(encoding="utf-8")))


def _keep_to_budget(threads: int) -> None:
    """NNCF and the exporters start as many threads as they see processors: let them see only the budget."""
    if sys.platform == "linux":
        usable = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, usable[:threads])


def main() -> None:
    """Serve until the parent goes away."""
    # OpenVINO and NNCF send usage statistics unless told not to; without this package they have nothing to send with.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # documented: makes its import fail
    serve({"export": Worker().export})


if __name__ == "__main__":
    main()
