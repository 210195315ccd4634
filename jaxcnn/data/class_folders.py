"""A folder of class folders: which layout it has, its classes, and the files of each split.

| layout | training | test |
| --- | --- | --- |
| `DIR/train/<class>/*` with `DIR/test/`, `DIR/validation/` or `DIR/val/` | `train` | the first of these three that has class folders |
| `DIR/train/<class>/*` alone, or `DIR/<class>/*` | nine tenths | about every tenth image (`held_out`) |
| `DIR/test/<class>/*` and the like, without `train` | – | as in the first row |
"""  # noqa: E501

import dataclasses
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from jaxcnn.data.class_files import Files, Skipped, entries, files_of, is_hidden, is_image
from jaxcnn.data.image_files import printable
from jaxcnn.errors import DataMissingError, UsageError

TRAIN = "train"
TESTS = ("test", "validation", "val")
NAMED = 5  # classes in a message


@dataclasses.dataclass(frozen=True)
class ClassFolders:
    """What a folder holds.

    Attributes:
        path: the folder.
        class_names: sorted; the label of a class is its place.
        train: the training images, or all images where the test set is to be chosen from them; None if there are none.
        test: the test images; None where they are to be chosen.
        notes: what a person should know, a sentence each.
    """

    path: str
    class_names: tuple[str, ...]
    train: Files | None
    test: Files | None
    notes: tuple[str, ...]


def read_class_folders(path: str) -> ClassFolders:
    """Lists the files of a folder.

    Args:
        path: the folder, absolute.

    Raises:
        DataMissingError: there is no such folder, or it can't be used; the message names the class or the folder.
        UsageError: it is a file.
    """
    if not Path(path).is_dir():
        if Path(path).exists():
            raise UsageError(f"--data={printable(path)} is a file; name the folder that holds the class folders.")
        raise DataMissingError(f"there is no folder {printable(path)}; name the one with the images by --data=DIR.")
    skipped = Skipped()
    tops = _folders(path, skipped)
    splits = {name.lower(): folder for name, folder in tops.items() if name.lower() in (TRAIN, *TESTS)}
    if not _has_splits(path, tops, splits):
        classes = _classes(path, tops)
        train = files_of(classes.values(), skipped)
        _require_images(path, train, classes)
        return ClassFolders(path, tuple(classes), train, None, _notes(skipped))
    return _of_splits(path, tops, splits, skipped)


def _of_splits(path: str, tops: Mapping[str, str], splits: Mapping[str, str], skipped: Skipped) -> ClassFolders:
    """The layout with a folder for each split."""
    found = {name: _folders(folder, skipped) for name, folder in splits.items()}
    tests = [name for name in TESTS if found.get(name)]
    trains = found.get(TRAIN, {})
    notes = [
        f"{printable(splits[name])} isn't used: {splits[tests[0]]} is the test set"
        for name in TESTS
        if name in tests[1:]
    ]
    unused = [name for name in tops if name.lower() not in splits]
    notes += [f"{_listed(unused)} beside {splits.get(TRAIN) or splits[tests[0]]} isn't used"] if unused else []
    # A test alone may look at one class; to train, a network needs two.
    classes = _classes(splits.get(TRAIN, path), trains or found[tests[0]], at_least=2 if trains else 1)
    train = files_of(classes.values(), skipped) if trains else None
    if not tests:
        assert train is not None, "one of the splits has class folders"
        _require_images(splits[TRAIN], train, classes)
        return ClassFolders(path, tuple(classes), train, None, (*notes, *_notes(skipped)))
    test_folder = splits[tests[0]]
    test_classes = _classes(test_folder, found[tests[0]], at_least=1)
    _compare(splits.get(TRAIN, test_folder), classes, test_folder, test_classes)
    test = files_of((test_classes.get(name, "") for name in classes), skipped)
    if train is not None:
        _require_images(splits[TRAIN], train, classes)
    missing = [name for label, name in enumerate(classes) if not (test.labels == label).any()]
    if len(missing) == len(classes):
        raise DataMissingError(f"{printable(test_folder)} has no images; put some there, or remove it.")
    notes += [f"{printable(test_folder)} has no images of {_listed(missing)}"] if missing else []
    return ClassFolders(path, tuple(classes), train, test, (*notes, *_notes(skipped)))


