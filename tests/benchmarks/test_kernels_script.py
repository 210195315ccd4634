"""`benchmarks/kernels.py` times steps without single kernels, which compute the same."""

import json

import pytest

from benchmarks import kernels


def test_steps_without_kernels_compute_the_same(capsys):
    command = ["--networks=lenet5", "--kernels=im2col,all", "--smoke", "--json"]
    assert kernels.main(command) == 0
    (measured,) = json.loads(capsys.readouterr().out)["measured"]
    assert measured["without"].keys() == {"im2col", "all"} and not measured["losses_differ"]
    assert all(each["median"] > 0 for each in measured["without"].values())


def test_the_table(monkeypatch, capsys):
    names = [kernels.WITHOUT + "relu", kernels.WITHOUT + "dense"]
    answer = {
        "seconds": {"ours": [1.0], names[0]: [1.5], names[1]: [0.9]},
        "losses": {"ours": [2.0], names[0]: [2.0], names[1]: [2.1]},
    }
    monkeypatch.setattr(kernels, "start", lambda asked: answer)
    assert kernels.main(["--networks=nin", "--kernels=relu,dense"]) == 1
    shown = capsys.readouterr().out
    assert "1.50 (1.50–1.50)" in shown and "Losses differ: nin without dense by 5.0e-02" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--kernels=winnograd"], "--kernels: there is no 'winnograd'; did you mean 'winograd'?"),
        (["--networks=nim"], "--networks: there is no 'nim'"),
    ],
)
def test_wrong_commands_say_so_in_one_line(capsys, arguments, message):
    assert kernels.main(arguments) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
