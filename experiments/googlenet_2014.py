"""GoogLeNet on ILSVRC-2012 (Szegedy et al., 2014).

Reported: 10.07 % top-5 error for one network and one crop, 7.89 % with 144 crops, 6.67 % for seven networks (Table 3).
Ours: not run on ImageNet yet; the README has the rehearsal's result.
Run: python launch.py --exp=googlenet_2014

The paper gives the network, the shape of the schedule, the crops and the averaging, but neither first rate, batch,
decay nor initial values: those are Caffe's (bvlc_googlenet), and say so. Without the auxiliary heads' loss:
--set loss.weight=0
"""

from dataclasses import replace

from jaxcnn.augmentation.random_crops import AreaCrop
from jaxcnn.config.experiment import PHOTOS_BASELINE, Claim, Experiment, Paper, Rehearsal, Result
from jaxcnn.config.inputs import Inputs, Photometric
from jaxcnn.models.googlenet import GoogLeNet
from jaxcnn.models.layers.initializers import HE_FAN_IN
from jaxcnn.optim.losses import AuxiliaryCrossEntropy
from jaxcnn.optim.optimizers import Momentum
from jaxcnn.optim.schedules import Cosine, StepDecay


def paper() -> Experiment:
    """The paper's network and crops; what it leaves open is Caffe's."""
    return Experiment(
        paper=PAPER,
        model=GoogLeNet(),
        data="imagenet2012",
        inputs=Inputs(
            size=224,  # §5
            channels=3,
            stored_size=256,
            crop=AreaCrop(  # §6: 8 to 100 % of the area, aspect 3/4 to 4/3, random interpolation
                min_area=0.08, max_area=1.0, min_aspect=3 / 4, max_aspect=4 / 3, random_interpolation=True
            ),
            photometric=Photometric(brightness=0.5, contrast=0.5, colour=0.5),  # §6, after Howard 2013
            mean=(123.0, 117.0, 104.0),  # Caffe
            mirror=True,  # ours: §7 mirrors in the test
        ),
        loss=AuxiliaryCrossEntropy(weight=0.3),  # §5
        optimizer=Momentum(
            momentum=0.9,  # §6
            weight_decay=0.0002,  # Caffe
            decay_biases=False,  # Caffe
            bias_rate=2.0,  # Caffe
        ),
        schedule=StepDecay(rate=0.01, factor=0.96, epochs=8),  # §6; the first rate is Caffe's
        averaging=0.9999,  # §6: Polyak averaging; the decay is ours
        batch_size=32,  # Caffe
        epochs=250,  # Caffe: 10 million steps
        protocols=("144_crop", "ten_crop", "center"),  # §7
        deviations=DEVIATIONS,
        rehearsal=Rehearsal(data="photos", overrides=ON_PHOTOS, baseline=PHOTOS_BASELINE),
    )


def torchvision() -> Experiment:
    """torchvision's network, with the same recipe but for the averaging."""
    base = paper()
    return replace(
        base,
        model=GoogLeNet.as_in_torchvision(),
        # Its weights came from TensorFlow, with inputs from −1 to 1.
        inputs=replace(base.inputs, mean=127.5, scale=1 / 127.5),
        averaging=None,  # an average of the parameters would want batch statistics of its own
        deviations=TORCHVISION_DEVIATIONS,
    )


