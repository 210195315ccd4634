"""The dry run's estimate of a process's memory, against what the process of a run really held."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SIMULATED = "--xla_force_host_platform_device_count"


def launch(*arguments: str, folder: Path) -> tuple[str, int]:
    """(standard output, peak bytes of main memory) of launch.py on one device, with nothing compiled before."""
    flags = [flag for flag in os.environ.get("XLA_FLAGS", "").split() if not flag.startswith(SIMULATED)]
    environment = os.environ | {"XLA_FLAGS": " ".join(flags), "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled")}
    command = [sys.executable, str(ROOT / "launch.py"), *arguments, "--json", f"--workdir={folder / 'run'}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=folder)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    assert process.returncode == 0
    return output, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("title", "data"), [("lenet5_1998", "digits"), ("resnet_cifar_2015", "photos"), ("alexnet_2012", "photos")]
)
def test_the_estimate_is_within_a_quarter(title, data, tmp_path):
    named = (f"--exp={title}", f"--data={data}", "--set", "protocols=('center',)")
    told, _ = launch(*named, "--dry-run", folder=tmp_path)
    estimate = json.loads(told)["memory"]["process"]["peak"]
    _, held = launch(*named, "--steps=1", folder=tmp_path)
    print(f"{title}: estimated {estimate / 1e6:.0f} MB, held {held / 1e6:.0f} MB")
    assert estimate == pytest.approx(held, rel=0.25)
