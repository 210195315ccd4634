from jaxcnn.experiment import *
from jaxcnn.models.lenet import LeNet5
from jaxcnn.training.losses import MaximumAPosteriori
from jaxcnn.training.optimizers import LevenbergMarquardt
from jaxcnn.training.schedules import PerEpoch

PAPER = Paper(title="t", authors="a", year=1998, venue="v")
paper = Experiment(
    paper=PAPER,
    model=LeNet5(),
    data="mnist",
    inputs=Inputs(size=32, channels=1, stored_size=28, pad=2, mean=20.0, scale=0.005),
    loss=MaximumAPosteriori(j=5.0),
    optimizer=LevenbergMarquardt(scale=0.2),
    schedule=PerEpoch((5e-4, 2e-4, 1e-4, 5e-5, 1e-5), (2, 3, 3, 4, 8)),
    batch_size=8,
    epochs=20,
    rehearsal=Rehearsal(data="digits", overrides={}),
)
VARIANTS = {"paper": paper}
