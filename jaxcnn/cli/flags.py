"""The flags of the command line as data, and a parser that reports an error in one line."""

import argparse
import contextlib
import difflib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from jaxcnn.errors import UsageError
from jaxcnn.runtime import private_jax

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


class Parser(argparse.ArgumentParser):
    """An argument parser that raises one-line errors, which suggest the nearest flag."""

    def __init__(self, *, appendix: str = "", **options: Any) -> None:
        """Makes a parser; `appendix` is appended unchanged to the text of `--help`."""
        super().__init__(allow_abbrev=False, **options)
        self._appendix = appendix

    def format_help(self) -> str:
        return super().format_help() + (f"\n{self._appendix}\n" if self._appendix else "")

    def print_help(self, file: "SupportsWrite[str] | None" = None) -> None:
        print(self.format_help(), end="", file=file)  # argparse would hide a failure to write

    def error(self, message: str) -> NoReturn:
        unknown = message.removeprefix("unrecognized arguments: ").split()[0] if "unrecognized" in message else ""
        flags = [flag for action in self._actions for flag in action.option_strings]
        near = difflib.get_close_matches(unknown.split("=")[0], flags, n=1)
        hint = f" Did you mean {near[0]}?" if near else f" See {self.prog} --help."
        raise UsageError(f"{message}.{hint}")

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """The values of the flags. Raises UsageError, also for an empty value, as from an unset shell variable."""
        flags = self.parse_intermixed_args(arguments)  # a flag may stand between two images
        for action in self._actions:
            value = getattr(flags, action.dest, None)
            if value == "" or (isinstance(value, list) and "" in value):
                name = f"{action.option_strings[0]}=" if action.option_strings else str(action.metavar)
                raise UsageError(f"{name} is empty; give it a value, or leave it out.")
        return flags


@contextlib.contextmanager
def reporting_missing_platform() -> Iterator[None]:
    """Turns JAX's error for an unusable `JAX_PLATFORMS` into a UsageError."""
    try:
        yield
    except (AssertionError, RuntimeError) as error:
        platforms = os.environ.get("JAX_PLATFORMS")
        if not platforms or private_jax.backends_are_initialized():
            raise
        raise UsageError(
            f"JAX_PLATFORMS (={platforms}) names no device that JAX finds here; install JAX for it, or set it to cpu."
        ) from error


def positive(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    """An argparse type: a positive, finite number of the given kind."""

    def parse(text: str) -> Any:
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} must be positive and finite")
        return value

    parse.__name__ = f"positive {kind.__name__}"
    return parse


Flags = dict[str, dict[str, Any]]

