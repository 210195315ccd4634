"""The page of a run: what it says, in which state, and that it needs nothing but itself."""

import re

import pytest
from run_contents import HOSTILE, content, evaluation, train

from jaxcnn.reporting.run_page.compose import compose


def titles(page: str) -> list[str]:
    return re.findall(r"<h2 [^>]*>(.*?)</h2>", page)


def test_a_finished_run_has_everything():
    page = compose([content()])
    assert "9.00 % top-1 error (center); the paper: 8.75 % (Table 6); difference +0.25." in page
    assert titles(page) == [
        *("Beside the paper", "Curves", "Errors by class", "Which class is taken for which", "Calibration"),
        *("Hardest images", "First layer", "Time", "Environment", "Repeat it"),
    ]
    assert 'class="note"' not in page, "nothing to warn of"
    assert "python launch.py --exp=net:20 --workdir=&#39;a b&#39;" in page
    assert "1 min 15 s" in page and "of which compute" in page and "70.0 %" in page and "1 × cpu" in page


def test_names_are_escaped_wherever_they_stand():
    for runs in ([content()], [content(), content(folder="other")]):
        page = compose(runs)
        assert "<script" not in page and "alert(&#34;x&#34;)" in page


def test_nothing_is_loaded_from_elsewhere():
    page = compose([content()])
    assert not re.search(r"https?:|url\((?!data:)|@import|<script", page)
    assert all(source.startswith("data:") for source in re.findall(r'(?:src|href)="([^"#][^"]*)"', page))


def test_anchors_are_unique_and_lead_somewhere():
    page = compose([content()])
    found = re.findall(r' id="([^"]+)"', page)
    assert len(found) == len(set(found))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(found)


def test_a_rehearsal_and_departures_are_said_first():
    experiment = {"name": "net", "variant": "20", "data": "photos", "rehearsal": True, "seed": 0}
    page = compose([content(experiment=experiment, departures=["batch_size=64 instead of 128"], compared=[])])
    before = page[: page.index("<main")]
    assert "A rehearsal: it ran on photos" in before and "Not as in the paper: batch_size=64 instead of 128." in before
    assert "the paper has no figure for this" in before


def test_a_run_that_goes_on_shows_how_far_it_is():
    page = compose([content(summary=None, evaluation=None, planned=64_000)])
    assert "Not finished: step 200 of 64,000." in page and "9.00 % top-1 error" in page
    assert "Errors by class" not in titles(page)


def test_a_run_that_stopped_itself_says_so():
    events = [train(50), {"step": 60, "event": "stopped", "loss": None}]
    page = compose([content(summary=None, evaluation=None, events=events, compared=[])])
    assert "It stopped itself near step 60" in page and "No evaluation yet." in page


def test_imported_weights_have_no_curves():
    origin = {"from": "a.pth", "adapted": ["axes", "names"]}
    page = compose([content(summary=None, evaluation=None, events=[], compared=[], imported=origin)])
    assert "Imported weights; nothing was trained here." in page and "No step has been logged." in page
    assert "axes; names" in page and "Not finished" not in page


def test_many_classes_show_the_most_confused_pairs_and_fold_up_the_rest():
    page = compose([content(evaluation=evaluation(25))])
    assert "taken for" in page and 'class="heat"' not in page and "The other 5 classes" in page
    assert 'class="heat"' in compose([content(evaluation=evaluation(20))])


@pytest.mark.parametrize("windows", [[train(50, early=True), train(50)], [train(50)]])
def test_a_window_cut_short_gives_way_to_the_whole_one(windows):
    run = content(events=[*windows, train(100)])
    assert [event["step"] for event in run.named("train")] == [50, 100]


def test_losses_that_are_no_numbers_are_gaps():
    page = compose([content(events=[train(50), train(100, loss=None), train(150)])])
    assert "–" in page and "nan" not in page.lower().replace("finance", "")


def test_without_probabilities_there_is_no_curve():
    kept = evaluation()
    kept["protocols"]["center"] |= {"expected_calibration_error": None, "calibration": []}
    kept["hardest"][0]["probability"] = None
    page = compose([content(evaluation=kept)])
    assert "gives no probabilities that are numbers" in page and HOSTILE not in page
