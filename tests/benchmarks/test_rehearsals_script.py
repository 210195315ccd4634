"""The rehearsals' script: what it counts as reached, as the same run, and as a loss line. It trains nothing here."""

import io
import json

import pytest
from rich.console import Console

import jaxcnn
from benchmarks import rehearsals
from jaxcnn.reporting.progress import Plain


def outcome(seed: int, error: float | None, **changes) -> rehearsals.Outcome:
    return {
        **{"experiment": "alexnet_2012", "seed": seed, "isa": "AVX2", "recipe": rehearsals.recipe("alexnet_2012")},
        **{"status": 0 if error is not None else 4, "test_error": error, "seconds": 60.0, "first_loss_seconds": 20.0},
        **{"warm_cache": seed > 0, "processor": "a processor, 2 cores", "versions": {"jax": "0.10.2"}},
        **({} if error is not None else {"failure": "launch.py: the loss is not finite"}),
        **changes,
    }


def test_every_target_is_an_experiment_with_a_rehearsal():
    for title, target in rehearsals.TARGETS.items():
        assert jaxcnn.load(title).rehearsal is not None and target.seeds >= 1
        assert len(rehearsals.recipe(title)) == 8


@pytest.mark.parametrize(
    ("outcomes", "missed"),
    [
        ([outcome(0, 30.0), outcome(1, 40.0)], ()),
        ([outcome(0, 30.0), outcome(1, 40.2)], ("40.2 %, not at most 40 %",)),
        ([outcome(0, 30.0), outcome(1, None)], ("seed 1: launch.py: the loss is not finite",)),
        ([outcome(0, 30.0, seconds=181.0)], ("181 s, not at most 180 s",)),
        ([outcome(0, 30.0, first_loss_seconds=31.0)], ("after 31 s, not 30 s",)),
        ([outcome(1, 30.0, first_loss_seconds=31.0)], ()),  # with a warm cache it doesn't count
    ],
)
def test_what_misses_a_target(outcomes, missed):
    found = rehearsals.misses("alexnet_2012", outcomes)
    assert len(found) == len(missed) and all(text in line for text, line in zip(missed, found, strict=True))


def test_mean_worst_and_best_are_in_the_table():
    stream = io.StringIO()
    outcomes = [outcome(0, 30.0), outcome(1, 33.0), outcome(2, 36.0), outcome(3, None), outcome(0, 35.5, isa="AVX512")]
    Console(file=stream, width=200).print(rehearsals.table(outcomes))
    narrow = next(line for line in stream.getvalue().splitlines() if "AVX2" in line)
    assert [cell.strip() for cell in narrow.strip("│").split("│")] == [
        *("alexnet_2012", "AVX2", "4, 1 failed", "33.0", "36.0", "30.0", "40", "60", "20")
    ]
    assert "AVX512" in stream.getvalue() and "35.5" in stream.getvalue()


def test_a_finished_run_is_not_run_again(tmp_path, monkeypatch, capsys):
    results, runs = tmp_path / "results.jsonl", []
    stale = outcome(0, 99.0, recipe="another")
    results.write_text(json.dumps(stale) + "\n" + json.dumps(outcome(1, 30.0)) + "\n")

    def rehearse(title, seed, isa, folder):
        runs.append((title, seed, isa))
        return outcome(seed, 50.0)

    monkeypatch.setattr(rehearsals, "rehearse", rehearse)
    flags = ["--experiments", "alexnet_2012", "--seeds", "0", "1", "--isa=AVX2", f"--results={results}"]
    assert rehearsals.main(flags) == 1
    assert runs == [("alexnet_2012", 0, "AVX2")]
    shown = capsys.readouterr()
    assert "50.0" in shown.out and "99.0" not in shown.out
    assert "alexnet_2012 (AVX2): the worst test error is 50.0 %" in shown.err
    assert rehearsals.main(flags) == 1 and len(runs) == 1


def test_a_command_has_no_data_no_network_and_no_wider_vectors(tmp_path, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=x")
    found = rehearsals.environment(tmp_path, "AVX2")
    assert found["XLA_FLAGS"] == "--xla_dump_to=x --xla_cpu_max_isa=AVX2"
    assert found["TFDS_DATA_DIR"].startswith(str(tmp_path)) and "127.0.0.1" in found["https_proxy"]
    assert "xla_cpu_max_isa" not in rehearsals.environment(tmp_path, None)["XLA_FLAGS"]


def test_a_loss_line_is_what_the_display_writes():
    stream = io.StringIO()
    display = Plain(stream)
    display.advance("train", 2, 1200, "epoch 0.02  loss 4.3728  error 86.46 %")
    assert rehearsals.LOSS_LINE.match(stream.getvalue())
    assert not rehearsals.LOSS_LINE.match("REHEARSAL: this is … train loss")
