"""The first CNN of many courses: a Keras network on Fashion-MNIST (Géron, Hands-On Machine Learning, ch. 14).

Reported: over 92 % test accuracy after 10 epochs.
Ours: not trained on Fashion-MNIST yet.
Run: python launch.py --exp=cnn_primer
"""

from jaxcnn.config.experiment import DIGITS_BASELINE, Claim, Experiment, Paper, Rehearsal
from jaxcnn.config.inputs import Inputs
from jaxcnn.models.primer import PrimerCNN
from jaxcnn.optim.losses import SoftmaxCrossEntropy
from jaxcnn.optim.optimizers import Momentum
from jaxcnn.optim.schedules import Cosine


def paper() -> Experiment:
    """The book's network; the recipe is ours."""
    return Experiment(
        paper=PAPER,
        model=PrimerCNN(),
        data="fashion_mnist",
        inputs=Inputs(size=28, channels=1, stored_size=28, scale=1 / 255),
        loss=SoftmaxCrossEntropy(),
        optimizer=Momentum(momentum=0.9),  # ours
        schedule=Cosine(0.02),  # ours
        batch_size=32,  # Keras's default
        epochs=10,  # ours
        deviations=("The recipe is ours: momentum 0.9, rate 0.02 falling along a cosine, 10 epochs of batches of 32.",),
        rehearsal=Rehearsal(data="digits", overrides={"epochs": 5}, baseline=DIGITS_BASELINE),
    )


PAPER = Paper(
    title="Hands-On Machine Learning with Scikit-Learn, Keras, and TensorFlow, chapter 14",
    authors="Géron",
    year=2019,
    venue="O'Reilly",
    claims=(
        Claim(what="parameters", stated="1,413,834", source="Keras's summary of the code", counted="1,413,834"),
        Claim(what="side of the last feature map", stated="3", source="Keras rounds 7/2 down", counted="3"),
    ),
    contradictions=("The lecture gives the network and no recipe: the recipe here is ours.",),
)

VARIANTS = {"paper": paper()}
