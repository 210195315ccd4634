"""Compares the run in a folder with the run that is asked for.

Both are trees from `folder.identity`. Paths are compared by what they point to, not by how they were typed: data by
its content, another run's weights by their values.
"""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxcnn.data.naming import is_folder
from jaxcnn.errors import UsageError
from jaxcnn.runtime import program

CONTENT = "data_content"  # what the data held, as `folder.content` says it
# Fields that don't affect training → the flag of `eval` that changes them.
EVALUATED_BY = {"protocols": "--protocol=…", "scales": "--set scales.…"}
# Fields that change a step's memory and time, and its numbers only by rounding.
SAME_NUMBERS = {"remat"}


def check_same_run(
    workdir: Path, theirs: dict[str, Any], mine: dict[str, Any], *, may_accumulate: Callable[[], bool] = lambda: False
) -> list[str]:
    """Notes, one a line, if the run may continue although not everything could be compared.

    Args:
      theirs: what the folder's experiment.json says.
      mine: what is wanted.
      may_accumulate: whether the number of micro-batches may change; called only if it has.

    Raises:
      UsageError: it is another run; the message says what differs and what to do.
    """
    notes = []
    different = {path: path.split(".")[0] for path in differences(theirs, mine)}  # path → field
    ignored = set(SAME_NUMBERS)
    if "accumulate" in different and may_accumulate():
        ignored.add("accumulate")
    if same_weights(theirs, mine):
        ignored |= {"init_from", "init_from_sha256"}
    if _moved(theirs, mine):
        ignored.add("data")
        notes.append(f"note: the images of {workdir} lay in {theirs['data']}; the same ones are in {mine['data']} now.")
    if CONTENT not in theirs:
        ignored.add(CONTENT)
        notes.append(
            f"note: {workdir} was begun by an older version, which didn't write down what its data held: whether "
            f"{mine.get('data')} is still the same data can't be checked."
        )
    for field in (SAME_NUMBERS | {"accumulate"}) & ignored & set(different):
        notes.append(
            f"note: {field} is {mine.get(field)!r} from here on, it was {theirs.get(field)!r} when {workdir} began: "
            "the same computation, rounded otherwise."
        )
    # Another data set has other content too; its name alone says more.
    last = ("init_from_sha256", CONTENT, *EVALUATED_BY)
    first = min(
        (path for path, field in different.items() if field not in ignored),
        key=lambda path: different[path] in last,
        default=None,
    )
    if first is None:
        return notes
    raise UsageError(_refusal(workdir, first, theirs, mine))


def _moved(theirs: dict[str, Any], mine: dict[str, Any]) -> bool:
    """Whether two runs see the same images in two folders of a person's own."""
    places = [str(tree.get("data")) for tree in (theirs, mine)]
    is_known = theirs.get(CONTENT) is not None and theirs.get(CONTENT) == mine.get(CONTENT)
    return is_known and places[0] != places[1] and all(map(is_folder, places))


def same_weights(theirs: dict[str, Any], mine: dict[str, Any]) -> bool:
    """Whether two runs begin with the same weights of another run (`Experiment.init_from`).

    They do if what was taken is the same, wherever the other run's folder lies now. Where that isn't known of one of
    them the place decides: of an older run; of one that goes on, and so needn't read the other's folder, which may be
    gone by then, or hold later weights.
    """
    places = [resolved(tree.get("init_from")) for tree in (theirs, mine)]
    taken = [tree.get("init_from_sha256") for tree in (theirs, mine)]
    if None in taken:
        return places[0] == places[1]
    return taken[0] == taken[1]


def resolved(folder: str | None) -> str | None:
    """A folder's absolute path, `~` and links followed, however it was typed."""
    return None if folder is None else str(Path(folder).expanduser().resolve())


def _refusal(workdir: Path, path: str, theirs: dict[str, Any], mine: dict[str, Any]) -> str:
    """The line for two runs that differ at this path."""
    field, was, now = path.split(".")[0], value_at(theirs, path), value_at(mine, path)
    if field == CONTENT:
        flag = "--data" if is_folder(str(mine.get("data"))) else "--data-dir"
        return (
            f"{workdir} was trained on other data of the same name: {_other_content(path, was, now)}; name the folder "
            f"of the data that it was trained on ({flag}=DIR), or choose another --workdir."
        )
    if field == "init_from_sha256":
        return (
            f"{workdir} began with other weights than those that init_from (={mine.get('init_from')}) holds now; name "
            "the folder that has them, or choose another --workdir."
        )
    refusal = f"{workdir} holds another experiment: its {path} is {was!r}, here it is {now!r}; choose another --workdir"
    if field in EVALUATED_BY:
        command = f"{program.command()} eval --workdir={shlex.quote(str(workdir))} {EVALUATED_BY[field]}"
        refusal += f", or evaluate this run by {command}"
    return f"{refusal}."


def _other_content(path: str, was: Any, now: Any) -> str:
    if path.endswith(".images"):
        return f"its {path.split('.')[1]} split had {was:,} images, here it has {now:,}"
    if path.endswith(".fingerprint"):
        return f"its {path.split('.')[1]} split held other images or labels, or the same in another order"
    return "its classes had other names, or another order"


def differences(theirs: Any, mine: Any, path: str = "") -> list[str]:
    """Paths of the leaves in which two JSON trees differ."""
    if isinstance(theirs, dict) and isinstance(mine, dict):
        names = sorted(theirs.keys() | mine.keys())
        return [leaf for name in names for leaf in differences(theirs.get(name), mine.get(name), f"{path}.{name}")]
    return [] if theirs == mine else [path.removeprefix(".")]


def value_at(tree: Any, path: str) -> Any:
    """The leaf at a path of `differences`; None where the tree has none."""
    for name in path.split("."):
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree
