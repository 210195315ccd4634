"""The page in headless Chromium: no errors, nothing wider than a telephone, both colour schemes."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from run_contents import content, evaluation

from jaxcnn.reporting.run_page.compose import compose

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium to show the page")

# The page in a frame of a telephone's width, and what a script beside it sees there. (Chromium's own window is wider.)
FRAME = """<iframe id="frame" style="border: 0; width: WIDTHpx; height: 900px" src="page.html"></iframe>
<pre id="seen"></pre>
<script>
addEventListener("load", () => {
  const inside = document.getElementById("frame").contentDocument, root = inside.documentElement;
  const wide = [...inside.querySelectorAll("body *")].filter(
    (one) => !one.closest(".scroll > *, .skip, pre") && one.getBoundingClientRect().right > root.clientWidth + 1);
  document.getElementById("seen").textContent = JSON.stringify({
    scroll: root.scrollWidth, width: root.clientWidth, wide: wide.map((one) => one.outerHTML.slice(0, 80)),
    ground: inside.defaultView.getComputedStyle(inside.body).backgroundColor,
    points: inside.querySelectorAll("circle title").length});
});
</script>"""


def shown(folder: Path, page: str, *, width: int, dark: bool) -> tuple[dict, str]:
    """What the frame's script has seen, and what Chromium says of errors."""
    assert BROWSER is not None
    (folder / "page.html").write_text(page, encoding="utf-8")
    (folder / "frame.html").write_text(FRAME.replace("WIDTH", str(width)), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--enable-logging=stderr"]
    flags += [f"--user-data-dir={folder / 'profile'}", f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
    command = [BROWSER, *flags, "--dump-dom", "--window-size=1400,1000", (folder / "frame.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'<pre id="seen">(\{.*?\})</pre>', done.stdout, re.DOTALL)
    assert found is not None, done.stdout[-500:]
    seen = found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return json.loads(seen), "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_and_has_the_colours_of_the_scheme(tmp_path, width, dark):
    page = compose([content(evaluation=evaluation(20))])
    seen, console = shown(tmp_path, page, width=width, dark=dark)
    assert console == ""
    assert seen["scroll"] <= seen["width"] <= width and seen["wide"] == []
    assert seen["ground"] == ("rgb(20, 23, 26)" if dark else "rgb(255, 255, 255)")
    assert seen["points"] > 20


def test_several_runs_fit_too(tmp_path):
    runs = [content(folder=f"runs/a-folder-with-a-long-name-{seed}") for seed in range(3)]
    seen, console = shown(tmp_path, compose(runs), width=390, dark=False)
    assert console == "" and seen["scroll"] <= seen["width"] and seen["wide"] == []


def test_the_measure_would_see_what_is_too_wide(tmp_path):
    page = compose([content()]).replace("<main", '<div style="width: 900px">x</div><script>throw 1</script><main')
    seen, console = shown(tmp_path, page, width=390, dark=False)
    assert seen["scroll"] > 390 and len(seen["wide"]) == 1 and "Uncaught" in console
