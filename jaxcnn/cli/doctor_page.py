"""The answer of `doctor` for a person: what is there, what is missing, and the command that gets it."""

from collections import Counter
from typing import Any

from rich.table import Table

from jaxcnn.cli.tables import console
from jaxcnn.data.datasets import DATA_SETS, prepare_command
from jaxcnn.runtime import program

EXTRAS = {
    "export": "export --format=onnx",
    "keras": "import-weights from Keras's .h5 and .keras files",
    "bench": "the tests and benchmarks that compare with torch",
}


def show_doctor(found: dict[str, Any], data_dir: str | None = None) -> None:
    """Shows the machine, then the data sets, then the optional packages.

    Args:
      found: what `analysis.doctor` found.
      data_dir: as it was given; None for the default.
    """
    out = console()
    out.print(verdict(found))
    out.print(machine_table(found))
    out.print(data_table(found))
    for name, ready in found["data"].items():
        if not ready:  # a line of its own, which a narrow terminal doesn't break
            out.print(f"get {name}: {prepare_command(name, data_dir)}", soft_wrap=True)
    for name, there in found["extras"].items():
        if not there:
            out.print(f"only needed for {EXTRAS[name]}: {install_command(name)}", soft_wrap=True)


def verdict(found: dict[str, Any]) -> str:
    """Whether a run's numbers can be trusted on this machine, and what to do if not."""
    if found["healthy"]:
        return "This machine computes correctly."
    wrong = ", ".join(name.replace("_", " ") for name, error in found["canaries"].items() if error >= 1e-3)
    return (
        f"This machine's compiler gives WRONG numbers (by {wrong}): don't train on it. Another jaxlib helps: "
        "pip install -c constraints.txt jax jaxlib"
    )


def machine_table(found: dict[str, Any]) -> Table:
    """Devices, compiler, memory, decoding and versions."""
    kinds = Counter(device.split(" ", 1)[-1] for device in found["devices"])
    large = "yes" if found["large_pages"] else "no: steps on CPU are slower"
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    rows = {
        "devices": ", ".join(f"{count} × {kind}" for kind, count in kinds.items()),
        "compiler's error": ", ".join(
            f"{error:.1g} ({name.replace('_', ' ')})" for name, error in found["canaries"].items()
        ),
        "large memory pages": large,
        "decoding on a core": f"{found['decode_images_per_second']:,.0f} JPEG images/s",
        "XLA_FLAGS": found["xla_flags"] or "not set",
        "versions": versions,
    }
    table = Table("machine", "")
    for name, text in rows.items():
        table.add_row(name, text)
    return table


def data_table(found: dict[str, Any]) -> Table:
    """Each data set, and whether it is there."""
    table = Table("data set", "images", f"in {found['data_dir']}")
    for name, ready in found["data"].items():
        entry = DATA_SETS[name]
        there = "comes with the packages" if entry.embedded else "ready"
        table.add_row(name, f"{entry.train_size:,} + {entry.test_size:,}", there if ready else "missing")
    return table


def install_command(extra: str) -> str:
    """The command that installs an extra of this package, from where it was installed."""
    return f'pip install "{"." if program.checkout() else "jaxcnn"}[{extra}]"'
