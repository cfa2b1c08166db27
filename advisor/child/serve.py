"""The child's side: one JSON request a line on stdin, one JSON reply a line on what was stdout."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any

Handler = Callable[[dict[str, Any]], dict[str, Any]]


def serve(handlers: Mapping[str, Handler]) -> None:
    """Answer requests until stdin closes.

    File descriptor 1 is moved away first and then points at the log, as stderr already does: whatever a library
    prints, from Python or from C++, lands in the log and never in the protocol. When the parent goes away, stdin
    ends and the child leaves at once, even in the middle of a computation. While parked, every thread here sleeps
    in a read or on a lock.
    """
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()
    requests_in = os.fdopen(os.dup(0), "r", encoding="utf-8")

    def read() -> None:
        for line in requests_in:
            requests.put(line)
        os._exit(0)

    threading.Thread(target=read, name="requests", daemon=True).start()
    while True:
        request = json.loads(requests.get())
        try:
            reply = {"ok": True, "result": handlers[request["op"]](request["params"])}
        except Exception as error:
            traceback.print_exc()
            reply = {"ok": False, "error": one_line(error)}
        sys.stdout.flush()
        sys.stderr.flush()
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def one_line(error: BaseException) -> str:
    """The error's type and the first line of its message."""
    text = str(error).strip()
    first = text.splitlines()[0] if text else ""
    return f"{type(error).__name__}: {first}"[:500] if first else type(error).__name__
