"""Stands in for `advisor.export.worker`: no torch; does what `FAKE_EXPORT` says about each file.

`FAKE_EXPORT` is the path of a JSON object {relative file name: behaviour}; the default is to write the file. Each
request is added to `<that path>.calls`, with the number of texts to calibrate on.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from advisor.child.serve import serve
from advisor.codec import from_json, to_json
from advisor.export.messages import ExportReply, ExportRequest


def export(params: dict[str, Any]) -> dict[str, Any]:
    request = from_json(ExportRequest, params)
    plan = Path(os.environ["FAKE_EXPORT"])
    texts = request.calibration_texts
    num_texts = None if texts is None else len(json.loads(Path(texts).read_text(encoding="utf-8")))
    with Path(f"{plan}.calls").open("a", encoding="utf-8") as calls:
        calls.write(json.dumps({**params, "pid": os.getpid(), "num_texts": num_texts}) + "\n")
    behaviour = json.loads(plan.read_text(encoding="utf-8")).get(request.file, "write")
    file = Path(request.folder) / request.file
    file.parent.mkdir(parents=True)
    if request.source is not None:
        assert Path(request.source).is_file()
    file.write_text("half", encoding="utf-8")
    if behaviour == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour == "hang":
        time.sleep(600)
    if behaviour == "raise":
        raise ValueError("not for the user's eyes")
    if behaviour == "fail":
        return to_json(ExportReply(export_s=0.0, failure="the operator Foo is not supported"))
    if behaviour == "disk full":
        return to_json(ExportReply(export_s=0.0, failure="OSError: no space", disk_full=True))
    file.write_text(f"whole {request.file}", encoding="utf-8")
    return to_json(ExportReply(export_s=1.5, notes=("A note.",)))


if __name__ == "__main__":
    serve({"export": export})
