"""A trained network from a run's folder, with what it takes to apply it: its recipe, variables and class names.

trained = jaxcnn.load_trained("runs/first")
trained.predict(["cat.jpg", "photos/"])                    # [{"image", "top": [{"label", "name", "probability"}]}]
squares = trained.read_images(["cat.jpg"])                  # uint8, as `preprocess` takes them
trained.logits(trained.preprocess(squares))
"""

import dataclasses
import functools
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.augmentation.augment import normalise
from jaxcnn.config.experiment import Experiment, load
from jaxcnn.config.overrides import ACTIVATIONS, LENGTHS, apply_changes, set_path
from jaxcnn.config.serialize import to_json
from jaxcnn.data.class_names import readable_names
from jaxcnn.data.loading.images import Images, open_images, squares
from jaxcnn.data.preparation.choose import Choice
from jaxcnn.errors import DamagedCheckpointWarning, JaxcnnError, UsageError
from jaxcnn.evaluation.crops import center
from jaxcnn.parallel.devices import Devices
from jaxcnn.reporting.progress import Display, Silent
from jaxcnn.runs.checkpoints import Checkpoints
from jaxcnn.runs.disk_errors import reporting_full_disk
from jaxcnn.runs.folder import FREE, local_folder, saved_identity
from jaxcnn.runs.predictor import Prediction, Predictor, check_top
from jaxcnn.runs.resolve import resolve
from jaxcnn.runs.same_run import differences
from jaxcnn.training import state as train_state
from jaxcnn.training.network import count_outputs, in_precision

Tree = Any


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class TrainedNetwork:
    """A network with its weights and its preprocessing.

    Attributes:
      experiment: as the run resolved it; `experiment.inputs` is the preprocessing.
      variables: {"params", "batch_stats", "statistics"}.
      class_names: the name of each output; empty where no checkpoint says.
      step: how many updates the network has had.
    """

    experiment: Experiment
    variables: dict[str, Tree]
    class_names: tuple[str, ...]
    step: int

    def __repr__(self) -> str:  # short enough for a notebook
        return f"TrainedNetwork({self.experiment.id}, {len(self.names)} classes, step {self.step:,})"

    @property
    def model(self) -> Any:
        """The Flax module, which `logits` applies."""
        return in_precision(self.experiment)

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """The readable name of each output, such as "tench, Tinca tinca" where `class_names` has "n01440764"."""
        return readable_names(self.class_names, count_outputs(self.experiment))

    @functools.cached_property
    def predictor(self) -> Predictor:
        """Predicts images by batches; `predict` asks it."""
        return Predictor(self.experiment, self.variables, self.names)

    def predict(self, images: Images, top: int = 5, *, display: Display | None = None) -> list[Prediction]:
        """The most probable classes of images, as `jaxcnn.predict` gives them. A second call compiles nothing new.

        Args:
          images: files, folders and uint8 arrays, or one of them; see `open_images`.
          top: how many classes to name for each image; all, if there are fewer.
          display: shows progress; by default nothing is shown.

        Raises:
          UsageError: a file or folder isn't there, an array is no image, or `top` isn't positive. A file that can't be
            decoded is an answer with "error".
        """
        check_top(top)
        return list(self.predictor(open_images(images), top=top, display=display or Silent()))

    def read_images(self, images: Images) -> np.ndarray:
        """Images as the squares that `preprocess` takes: the shorter side scaled, the central square cut out.

        Args:
          images: as for `predict`.

        Returns:
          uint8 [images, stored_size, stored_size, channels].

        Raises:
          UsageError: as `predict`.
          JaxcnnError: one can't be decoded.
        """
        opened, inputs, found = open_images(images), self.experiment.inputs, []
        decoded = squares(opened, **inputs.squares)
        for name, square in zip(opened.names, decoded, strict=True):
            if isinstance(square, str):
                raise JaxcnnError(f"{name}: {square}; leave it out, or replace it.")
            found.append(square)
        return np.stack(found)

    def preprocess(self, images: jax.Array | np.ndarray) -> jax.Array:
        """What the network takes of images: their central crop, normalised as in training.

        Args:
          images: uint8 [batch, stored_size, stored_size, channels], the squares that the experiment's inputs describe.

        Returns:
          float32 [batch, size, size, channels].
        """
        inputs = self.experiment.inputs
        return center(normalise(jnp.asarray(images), inputs, self.variables["statistics"]), inputs.size)[0]

    def logits(self, inputs: jax.Array) -> jax.Array:
        """The scores of the classes, float32 [batch, classes], of what `preprocess` gives."""
        network = {name: self.variables[name] for name in ("params", "batch_stats")}
        outputs = self.model.apply(network, inputs, train=False)
        assert isinstance(outputs, jax.Array)
        return outputs


