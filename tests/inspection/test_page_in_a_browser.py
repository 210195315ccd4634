"""The page in Chromium: no errors, nothing wider than a telephone, in both colour schemes. Skipped without Chromium."""

import json
import re
import shutil
import subprocess

import pytest
from opened_networks import opened
from untrained_runs import save_run

import jaxcnn
from jaxcnn.inspection import subjects
from jaxcnn.inspection.methods import occlusion

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PROBE = """<script>
addEventListener("load", () => {
  document.querySelectorAll("details").forEach(part => part.open = true);
  const page = document.scrollingElement;
  const wide = [...document.querySelectorAll("img, p, figure, details, h2")]
    .filter(part => part.getBoundingClientRect().right > innerWidth + 1).map(part => part.outerHTML.slice(0, 80));
  const broken = [...document.images].filter(image => !image.complete || !image.naturalWidth).length;
  const ground = getComputedStyle(document.body).backgroundColor;
  const found = {scroll: page.scrollWidth, width: innerWidth, wide, broken, ground, images: document.images.length};
  document.body.innerHTML = "<pre id='found'>" + JSON.stringify(found) + "</pre>";
});
</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("look")
    run = save_run(opened("lenet5_1998").trained, folder / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subjects, "LARGEST_GALLERY", 64)
        patch.setattr(occlusion, "MOST", occlusion.FEWEST)
        jaxcnn.look(run)
    text = (run / "look" / "index.html").read_text(encoding="utf-8")
    (run / "look" / "probe.html").write_text(text.replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    return run / "look" / "probe.html"


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium isn't installed")
@pytest.mark.parametrize("is_dark", [False, True])
def test_nothing_is_wider_than_a_telephone(page, tmp_path, is_dark):
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom"]
    command += ["--enable-logging=stderr", "--virtual-time-budget=5000", "--window-size=390,800"]
    command += ["--blink-settings=preferredColorScheme=" + ("0" if is_dark else "1")]
    result = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=120)
    found = json.loads(re.search(r"<pre id=.found.>(.*?)</pre>", result.stdout, re.DOTALL)[1])
    assert found["images"] > 20 and found["broken"] == 0 and found["wide"] == []
    assert found["width"] == 390 and found["scroll"] <= 390
    assert found["ground"] == ("rgb(20, 23, 26)" if is_dark else "rgb(255, 255, 255)")
    assert "CONSOLE" not in result.stderr, result.stderr
