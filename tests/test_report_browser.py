"""The page in a real browser: with the network off and scripts off, in both themes, on a phone and on paper."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import factories
import html_pages
import pytest

from advisor.report.html import to_html
from advisor.types import Recommendation

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = [
    pytest.mark.slow,  # a browser is started dozens of times
    pytest.mark.skipif(BROWSER is None, reason="no chromium or chrome is installed to look at the page with"),
]

Make = Callable[[], Recommendation]
MAKERS: tuple[Make, ...] = (factories.detailed, factories.nothing_passes, html_pages.crowded, html_pages.real_run)


def browse(folder: Path, page: Path, *options: str, width: int = 1280) -> subprocess.CompletedProcess[str]:
    """Open a page without a window; every host is out of reach."""
    return subprocess.run(
        [
            str(BROWSER),
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--enable-logging=stderr",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder / 'profile'}",
            f"--window-size={width},1000",
            *options,
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "HOME": str(folder)},
    )


def saved(folder: Path, rec: Recommendation, *, script: str = "") -> Path:
    """The page in a file; `script` is a test's own, put where the page has none."""
    path = folder / "report.html"
    path.write_text(to_html(rec).replace("</body>", f"{script}</body>"), encoding="utf-8")
    return path


_RUN = """<script>%s</script><script>
addEventListener('load', async () => {
  document.title = JSON.stringify(await (async () => {%s})());
})
</script>"""


def answer_of(
    folder: Path, rec: Recommendation, script: str, *options: str, width: int = 1280, library: str = ""
) -> object:
    """What a script, which may use a library, returns on the page: it comes back as the page's title."""
    page = saved(folder, rec, script=_RUN % (library.replace("</script", "<\\/script"), script))
    done = browse(folder, page, "--dump-dom", "--virtual-time-budget=20000", *options, width=width)
    title = re.search(r"<title>(.*?)</title>", done.stdout, flags=re.DOTALL)
    assert title is not None, done.stderr[-2000:]
    return json.loads(html.unescape(title[1]))


@pytest.mark.parametrize("make", MAKERS)
def test_it_opens_without_a_word_on_the_console_with_the_network_off(make: Make, tmp_path: Path) -> None:
    done = browse(tmp_path, saved(tmp_path, make()), "--dump-dom")
    assert "</html>" in done.stdout
    assert not re.findall(r"CONSOLE.*", done.stderr)


@pytest.mark.parametrize("make", MAKERS)
def test_it_asks_for_nothing_where_scripts_and_every_load_are_forbidden(make: Make, tmp_path: Path) -> None:
    """The browser logs each script, font, picture or request that the policy stops: there is none to stop."""
    policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    page = saved(tmp_path, make())
    free = browse(tmp_path, page, "--dump-dom")
    page.write_text(page.read_text(encoding="utf-8").replace("<head>", f"<head>{policy}"), encoding="utf-8")
    bound = browse(tmp_path, page, "--dump-dom")
    assert not re.findall(r"CONSOLE.*", bound.stderr)
    assert bound.stdout.replace(policy, "") == free.stdout
    forbidden = saved(tmp_path, make(), script="<script>1</script>")
    forbidden.write_text(forbidden.read_text(encoding="utf-8").replace("<head>", f"<head>{policy}"), encoding="utf-8")
    assert re.findall(r"CONSOLE.*script", browse(tmp_path, forbidden, "--dump-dom").stderr)


_COVERED = """
const found = [];
for (const svg of document.querySelectorAll('svg')) {
  const boxes = [...svg.querySelectorAll('text')].map(t => [t.textContent, t.getBBox()]);
  const view = svg.viewBox.baseVal;
  boxes.forEach(([text, a], i) => {
    const inside = a.x > -1 && a.y > -1 && a.x + a.width < view.width + 1 && a.y + a.height < view.height + 1;
    if (!inside) found.push([text, 'outside']);
    boxes.slice(i + 1).forEach(([other, b]) => {
      const across = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
      const down = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
      if (across > 1 && down > 4) found.push([text, other]);
    });
  });
}
return found;
"""
"""The lines of a wrapped label are 4 pixels closer than the font's own box, which no letter fills."""


@pytest.mark.parametrize("make", MAKERS)
def test_with_the_fonts_of_this_machine_no_label_covers_another(make: Make, tmp_path: Path) -> None:
    assert answer_of(tmp_path, make(), _COVERED) == []


@pytest.mark.parametrize("width", [500, 820, 1440])
@pytest.mark.parametrize("make", [factories.detailed, html_pages.real_run])
def test_the_page_itself_never_scrolls_sideways(make: Make, width: int, tmp_path: Path) -> None:
    script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert answer_of(tmp_path, make(), script, width=width) == 0


@pytest.mark.parametrize(("setting", "theme"), [(0, "dark"), (1, "light")])
def test_it_follows_the_readers_theme(setting: int, theme: str, tmp_path: Path) -> None:
    script = "return getComputedStyle(document.documentElement).backgroundColor"
    found = answer_of(tmp_path, factories.confirmed(), script, f"--blink-settings=preferredColorScheme={setting}")
    red = int(re.findall(r"\d+", str(found))[0])
    assert (red < 128) is (theme == "dark")


def test_it_can_be_printed(tmp_path: Path) -> None:
    target = tmp_path / "report.pdf"
    browse(tmp_path, saved(tmp_path, factories.detailed()), f"--print-to-pdf={target}", "--no-pdf-header-footer")
    assert target.read_bytes().startswith(b"%PDF")


def axe_script() -> Path | None:
    """axe-core as a Python package brings it, the newer one first; ADVISOR_AXE names another copy."""
    named = os.environ.get("ADVISOR_AXE")
    if named:
        return Path(named)
    found = filter(None, map(find_spec, ("axe_playwright_python", "axe_core_python")))
    return next((Path(spec.origin).with_name("axe.min.js") for spec in found if spec.origin), None)


@pytest.mark.skipif(
    axe_script() is None, reason="axe-core is not installed: pip install axe-core-python, or set ADVISOR_AXE"
)
@pytest.mark.parametrize("setting", [0, 1], ids=["dark", "light"])
@pytest.mark.parametrize("make", MAKERS)
def test_axe_finds_nothing_against_it(make: Make, setting: int, tmp_path: Path) -> None:
    path = axe_script()
    assert path is not None
    script = """
    document.querySelectorAll('details').forEach(each => { each.open = true; });
    const done = await axe.run(document);
    return done.violations.map(each => [each.id, each.nodes.slice(0, 3).map(node => node.html.slice(0, 120))]);
    """
    theme = f"--blink-settings=preferredColorScheme={setting}"
    assert answer_of(tmp_path, make(), script, theme, library=path.read_text(encoding="utf-8")) == []
