"""The benchmark runs and its figures fit together; how fast anything is, is no test."""

import json

import pytest
from PIL import Image
from skimage import data

from jaxcnn.errors import DataMissingError

pytest.importorskip("torch", reason="the benchmark compares with torch, which isn't installed")

from benchmarks import baselines, input_pipeline
from benchmarks.jpeg_folder import FolderSource


@pytest.fixture
def photos(tmp_path):
    for name, picture in (("cat", data.chelsea()), ("coffee", data.coffee())):
        Image.fromarray(picture).save(tmp_path / f"{name}.JPEG", quality=90)
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_all_figures(photos, capsys, monkeypatch):
    monkeypatch.setattr(input_pipeline, "default_threads", lambda: 1)
    command = [f"--photos={photos}", "--pictures=8", "--rounds=1", "--batch-size=4", "--memory-pictures=40"]
    input_pipeline.main([*command, "--json"])
    found = json.loads(capsys.readouterr().out)
    names = {"ours", "torch", "torch, in its own process", "torch, normalised floats"}
    names |= {"ours, in torch's processes", "full decode"}
    assert found["photographs"] == 2
    for key in ("pictures_per_second_per_core", "spread", "pictures_per_second", "ours_against"):
        assert found[key].keys() == names
    assert found["ours_against"]["ours"] == 1.0
    assert all(rate > 0 for rate in found["pictures_per_second_per_core"].values())
    assert len(found["resident_megabytes"]) == 10 and min(found["resident_megabytes"]) > 50


def test_the_contenders_give_what_they_say(photos):
    source = FolderSource(photos)
    plain, _ = next(iter(baselines.loader(baselines.TorchCrops(source, 4, 32), 4, 0)))
    assert plain.shape == (4, 32, 32, 3) and plain.dtype == baselines.torch.uint8
    floats, _ = next(iter(baselines.loader(baselines.TorchCrops(source, 4, 32, floats=True), 4, 0)))
    assert floats.shape == (4, 3, 32, 32) and floats.dtype == baselines.torch.float32
    assert abs(float(floats.mean())) < 3
    batches = baselines.full_decode_batches(source, size=32, channels=3, batch_size=4, seed=0, crop=input_pipeline.CROP)
    ours = input_pipeline.train_batches(source, size=32, channels=3, batch_size=4, seed=0, crop=input_pipeline.CROP)
    whole, quick = next(batches)["image"], next(ours)["image"]
    # The same windows of the same pictures; on the average nearly the same pixels.
    assert abs(whole.astype(int) - quick).mean() < 5
    batches.close(), ours.close()


def test_windows_are_within_the_picture():
    for width, height in ((500, 375), (20, 900), (3, 3)):
        for _ in range(50):
            left, top, across, down = baselines.torch_window(width, height)
            assert 0 <= left <= left + across <= width and 0 <= top <= top + down <= height and across * down > 0


def test_a_folder_without_photographs(tmp_path):
    with pytest.raises(DataMissingError, match=r"no \*\.jpg"):
        FolderSource(tmp_path)