EXPERIMENT: Flags = {
    "--exp": {"metavar": "NAME[:VARIANT]", "help": "see --list"},
    "--set": {
        "metavar": "path=value",
        "action": "append",
        "default": [],
        "help": "override a field, repeatable: batch_size=64",
    },
}
NAMED_EXPERIMENT: Flags = EXPERIMENT | {"--exp": EXPERIMENT["--exp"] | {"required": True}}
DESCRIBE: Flags = {
    **NAMED_EXPERIMENT,
    "--html": {"metavar": "FILE", "help": "write the description and the drawing as a page of HTML"},
    "--svg": {"metavar": "FILE", "help": "write the network's drawing, to scale"},
}
FOLDERS: Flags = {
    "--data-dir": {"metavar": "DIR", "help": "TFDS folder or bucket; $TFDS_DATA_DIR"},
    "--manual-dir": {"metavar": "DIR", "help": "folder with the original archives"},
}
PREPARE: Flags = {
    "--data": {"metavar": "NAME", "required": True},
    "--resize": {
        "metavar": "N",
        "type": positive(int),
        "help": "a compact copy of photographs: the shorter side N pixels, JPEG quality 95",
    },
    **FOLDERS,
}
PARALLEL: Flags = {
    "--parallel": {"choices": ("jit", "pmap"), "default": "jit"},
    "--mesh": {"metavar": "data=N,model=M", "help": "lay devices out; model shards AlexNet's two towers"},
}
OPEN: Flags = {"--open": {"action": "store_true", "help": "open the report in a browser when it is written"}}
TRAIN: Flags = {
    **EXPERIMENT,
    "--list": {"action": "store_true", "help": "show every experiment and variant"},
    "--workdir": {"metavar": "DIR", "help": "the run's folder, new or to resume"},
    "--data": {"metavar": "auto|NAME", "default": "auto", "help": "a named data set has no fallback"},
    **FOLDERS,
    "--steps": {"metavar": "N", "type": positive(int), "help": "stop after N steps; schedules keep their shape"},
    "--epochs": {"metavar": "N", "type": positive(float), "help": "stop after N epochs; schedules keep their shape"},
    "--seed": {"metavar": "N", "type": int, "default": 0},
    **PARALLEL,
    "--dry-run": {
        "action": "store_true",
        "help": "compile the step and show what a run would need, without running it",
    },
    "--devices": {"metavar": "N", "type": positive(int), "help": "with --dry-run: simulate N devices"},
    "--profile": {"metavar": "DIR", "help": "write a trace of a few steps with JAX's profiler"},
    "--distributed": {"action": "store_true", "help": "run as one of several processes, with jax.distributed"},
    **OPEN,
}
BENCH: Flags = {
    **NAMED_EXPERIMENT,
    "--batch-size": {"metavar": "N", "type": positive(int)},
    "--steps": {"metavar": "N", "type": positive(int), "default": 20},
    **PARALLEL,
    "--data": {"metavar": "NAME", "help": "also measure this data set's pipeline, alone and with the step"},
    "--data-dir": FOLDERS["--data-dir"],
}
PREDICT: Flags = {
    "images": {"metavar": "IMAGE|FOLDER", "nargs": "+", "help": "image files, and folders with all images below them"},
    "--workdir": {"metavar": "DIR", "required": True, "help": "the run's folder"},
    "--top": {
        "metavar": "N",
        "type": positive(int),
        "default": 5,
        "help": "how many classes to name for each image; all, if there are fewer",
    },
    "--csv": {"metavar": "FILE", "help": "write the answers to this file instead of showing them"},
}
LOOK: Flags = {
    "images": PREDICT["images"] | {"nargs": "*", "help": "image files and folders; by default four test images"},
    "--workdir": PREDICT["--workdir"],
    "--output": {"metavar": "FOLDER", "help": "for the page and its images; by default DIR/look"},
    "--seed": {"metavar": "N", "type": int, "default": 0, "help": "which images and units are drawn"},
    "--data": {"metavar": "NAME", "help": "another data set than the run's"},
    "--data-dir": FOLDERS["--data-dir"],
}
IMPORT: Flags = {
    "--exp": {"metavar": "NAME[:VARIANT]", "required": True, "help": "whose network the weights are for"},
    "--from": {"metavar": "FILE", "required": True, "help": "of PyTorch, safetensors, Keras or Caffe"},
    "--workdir": {"metavar": "DIR", "required": True, "help": "a new folder, which becomes that of a run"},
    "--set": {"metavar": "PATH=VALUE", "action": "append", "default": [], "help": "override a field; repeatable"},
    "--zeros": {
        "metavar": "both|behind",
        "default": "both",
        "help": "where a ResNet for CIFAR has the zeros of its shortcuts, which no file says",
    },
}
EVALUATE: Flags = {
    "--workdir": {"metavar": "DIR", "required": True},
    "--protocol": {"metavar": "NAME", "action": "append", "default": [], "help": "repeatable"},
    "--data": {"metavar": "NAME"},
    "--set": EXPERIMENT["--set"] | {"help": "override a field: scales.dense=(384,)"},
    **FOLDERS,
}
EXPORT: Flags = {
    "--workdir": {"metavar": "DIR", "required": True},
    "--format": {"metavar": "safetensors|onnx|stablehlo", "required": True},
    "--output": {"metavar": "FILE", "required": True, "help": "an existing file of this name is replaced"},
}
REPORT: Flags = {
    "--workdir": {"metavar": "DIR", "action": "append", "default": [], "help": "the run's folder; repeatable"},
    "folders": {"metavar": "DIR", "nargs": "*", "help": "more runs, to be shown beside the first"},
    "--output": {"metavar": "FILE", "help": "report.html in the run's folder; of several, in the current one"},
    **OPEN,
}
