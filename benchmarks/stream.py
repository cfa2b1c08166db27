"""How much memory any number of texts needs: a million from a generator, into a .npy file.

    python benchmarks/stream.py ARTIFACT [--texts 1000000] [--sts stsb-test.csv]

Two processes load the artifact: one embeds a single text, the other all of them. Printed is the peak of each (VmHWM on
Linux), and their difference. The texts are made as they are asked for, from the sentences of the file or the built-in
sample, each with a number.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import Machine

PROGRAM = """
import json, pathlib, resource, sys, time
import advisor
artifact, texts, number, out = sys.argv[1:5]
sentences = json.loads(pathlib.Path(texts).read_text())
encoder = advisor.load(artifact)
start = time.perf_counter()
if int(number) == 1:
    encoder.encode(sentences[0])
else:
    source = (f"{sentences[index % len(sentences)]} {index}" for index in range(int(number)))
    shape = encoder.encode(source, out=out).shape
    assert shape[0] == int(number), shape
status = pathlib.Path("/proc/self/status").read_text()
peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
print(json.dumps({"peak_kib": peak, "seconds": time.perf_counter() - start}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--texts", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--sts", type=Path, metavar="FILE", help="take the sentences of this STS file")
    arguments = parser.parse_args()
    from material import texts_of

    with tempfile.TemporaryDirectory(prefix="advisor-stream-") as scratch:
        texts = Path(scratch) / "texts.json"
        texts.write_text(json.dumps(texts_of("short", sts=arguments.sts)), encoding="utf-8")

        def peak(number: int) -> dict[str, float]:
            command = [sys.executable, "-c", PROGRAM, str(arguments.artifact), str(texts), str(number)]
            done = subprocess.run([*command, str(Path(scratch) / "out.npy")], check=True, stdout=subprocess.PIPE)
            answer: dict[str, float] = json.loads(done.stdout)
            return answer

        start = time.monotonic()
        one, all_of_them = peak(1), peak(arguments.texts)
    print(Machine.here().describe())
    print(f"one text: peak {one['peak_kib'] / 1024:.0f} MiB")
    print(
        f"{arguments.texts:,} texts: peak {all_of_them['peak_kib'] / 1024:.0f} MiB, "
        f"{(all_of_them['peak_kib'] - one['peak_kib']) / 1024:.0f} MiB more; "
        f"{arguments.texts / all_of_them['seconds']:,.0f} texts/s, {time.monotonic() - start:.0f} s in all"
    )


if __name__ == "__main__":
    main()
