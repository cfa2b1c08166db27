"""Makes the pictures in README.md from an artifact: the app as SVG, the report as PNG.

    python docs/captures.py ARTIFACT [--out docs/images]

The report's picture needs `chromium` on the path (Debian: apt install chromium).
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from advisor.cli.tui import parsers
from advisor.document import from_dict
from advisor.encode.manifest import read_manifest
from advisor.report.html import to_html
from advisor.tui.app import AdvisorApp
from advisor.tui.form import Fields
from advisor.types import Recommendation

SCREENS = {"rules": "4", "race": "5", "result": "6"}
SIZE = (100, 30)
MAX_BYTES = 200_000
REPORT_WINDOW = "900,1180"

_WEB_FONTS = re.compile(r"@font-face\s*{.*?}", re.DOTALL)
_LONG_ID = re.compile(r"terminal-\d+")


async def capture_app(rec: Recommendation, out: Path) -> None:
    """One SVG a screen. Without web fonts: a picture that loads something is none."""
    app = AdvisorApp(Fields(), parsers(), opened=rec)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(0.5)
        for name, key in SCREENS.items():
            await pilot.press(key)
            await pilot.pause(0.5)
            picture = _LONG_ID.sub("t", _WEB_FONTS.sub("", app.export_screenshot(title="advisor")))
            save(out / f"tui-{name}.svg", picture.encode())


def capture_report(rec: Recommendation, out: Path) -> None:
    """The top of the page."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("report.png is not made: chromium is not installed", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as scratch:
        page, picture = Path(scratch) / "report.html", Path(scratch) / "report.png"
        page.write_text(to_html(rec), encoding="utf-8")
        subprocess.run(
            [
                chromium,
                "--headless",
                "--no-sandbox",
                "--hide-scrollbars",
                f"--window-size={REPORT_WINDOW}",
                f"--screenshot={picture}",
                page.as_uri(),
            ],
            check=True,
            capture_output=True,
        )
        save(out / "report.png", picture.read_bytes())


def save(path: Path, content: bytes) -> None:
    if len(content) > MAX_BYTES:
        raise SystemExit(f"{path} would have {len(content)} bytes, over {MAX_BYTES}")
    path.write_bytes(content)
    print(f"{path}: {len(content)} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    arguments = parser.parse_args()
    arguments.out.mkdir(exist_ok=True)
    rec = from_dict(read_manifest(arguments.artifact).document)
    if rec.artifact is not None:
        rec = replace(rec, artifact=replace(rec.artifact, path=Path("advisor-out") / rec.model.id))
    asyncio.run(capture_app(rec, arguments.out))
    capture_report(rec, arguments.out)


if __name__ == "__main__":
    main()
