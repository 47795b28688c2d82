"""A page in Debian's chromium without a window, and what the browser says of it."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, NamedTuple

import pytest

# The browser itself would look for updates: no name but our own address is resolved.
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--enable-logging=stderr",
    "--dump-dom",
)
LIGHT, DARK = 1, 0
_CONSOLE = re.compile(r"CONSOLE[:(]\d+\)?\] (.*)")
# Headless windows have a least width: frames of the page's own origin do not.
FRAMES = """<!DOCTYPE html><meta charset="utf-8"><link rel="icon" href="data:,"><body>
<script>
const measured = (frame) => {
  const page = frame.contentDocument, width = frame.clientWidth;
  const cut = [...page.querySelectorAll("body *")].filter((each) => {
    const box = each.getBoundingClientRect();
    return box.width > 1 && (box.right > width + 1 || box.left < -1);
  });
  const style = (where, what) => {
    const found = page.querySelector(where);
    return found && getComputedStyle(found)[what];
  };
  return {
    width: page.documentElement.scrollWidth,
    cut: cut.map((each) => each.outerHTML.slice(0, 120)),
    headings: [...page.querySelectorAll("h1, h2")].map((each) => each.textContent),
    charts: [...page.querySelectorAll("figure.round svg")].length,
    drawn: [...page.querySelectorAll("svg")].map((each) => each.getBoundingClientRect().height > 0),
    unnamed: [...page.querySelectorAll("svg:not([aria-label])")].length,
    scripts: page.scripts.length,
    paper: style("body", "backgroundColor"),
    ink: style("svg text", "fill"),
  };
};
onload = () => {
  const told = [...document.querySelectorAll("iframe")].map(measured);
  document.body.innerHTML = "<pre></pre>";
  document.querySelector("pre").textContent = JSON.stringify(told);
};
</script>
%s
</body>"""


class Seen(NamedTuple):
    """What came of opening a page, in frames of several widths."""

    frames: list[dict[str, Any]]
    console: list[str]
    requests: list[str]


def find_chromium() -> str:
    """The program; a test is skipped without it, but not in CI."""
    program = shutil.which("chromium")
    if program is None and os.environ.get("CI"):
        pytest.fail("chromium is not installed: make browser")
    if program is None:
        pytest.skip("chromium is not installed: make browser")
    return program


def open_page(html: str, widths: Sequence[int], scheme: int = LIGHT) -> Seen:
    program = find_chromium()
    with TemporaryDirectory() as name, _serving(Path(name) / "site") as (site, port, requests):
        (site / "page.html").write_text(html, encoding="utf-8")
        frame = '<iframe src="page.html" style="width:{}px;height:900px;border:0"></iframe>'
        frames = "\n".join(frame.format(width) for width in widths)
        (site / "frames.html").write_text(FRAMES % frames, encoding="utf-8")
        profile = f"--user-data-dir={name}/profile"
        setting = f"--blink-settings=preferredColorScheme={scheme}"
        address = f"http://127.0.0.1:{port}/frames.html"
        done = subprocess.run(
            [program, *OPTIONS, profile, setting, address],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    found = re.search(r"<pre>(.*)</pre>", done.stdout, re.S)
    assert found, done.stdout[-2_000:] + done.stderr[-2_000:]
    return Seen(json.loads(unescape(found[1])), _CONSOLE.findall(done.stderr), requests)


@contextmanager
def _serving(site: Path) -> Iterator[tuple[Path, int, list[str]]]:
    """A folder on a port of this machine, and the paths that were asked for."""
    site.mkdir()
    requests: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            requests.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield site, server.server_port, requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
