"""`advisor` as a process of its own whose `recommend` is told beforehand: python fake_advisor.py KIND [ARG...].

KIND is the name of a factory, or `interrupted`, `crash`, `disk-full`. Only the seam
 `advisor.api.recommend` is replaced.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import factories

from advisor import api
from advisor.cli import main
from advisor.events import Event


def fake(kind: str) -> Callable[..., Any]:
    def recommend(model: str, *, on_event: Callable[[Event], None] | None = None, **asked: Any) -> Any:
        if kind == "crash":
            raise RuntimeError("the flux capacitor\nis empty")
        if kind == "disk-full":
            raise OSError(errno.ENOSPC, "No space left on device", str(Path("cache") / "model.onnx"))
        rec = getattr(factories, "confirmed" if kind == "interrupted" else kind)()
        for event in factories.events(rec):
            if on_event is not None:
                on_event(event)
            time.sleep(float(os.environ.get("FAKE_PAUSE_S", "0")))
            if kind == "interrupted" and type(event).__name__ == "RoundFinished":
                raise KeyboardInterrupt
        return rec

    return recommend


if __name__ == "__main__":
    api.recommend = fake(sys.argv[1])
    sys.exit(main(sys.argv[2:]))