STEM = "A full 7×7 convolution first; Table 1's 2.7K parameters fit only a separable one."
TRAINING = (
    "Synchronous steps; the paper's were asynchronous, on many machines.",
    "Training images are mirrored at random; the paper mentions that for the test only.",
    "The limits of the photometric distortions are ours, after Howard; the paper gives none.",
    "The resized squares of the 144 crops are resized from the image at that scale; the paper doesn't say of what.",
)
DEVIATIONS = (
    STEM,
    "Response normalisation has AlexNet's constants (k = 2, α not divided by n); the paper gives none, and Caffe's "
    "network has k = 1 and α / n.",
    "First rate, batch, decay, rates of biases and initial values are Caffe's; the paper gives none.",
    "The average of the parameters forgets exponentially, by 0.9999 a step; the paper doesn't say how it averages.",
    *TRAINING,
)
TORCHVISION_DEVIATIONS = (
    STEM,
    "torchvision's network: batch normalisation for biases and response normalisation, 3×3 filters for 5×5, pool4 "
    "of 2×2, dropout of 0.2, and a 4×4 grid of averages before the heads, where the paper has 5×5 at stride 3.",
    "Initial values are torchvision's: normal with a standard deviation of 0.01, cut at 0.02; the paper gives none. "
    "The biases of the linear layers begin at 0; torchvision leaves them to torch, U(±1/√fan-in).",
    "The input is scaled to −1 to 1, as for torchvision's released weights, which came from TensorFlow; the paper "
    "subtracts a mean.",
    "First rate, batch, decay and the rates of biases (here those of the norms too) are Caffe's; the paper gives none.",
    "No averaging of the parameters: the running statistics wouldn't fit them.",
    *TRAINING,
)

# What the rehearsals change.
ON_PHOTOS = {
    "inputs.size": 80,  # the auxiliary heads need 79
    "inputs.stored_size": 80,
    "inputs.crop.min_area": 0.7,  # scales near the test's: 400 steps are few for learning all of them
    # With Caffe's initial values and inputs of 0 to 255 two epochs are over before it has begun to learn.
    "model.kernel_init": HE_FAN_IN,
    "inputs.scale": 1 / 64,  # He initialisation wants inputs of about unit variance
    "schedule": Cosine(0.02, warmup_epochs=0.5),
    "clip_norm": 2.0,  # three heads begin with losses of 10 and more
    "averaging": None,  # of 0.9999 a step, which is of 10,000 steps
    "batch_size": 16,
    "evaluation_batch_size": 50,
    "checkpoint_every": 400,
    "protocols": ("center",),
    "steps": 400,
}

