"""The C++ compiler that torch.compile calls (PyTorch's inductor), found as PyTorch finds it."""

from __future__ import annotations

from advisor.probe.sources import Sources
from advisor.types import Fact

NAME = "cxx"


def read_compiler(sources: Sources) -> Fact:
    """What `CXX` names, else g++ (clang++ on macOS), if it is on the PATH; never raises.

    As in `torch._inductor.config.cpp.cxx`. Nothing is run: which version it is, PyTorch finds out.
    """
    default = "clang++" if sources.system == "Darwin" else "g++"
    wanted = sources.environ.get("CXX", default)
    try:
        found = sources.which(wanted)
    except Exception:  # an odd PATH must not end the probe
        found = None
    source = "PATH" if wanted == default else "CXX, PATH"
    if found is None:
        return Fact(name=NAME, value=None, source=source, note=f"no {wanted}: nothing is compiled by PyTorch")
    return Fact(name=NAME, value=wanted, source=source)