def _folders(path: str, skipped: Skipped) -> dict[str, str]:
    """Name → path of the folders in a folder, without hidden ones."""
    found = {}
    for entry in entries(path):
        if is_hidden(entry.name):
            skipped.hidden += 1
        elif entry.is_dir():
            found[entry.name] = entry.path
        elif is_image(entry.name):
            skipped.outside += 1
        else:
            skipped.endings[Path(entry.name).suffix.lower()] += 1
    return found


def _has_splits(path: str, tops: Mapping[str, str], splits: Mapping[str, str]) -> bool:
    """Whether a folder has one folder for each split. `train` may also be a class, beside `car` and `plane`."""
    if not splits or (set(splits) == {TRAIN} and len(tops) > 1):
        return False
    if TRAIN not in splits and len(tops) > len(splits):
        return False
    nested = {name: _folders(folder, Skipped()) for name, folder in splits.items()}
    if not any(nested.values()) and len(tops) > len(splits):
        return False
    if not nested.get(TRAIN, True) or not any(nested.values()):
        flat = splits.get(TRAIN) or next(iter(splits.values()))
        raise DataMissingError(
            f"{printable(flat)} has no class folders; sort its images into {printable(flat)}/<class>/."
        )
    return True


def _classes(path: str, folders: Mapping[str, str], at_least: int = 2) -> dict[str, str]:
    """Class name → folder, sorted by name. Names are in Unicode's composed form, which systems don't agree on.

    Raises:
        DataMissingError: there are too few, or a name can't be used.
    """
    found: dict[str, str] = {}
    alike: dict[str, str] = {}
    for name, folder in folders.items():
        try:
            name.encode("utf-8")
        except UnicodeEncodeError as error:
            raise DataMissingError(
                f"the name of the class folder {printable(folder)} isn't UTF-8; rename it."
            ) from error
        composed = unicodedata.normalize("NFC", name)
        _refuse_alike(path, alike, composed)
        found[composed] = folder
    if len(found) < at_least:
        has = f"one class folder only, {printable(next(iter(found)))}" if found else "no class folders"
        raise DataMissingError(
            f"{printable(path)} has {has}; a folder holds <class>/*, or train/<class>/* and val/<class>/*."
        )
    return dict(sorted(found.items()))


def _refuse_alike(path: str, alike: dict[str, str], name: str) -> None:
    """Remembers a class's name. Raises DataMissingError where another differs from it in case alone, or not at all."""
    folded = name.casefold()
    if folded in alike:
        first, second = sorted((alike[folded], name))
        raise DataMissingError(
            f"the classes {first!r} and {second!r} of {printable(path)} differ in case alone, or not at all: rename "
            "one, or put their images into one folder."
        )
    alike[folded] = name


def _compare(train_folder: str, trains: Mapping[str, str], test_folder: str, tests: Mapping[str, str]) -> None:
    """Raises DataMissingError for a class that only the test set has."""
    others = [name for name in tests if name not in trains]
    if not others:
        return
    alike: dict[str, str] = {}
    for name in (*trains, *others):
        _refuse_alike(f"{train_folder} and {test_folder}", alike, name)
    raise DataMissingError(
        f"{printable(test_folder)} has {_listed(others)}, which {printable(train_folder)} hasn't; a network can only "
        "tell classes that it was trained on: put training images there, or remove the class."
    )


def _require_images(path: str, files: Files, classes: Mapping[str, str]) -> None:
    """Raises DataMissingError where a class has no training images."""
    held = set(files.labels.tolist())
    empty = [name for label, name in enumerate(classes) if label not in held]
    if empty:
        raise DataMissingError(
            f"{printable(path)} has no images of {_listed(empty)}; put images there, or remove the folder."
        )


def _listed(names: list[str]) -> str:
    return ", ".join(map(printable, names[:NAMED])) + (f", … ({len(names):,} in all)" if len(names) > NAMED else "")


def _notes(skipped: Skipped) -> tuple[str, ...]:
    return (f"skipped: {skipped}",) if str(skipped) else ()