PAPER = Paper(
    title="Going Deeper with Convolutions",
    authors="Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke & Rabinovich",
    year=2014,
    venue="CVPR 2015",
    results=(
        Result(
            data="imagenet2012", protocol="center", top5_error=10.07, source="Table 3, one network", variants=("paper",)
        ),
        Result(
            data="imagenet2012",
            protocol="ten_crop",
            top5_error=9.15,
            source="Table 3, one network",
            variants=("paper",),
        ),
        Result(
            data="imagenet2012",
            protocol="144_crop",
            top5_error=7.89,
            source="Table 3, one network",
            variants=("paper",),
        ),
        Result(data="imagenet2012", protocol="center", top5_error=8.09, source="Table 3, seven networks"),
        Result(data="imagenet2012", protocol="ten_crop", top5_error=7.62, source="Table 3, seven networks"),
        Result(data="imagenet2012", protocol="144_crop", top5_error=6.67, source="Tables 2 and 3, seven networks"),
        Result(data="imagenet2012", top1_error=31.3, top5_error=11.1, source="Caffe's bvlc_googlenet, quick solver"),
        Result(
            data="imagenet2012",
            top1_error=30.22,
            top5_error=10.47,
            source="torchvision's googlenet",
            variants=("torchvision",),
        ),
    ),
    claims=(
        Claim(what="layers with parameters", stated="22", source="§5", counted="22 one after another"),
        Claim(what="layers with pooling", stated="27", source="§5", counted="27: five pools more"),
        Claim(
            what="parameters",
            stated="about 6.8 million",
            source="Table 1's column, added up",
            counted="6,998,552, and 6,379,728 in the auxiliary heads",
        ),
        Claim(
            what="parameters, in those of Krizhevsky's network",
            stated="12 times fewer",
            source="§1",
            counted="8.7 times fewer (60,965,224 against 6,998,552)",
        ),
        Claim(what="the same", stated="10 times fewer", source="lectures", counted="8.7 times fewer"),
        Claim(
            what="depth, in that of Krizhevsky's network",
            stated="about twice and more",
            source="lectures",
            counted="2.75 times: 22 layers with parameters against 8",
        ),
        Claim(
            what="multiply–adds",
            stated="1.5 billion",
            source="§1",
            counted="1,582,671,872",
        ),
        Claim(
            what="parameters, operations of 3a", stated="159K, 128M", source="Table 1", counted="163,696, 128,049,152"
        ),
        Claim(what="of 3b", stated="380K, 304M", source="Table 1", counted="388,736, 304,267,264"),
        Claim(what="of 4a", stated="364K, 73M", source="Table 1", counted="376,176, 73,608,192"),
        Claim(what="of 4b", stated="437K, 88M", source="Table 1", counted="449,160, 87,908,352"),
        Claim(what="of 4c", stated="463K, 100M", source="Table 1", counted="510,104, 99,850,240"),
        Claim(what="of 4d", stated="580K, 119M", source="Table 1", counted="605,376, 118,515,712"),
        Claim(what="of 4e", stated="840K, 170M", source="Table 1", counted="868,352, 169,996,288"),
        Claim(what="of 5a", stated="1072K, 54M", source="Table 1", counted="1,043,456, 51,079,168"),
        Claim(what="of 5b", stated="1388K, 71M", source="Table 1", counted="1,444,080, 70,697,984"),
        Claim(what="of the 7×7 convolution", stated="2.7K, 34M", source="Table 1", counted="9,472, 118,013,952"),
        Claim(what="of 1×1 and 3×3 after it", stated="112K, 360M", source="Table 1", counted="114,944, 359,661,568"),
        Claim(what="of the linear layer", stated="1000K, 1M", source="Table 1", counted="1,025,000, 1,024,000"),
        Claim(
            what="multiplications of 5×5 on 192 maps of 28×28, 32 filters",
            stated="120 million",
            source="lectures",
            counted="120,422,400",
        ),
        Claim(
            what="the same behind 16 1×1 filters",
            stated="2.4 + 10 = 12.4 million",
            source="lectures",
            counted="2,408,448 + 10,035,200 = 12,443,648",
        ),
        Claim(what="averaging instead of a fully connected layer lowers top-1 error by", stated="0.6 %", source="§5"),
        Claim(
            what="lower error than the year before by", stated="about 10 %", source="lectures", counted="16.4 → 6.67 %"
        ),
    ),
    contradictions=(
        "Table 1 gives the first 7×7 convolution 2.7K parameters and 34M operations. That fits only a separable one "
        "of multiplier 8 (7·7·3·8 + 24·64 = 2,712), which the text doesn't describe. Here, as in all code: a full one "
        "(9,472 with biases).",
        "Table 1's figures for 4c, 4d, 5a and 5b don't follow from its own filter counts.",
        "Krizhevsky's network has 12 times as many parameters by the paper, 10 times by the lectures, 8.7 by count.",
        "Figure 3 pools before the first response normalisation and after the second; some code has one order.",
        "torchvision has 3×3 filters in the branch called 5×5 (a known mistake of its source), batch normalisation "
        "(ε = 0.001) for biases and response normalisation, 2×2 windows in pool4, dropout of 0.2, and before the heads "
        "a 4×4 grid of averages, whatever the map (of 14×14: windows of 4; the paper: 5×5 at stride 3): "
        "6,624,904 parameters without the heads, 13,004,888 with them. With 5×5 filters it would be 7,005,832.",
        "Response normalisation: the paper gives no constants. Caffe's bvlc_googlenet has k = 1 and α = 0.0001 divided "
        "by n = 5, AlexNet's paper k = 2 and α undivided. Here: AlexNet's; for Caffe's weights `--set model.lrn_k=1 "
        "--set model.lrn_alpha=0.00002`.",
        "The best top-5 error on the test set is 6.67 % here, 6.66 % in Table 5 of ResNet's paper.",
        "The auxiliary heads see 4a and 4d by the text and figure 3 (512 and 528 maps).",
        "First rate, batch size, decay and initial values are nowhere in the paper. Caffe: 0.01, 32, 0.0002, Glorot's "
        "by fan-in with biases of 0.2; its quick solver lets the rate fall by a square root instead.",
        "The paper trains asynchronously, on CPUs (DistBelief); here every step waits for all devices.",
    ),
)

VARIANTS = {"paper": paper(), "torchvision": torchvision()}
