"""Stands in for a package that is slow to import; the environment says how it misbehaves."""

import os
import threading
import time

IMPORTED_BY = os.getpid()

time.sleep(float(os.environ.get("IMPORT_S", "0")))
if os.environ.get("DIES"):
    os._exit(9)
for _ in range(int(os.environ.get("THREADS", "0"))):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()


def _refuse():
    raise BlockingIOError("Resource temporarily unavailable")


if os.environ.get("NO_FORK"):
    os.fork = _refuse