def load_trained(workdir: str | Path, *, experiment: Experiment | None = None) -> TrainedNetwork:
    """The network of a run's newest checkpoint, on the first device.

    Args:
      workdir: the run's folder.
      experiment: only needed where the run was made from an experiment that isn't a file in `experiments/`.

    Raises:
      UsageError: the folder holds no run, or one whose experiment can't be rebuilt.
      DataMissingError, JaxcnnError: it has no complete checkpoint, or a damaged one.
    """
    folder = local_folder(workdir)
    saved = saved_experiment(folder)
    is_rebuilt = experiment is None
    experiment = rebuild(saved) if experiment is None else with_outputs_of(saved, experiment)
    with reporting_full_disk(folder):
        checkpoints = Checkpoints(folder)
        try:
            variables = checkpoints.network(Devices(devices=jax.local_devices()[:1]).placement)
            record, step = checkpoints.record(), checkpoints.newest_sound()
            tell_of_damage(checkpoints)
        finally:
            checkpoints.close()
    if not is_rebuilt:
        check_variables(experiment, variables, folder)
    return TrainedNetwork(experiment, variables, tuple(record.get("class_names") or ()), step)


def check_variables(experiment: Experiment, variables: dict[str, Tree], folder: Path) -> None:
    """Raises UsageError unless a checkpoint's network is the experiment's, by the shapes of its parameters."""
    expected = jax.eval_shape(lambda: train_state.init(experiment.model, experiment))["params"]
    if jax.tree.map(np.shape, variables["params"]) != jax.tree.map(np.shape, expected):
        raise UsageError(
            f"the network of {experiment.id} isn't the one in {folder}: its parameters have other names or shapes; "
            "give the experiment that the run was made from."
        )


def saved_experiment(workdir: Path) -> dict[str, Any]:
    """What experiment.json says. Raises UsageError where the folder is no run's, and as `saved_identity` does."""
    saved = saved_identity(workdir)
    if saved is None:
        raise UsageError(f"{workdir} is no run's folder: it has no experiment.json.")
    return saved


def rebuild(saved: dict[str, Any]) -> Experiment:
    """The experiment that a run was made from: its file in `experiments/`, with what the run changed.

    Raises:
      UsageError: the run was made from an experiment that the files can't give.
    """
    experiment = load(f"{saved['name']}:{saved['variant']}")
    choice = Choice(saved["data"], saved["rehearsal"], "", "")
    experiment = resolve(experiment, choice, (), saved["model"].get("num_classes", 1))
    present = {name: value for name, value in to_json(experiment).items() if name not in FREE | {"type", "data"}}
    wanted = {name: saved[name] for name in present if name in saved}
    known = [path for path in differences(wanted, present) if _has(wanted, path)]  # an old run may lack new fields
    changes = [(path, _at(wanted, path)) for path in known]
    if any(path.endswith("type") for path, _ in changes):
        raise UsageError(
            f"the run was made from an experiment that {experiment.id} can't be turned into "
            f"({', '.join(path for path, _ in changes)} differ); give it as evaluate(…, experiment=…)."
        )
    # Of two lengths one is None; the other one decides.
    set_ones = [(path, _from_json(value)) for path, value in changes if path not in LENGTHS or value is not None]
    return apply_changes(experiment, set_ones)


def _at(tree: dict[str, Any], path: str) -> Any:
    for name in path.split("."):
        tree = tree[name]
    return tree


def _has(tree: dict[str, Any], path: str) -> bool:
    head, _, rest = path.partition(".")
    return head in tree and (not rest or (isinstance(tree[head], dict) and _has(tree[head], rest)))


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_from_json, value))
    return ACTIVATIONS.get(value, value) if isinstance(value, str) else value


def restore_state(experiment: Experiment, workdir: Path, devices: Devices) -> train_state.TrainState:
    """The newest state in a run's folder, on these devices. Raises DataMissingError where none was saved."""
    optimizer, statistics = experiment.optimizer.transformation(), train_state.zero_statistics(experiment.inputs)
    create = partial(train_state.create_for, experiment, optimizer, seed=0, statistics=statistics)
    with reporting_full_disk(workdir):
        checkpoints = Checkpoints(workdir)
        try:
            state, _ = checkpoints.restore(jax.eval_shape(create), devices.replicated)
            tell_of_damage(checkpoints)
        finally:
            checkpoints.close()
    return state


def tell_of_damage(checkpoints: Checkpoints) -> None:
    """Warns of checkpoints that were passed over because they are damaged."""
    for note in checkpoints.notes:
        warnings.warn(note.removeprefix("note: "), DamagedCheckpointWarning, stacklevel=3)


def with_outputs_of(saved: dict[str, Any], experiment: Experiment) -> Experiment:
    """The experiment with as many outputs as the run had, which `fit` had set to what its data needed."""
    classes = saved["model"].get("num_classes")
    return experiment if classes is None else set_path(experiment, "model.num_classes", classes)


def class_names(workdir: Path) -> list[str] | None:
    """The names of the classes that a run's network was trained on; None where no checkpoint says."""
    checkpoints = Checkpoints(workdir)
    try:
        return checkpoints.record().get("class_names")
    finally:
        checkpoints.close()
