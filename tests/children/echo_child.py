"""A child for the tests of `advisor.child`: it echoes, prints, raises, sleeps, and dies in several ways."""

import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from advisor.child.serve import serve


def noisy(params):
    sys.stdout.write("chatter on stdout\n")
    os.write(1, b"chatter from C on fd 1\n")
    sys.stderr.write("chatter on stderr\n")
    return params


def fail(params):
    raise ValueError(f"cannot do {params['what']}\nsecond line")


def die(params):
    os.kill(os.getpid(), getattr(signal, params["signal"]))


def leave(params):
    os._exit(params["code"])


def nap(params):
    time.sleep(params["seconds"])
    return {}


def burn(params):
    end = time.process_time() + params["seconds"]
    while time.process_time() < end:
        pass
    return {}


def spawn(params):
    return {"pid": subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid}


def facts(params):
    """What tells a forked child from a started one, and what must not."""
    heavy = sys.modules.get("heavy_package")
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "session": os.getsid(0),
        "imported_by": heavy and heavy.IMPORTED_BY,
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "cwd": os.getcwd(),
        "argv": sys.argv,
        "descriptors": sorted(os.listdir("/proc/self/fd")),
        "handlers": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
    }


def import_(params):
    start = time.perf_counter()
    importlib.import_module(params["module"])
    import_s = time.perf_counter() - start
    status = Path("/proc/self/status").read_text()
    return {"import_s": import_s, "peak_bytes": int(status.partition("VmHWM:")[2].split()[0]) * 1024}


def embed(params):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(params["folder"], device="cpu", local_files_only=True)
    return {"embeddings": model.encode(params["texts"]).tolist()}


HANDLERS = {
    "noisy": noisy,
    "fail": fail,
    "die": die,
    "leave": leave,
    "nap": nap,
    "burn": burn,
    "spawn": spawn,
    "facts": facts,
    "import_": import_,
    "embed": embed,
}

if __name__ == "__main__":
    serve(HANDLERS)
