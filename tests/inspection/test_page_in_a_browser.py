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
# The page in a frame of a telephone's width, and what a script beside it sees there. (Chromium's own window is wider.)
FRAME = """<iframe id="frame" style="border: 0; width: 390px; height: 900px" src="index.html"></iframe>
<pre id="found"></pre>
<script>
addEventListener("load", () => {
  const inside = document.getElementById("frame").contentDocument, root = inside.documentElement;
  inside.querySelectorAll("details").forEach(part => part.open = true);
  const wide = [...inside.querySelectorAll("img, p, figure, details, h2")].filter(
    part => !part.closest(".scroll > *, .skip") && part.getBoundingClientRect().right > root.clientWidth + 1);
  const broken = [...inside.images].filter(image => !image.complete || !image.naturalWidth).length;
  document.getElementById("found").textContent = JSON.stringify({
    scroll: root.scrollWidth, width: root.clientWidth, wide: wide.map(part => part.tagName), broken,
    ground: inside.defaultView.getComputedStyle(inside.body).backgroundColor, images: inside.images.length});
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
    (run / "look" / "frame.html").write_text(FRAME, encoding="utf-8")
    return run / "look" / "frame.html"


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium isn't installed")
@pytest.mark.parametrize("is_dark", [False, True])
def test_nothing_is_wider_than_a_telephone(page, tmp_path, is_dark):
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom"]
    command += ["--enable-logging=stderr", "--allow-file-access-from-files", "--window-size=1400,1000"]
    command += ["--blink-settings=preferredColorScheme=" + ("0" if is_dark else "1")]
    result = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=120)
    found = json.loads(re.search(r'<pre id="found">(\{.*?\})</pre>', result.stdout, re.DOTALL)[1])
    assert found["images"] > 20 and found["broken"] == 0 and found["wide"] == []
    assert found["scroll"] <= found["width"] <= 390
    assert found["ground"] == ("rgb(20, 23, 26)" if is_dark else "rgb(255, 255, 255)")
    assert "CONSOLE" not in result.stderr, result.stderr
