"""A child for the tests of `advisor.child`: it echoes, prints, raises, sleeps, and dies in several ways."""

import os
import signal
import subprocess
import sys
import time

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


def spawn(params):
    return {"pid": subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid}


if __name__ == "__main__":
    serve({"noisy": noisy, "fail": fail, "die": die, "leave": leave, "nap": nap, "spawn": spawn})
