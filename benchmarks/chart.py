"""The picture of `encode.py`'s results: how many times as fast as the fastest peer on the same file.

python benchmarks/chart.py encode.json docs/images/encode.svg
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

BAR, GAP, GROUP = 16, 4, 18
LEFT, WIDTH, TOP = 190, 430, 58
COLOURS = {"short": "#1f77b4", "medium": "#2a9d8f", "long": "#b5651d", "mixed": "#8e44ad"}


def draw(document: dict[str, Any]) -> str:
    """An SVG of horizontal bars, one group for each file; readable in light and dark."""
    cells = document["cells"]
    longest = max(
        (cell["ci95"][peer] or (0.0, cell["ratio"][peer]))[1] for cell in cells for peer in [cell["fastest_peer"]]
    )
    scale = WIDTH / max(1.2, longest)
    parts, y, file = [], TOP, None
    for cell in cells:
        if cell["file"] != file:
            y += GROUP if file is not None else 0
            file = cell["file"]
            parts.append(f'<text class="name" x="8" y="{y + BAR - 3}">{escape(file)}</text>')
        ratio = cell["ratio"][cell["fastest_peer"]]
        interval = cell["ci95"][cell["fastest_peer"]]
        parts.append(f'<text class="set" x="{LEFT - 8}" y="{y + BAR - 3}">{cell["set"]}</text>')
        parts.append(
            f'<rect x="{LEFT}" y="{y}" width="{ratio * scale:.1f}" height="{BAR}" fill="{COLOURS[cell["set"]]}"/>'
        )
        if interval is not None:
            low, high = (LEFT + bound * scale for bound in interval)
            middle = y + BAR / 2
            parts.append(f'<line class="ci" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>')
        end = LEFT + scale * max(ratio, interval[1] if interval is not None else 0.0)
        parts.append(
            f'<text class="value" x="{end + 6:.1f}" y="{y + BAR - 3}">{ratio:.2f}x ({cell["fastest_peer"]})</text>'
        )
        y += BAR + GAP
    one = LEFT + scale
    title = "advisor's encoder against the fastest peer on the same file"
    table = "; ".join(f"{cell['file']} {cell['set']} {cell['ratio'][cell['fastest_peer']]:.2f}x" for cell in cells)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 130} {y + 12}" role="img" '
        f'aria-labelledby="title desc"><title id="title">{title}</title><desc id="desc">{escape(table)}</desc>'
        "<style>text{font:12px sans-serif;fill:#222}.name{font-weight:bold}.set{text-anchor:end}"
        ".ci{stroke:#222;stroke-width:2}.one{stroke:#888;stroke-dasharray:4 3}"
        "@media(prefers-color-scheme:dark){text{fill:#eee}.ci{stroke:#eee}}</style>"
        f'<text class="name" x="8" y="20">{title} (95 % intervals)</text>'
        f'<line class="one" x1="{one:.1f}" x2="{one:.1f}" y1="{TOP - 8}" y2="{y}"/>'
        f'<text x="{one - 10:.1f}" y="{TOP - 12}">1.0x</text>{"".join(parts)}</svg>\n'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("picture", type=Path)
    arguments = parser.parse_args()
    arguments.picture.write_text(draw(json.loads(arguments.results.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
