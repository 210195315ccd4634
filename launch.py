"""The command line: `python launch.py --exp=alexnet_2012`. Parses flags, loads the experiment, calls one job."""

import argparse
import difflib
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import jaxcnn
from jaxcnn.errors import JaxcnnError, UsageError


class Parser(argparse.ArgumentParser):
    """Says what is wrong with a command in one line, with the nearest flag."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        unknown = message.removeprefix("unrecognized arguments: ").split()[0] if "unrecognized" in message else ""
        flags = [flag for action in self._actions for flag in action.option_strings]
        near = difflib.get_close_matches(unknown.split("=")[0], flags, n=1)
        hint = f" Did you mean {near[0]}?" if near else f" See {self.prog} --help."
        raise UsageError(f"{message}.{hint}")


def experiment_flags(parser: Parser, *, required: bool) -> None:
    parser.add_argument("--exp", metavar="NAME[:VARIANT]", required=required, help="see --list")
    parser.add_argument(
        "--set", metavar="path=value", action="append", default=[], help="override a field: batch_size=64"
    )


def overridden(flags: argparse.Namespace, *settings: str) -> jaxcnn.Experiment:
    """The experiment that the flags name, without data."""
    from jaxcnn.training.setting import check_network

    experiment = jaxcnn.override(jaxcnn.load(flags.exp), *flags.set, *settings)
    check_network(experiment, experiment.title)
    return experiment


def data_flags(parser: Parser) -> None:
    parser.add_argument("--data-dir", metavar="DIR", help="TFDS folder or bucket; $TFDS_DATA_DIR")
    parser.add_argument("--manual-dir", metavar="DIR", help="folder with the original archives")


def json_flag(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def positive(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} must be positive and finite")
        return value

    parse.__name__ = f"positive {kind.__name__}"
    return parse


def train_parser() -> Parser:
    parser = Parser(
        prog="launch.py",
        description="Train an experiment, or go on with it, and evaluate it by its paper's protocol.",
        epilog=f"Other commands: {', '.join(COMMANDS)}; each has its own --help.",
    )
    experiment_flags(parser, required=False)
    parser.add_argument("--list", action="store_true", help="show every experiment and variant")
    parser.add_argument("--workdir", metavar="DIR", help="where the run lives, or goes on")
    parser.add_argument("--data", metavar="auto|NAME", default="auto", help="NAME never falls back")
    data_flags(parser)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", metavar="N", type=positive(int), help="stop here; schedules keep their shape")
    length.add_argument("--epochs", metavar="N", type=positive(float), help="likewise")
    parser.add_argument("--seed", metavar="N", type=int, default=0)
    parser.add_argument("--parallel", choices=("jit", "pmap"), default="jit")
    json_flag(parser)
    return parser


def train(flags: argparse.Namespace) -> Any:
    from jaxcnn.reporting.progress import automatic
    from jaxcnn.reporting.tables import show_list, show_summary

    if flags.list:
        from jaxcnn.analysis.describe import listing

        return listing(), show_list
    if flags.exp is None:
        raise UsageError(f"give --exp=NAME, --list, or a command ({', '.join(COMMANDS)}).")
    if not 0 <= flags.seed < 2**32:
        raise UsageError(f"--seed (={flags.seed}) must be from 0 to {2**32 - 1}.")
    display = automatic()
    try:
        summary = jaxcnn.fit(
            jaxcnn.load(flags.exp),
            workdir=flags.workdir,
            data=flags.data,
            data_dir=flags.data_dir,
            manual_dir=flags.manual_dir,
            steps=flags.steps,
            epochs=flags.epochs,
            seed=flags.seed,
            parallel=flags.parallel,
            settings=flags.set,
            display=display,
        )
    finally:
        display.close()
    return summary, show_summary


def describe_parser() -> Parser:
    parser = Parser(prog="launch.py describe", description="The layer table, the paper's claims, the contradictions.")
    experiment_flags(parser, required=True)
    json_flag(parser)
    return parser


def describe(flags: argparse.Namespace) -> Any:
    from jaxcnn.analysis.describe import describe
    from jaxcnn.reporting.tables import show_description

    return describe(overridden(flags)), show_description


def bench_parser() -> Parser:
    parser = Parser(prog="launch.py bench", description="The speed of the train step on made-up input.")
    experiment_flags(parser, required=True)
    parser.add_argument("--batch-size", metavar="N", type=positive(int))
    parser.add_argument("--steps", metavar="N", type=positive(int), default=20)
    parser.add_argument("--parallel", choices=("jit", "pmap"), default="jit")
    json_flag(parser)
    return parser


def bench(flags: argparse.Namespace) -> Any:
    from jaxcnn.analysis.bench import bench
    from jaxcnn.reporting.tables import show_fields

    experiment = overridden(flags, *([f"batch_size={flags.batch_size}"] if flags.batch_size else []))
    return bench(experiment, steps=flags.steps, parallel=flags.parallel), show_fields


def prepare_parser() -> Parser:
    parser = Parser(prog="launch.py prepare", description="Write a TFDS data set, without TensorFlow.")
    parser.add_argument("--data", metavar="NAME", required=True)
    data_flags(parser)
    json_flag(parser)
    return parser


def prepare(flags: argparse.Namespace) -> Any:
    from jaxcnn.data.prepare import prepare
    from jaxcnn.reporting.progress import automatic
    from jaxcnn.reporting.tables import show_fields

    display = automatic()
    try:
        folder = prepare(flags.data, data_dir=flags.data_dir, manual_dir=flags.manual_dir, progress=display.advance)
    finally:
        display.close()
    return {"data": flags.data, "folder": str(folder)}, show_fields


def eval_parser() -> Parser:
    parser = Parser(prog="launch.py eval", description="The errors of a run's newest checkpoint.")
    parser.add_argument("--workdir", metavar="DIR", required=True)
    parser.add_argument("--protocol", metavar="NAME", action="append", default=[], help="repeatable")
    parser.add_argument("--data", metavar="NAME")
    parser.add_argument(
        "--set", metavar="path=value", action="append", default=[], help="override a field: scales.dense=(384,)"
    )
    data_flags(parser)
    json_flag(parser)
    return parser


def evaluate(flags: argparse.Namespace) -> Any:
    from jaxcnn.reporting.progress import automatic
    from jaxcnn.reporting.tables import show_evaluation

    display = automatic()
    try:
        result = jaxcnn.evaluate(
            flags.workdir,
            protocols=flags.protocol,
            data=flags.data,
            data_dir=flags.data_dir,
            manual_dir=flags.manual_dir,
            settings=flags.set,
            display=display,
        )
    finally:
        display.close()
    return result, show_evaluation


def doctor_parser() -> Parser:
    parser = Parser(prog="launch.py doctor", description="Devices, versions, compiler canaries, data, decode speed.")
    parser.add_argument("--data-dir", metavar="DIR")
    json_flag(parser)
    return parser


def doctor(flags: argparse.Namespace) -> Any:
    from jaxcnn.analysis.doctor import doctor
    from jaxcnn.reporting.tables import show_fields

    return doctor(flags.data_dir), show_fields


COMMANDS: dict[str, tuple[Callable[[], Parser], Callable[[argparse.Namespace], Any]]] = {
    "describe": (describe_parser, describe),
    "bench": (bench_parser, bench),
    "prepare": (prepare_parser, prepare),
    "eval": (eval_parser, evaluate),
    "doctor": (doctor_parser, doctor),
}


def run(arguments: Sequence[str]) -> None:
    """Runs one command; what it answers goes to standard output, everything else to standard error."""
    name, rest = (arguments[0], arguments[1:]) if arguments and arguments[0] in COMMANDS else (None, arguments)
    if name is None and arguments and not arguments[0].startswith("-"):
        near = difflib.get_close_matches(arguments[0], COMMANDS, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"there is no command {arguments[0]!r}; {hint}Allowed: --exp=NAME, {', '.join(COMMANDS)}.")
    make_parser, job = COMMANDS[name] if name else (train_parser, train)
    flags = make_parser().parse_args(rest)
    answer, show = job(flags)
    if flags.json:
        print(json.dumps(answer, indent=2, allow_nan=False))
    else:
        show(answer)


def quiet() -> None:
    """Keeps the libraries' own notices off the screen, and what has been compiled for the next start."""
    import logging

    import jax

    logging.getLogger("absl").setLevel(logging.ERROR)
    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        jax.config.update("jax_compilation_cache_dir", os.path.join(cache, "jaxcnn", "compiled"))


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: see the command line's table in the README."""
    try:
        quiet()
        run(sys.argv[1:] if arguments is None else arguments)
    except JaxcnnError as error:
        print(f"launch.py: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("launch.py: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:  # the reader of our output left
        sys.stderr.close()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
