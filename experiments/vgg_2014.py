"""VGG on ILSVRC-2012 (Simonyan & Zisserman, 2014).

Reported: D 25.6 / 8.1 %, E 25.5 / 8.0 % top-1 / top-5 error, one scale (Table 3); both 24.8 / 7.5 % at three scales
(Table 4); 24.4 / 7.1 % for E, dense and 150 crops together (Table 5).
Ours: not run on ImageNet yet; the README has the rehearsal's result.
Run: python launch.py --exp=vgg_2014:A --workdir=runs/A && python launch.py --exp=vgg_2014:D --set init_from=runs/A

The nets B to E begin with four convolutions and three fully connected layers of net A (§3.1): that is what
`--set init_from=DIR` does. Without it they begin by Glorot & Bengio's rule, which §3.1's footnote finds enough.
A, A-LRN and B train at S = 256, the only scale that the paper has for them, all others with jitter. Table 3's S = 256
for those, and Table 4's scales around it:
  --set inputs.crop.shortest=256 --set inputs.crop.longest=256
  --set "scales.dense=(256,)" --set "scales.multi_scale=(224, 256, 288)"
"""

from dataclasses import replace

from jaxcnn.augmentation.random_crops import ScaleJitter
from jaxcnn.config.experiment import PHOTOS_BASELINE, Claim, Experiment, Paper, Plateau, Rehearsal, Result
from jaxcnn.config.inputs import Inputs, Photometric, Scales
from jaxcnn.models import vgg
from jaxcnn.models.layers.initializers import GLOROT_UNIFORM, HE_FAN_IN, HE_FAN_OUT, Normal
from jaxcnn.models.vgg import VGG
from jaxcnn.optim.losses import SoftmaxCrossEntropy
from jaxcnn.optim.optimizers import Momentum
from jaxcnn.optim.schedules import Constant, Cosine


def a() -> Experiment:
    """The smallest network, which is trained from random weights."""
    return Experiment(
        paper=PAPER,
        model=VGG(blocks=vgg.A, kernel_init=Normal(0.01), dense_init=Normal(0.01)),
        data="imagenet2012",
        inputs=Inputs(
            size=224,  # §2.1
            channels=3,
            stored_size=256,
            crop=ScaleJitter(shortest=256, longest=256),  # §3.1; Tables 3 and 4: S = 256 for A, A-LRN and B
            mean=(123.68, 116.779, 103.939),  # §2.1; the numbers are those of the released models
            mirror=True,  # §3.1
            colour_std=0.1,  # §3.1
        ),
        loss=SoftmaxCrossEntropy(),
        optimizer=Momentum(momentum=0.9, weight_decay=0.0005, decay_biases=False),  # §3.1
        schedule=Constant(0.01),  # §3.1
        plateau=Plateau(factor=0.1, patience=3, reductions=3),  # §3.1; the patience is ours
        batch_size=256,  # §3.1
        epochs=74,  # §3.1
        protocols=("dense", "center"),  # §4.1
        scales=Scales(dense=(256,), multi_scale=(224, 256, 288)),  # §4.1: Q = S; §4.2: S − 32, S, S + 32
        deviations=A_DEVIATIONS,
        rehearsal=Rehearsal(data="photos", overrides=ON_PHOTOS, baseline=PHOTOS_BASELINE),
    )


def b() -> Experiment:
    """A deeper network, which may begin with layers of A."""
    return replace(
        a(),
        model=VGG(blocks=vgg.B, kernel_init=GLOROT_UNIFORM, dense_init=GLOROT_UNIFORM),
        protocols=("multi_scale", "dense", "center"),  # §4.2, §4.1
        init_layers=COPIED + DENSE,  # §3.1, used with `init_from`
        deviations=B_DEVIATIONS,
    )


def d() -> Experiment:
    """VGG-16. It trains at all scales from 256 to 512, as C and E do."""
    base = b()
    return replace(
        base,
        model=base.model.clone(blocks=vgg.D),
        inputs=replace(base.inputs, crop=ScaleJitter(shortest=256, longest=512)),  # §3.1
        scales=Scales(dense=(384,)),  # §4.1: Q = 0.5·(256 + 512) for a jittered S
        deviations=(JITTER, *B_DEVIATIONS),
    )


def d_bn() -> Experiment:
    """torchvision's network with batch normalisation."""
    base = d()
    return replace(
        base,
        model=VGG(blocks=vgg.D, batch_norm=True, kernel_init=HE_FAN_OUT, dense_init=Normal(0.01)),
        inputs=replace(
            base.inputs, mean=(123.675, 116.28, 103.53), scale=(1 / 58.395, 1 / 57.12, 1 / 57.375), colour_std=0.0
        ),
        # With their batch norms and the running averages of those: used with `init_from` a run of A-bn.
        init_layers=COPIED + tuple(f"{layer}.bn" for layer in COPIED) + DENSE,
        deviations=BN_DEVIATIONS,
    )


def of_blocks(experiment: Experiment, blocks: tuple[tuple[int, ...], ...]) -> Experiment:
    """The same recipe with the convolutions of another network of Table 1."""
    return replace(experiment, model=experiment.model.clone(blocks=blocks))


COPIED = ("conv1_1", "conv2_1", "conv3_1", "conv3_2")
DENSE = ("fc6", "fc7", "fc8")

JITTER = "The scale is jittered from the start; the paper fine-tunes a net that was trained at 384 pixels (§3.1)."
RECIPE = (
    "The rate drops after 3 epochs without a better validation error; the paper's authors dropped it by hand.",
    "Biases aren't decayed, as in Caffe; the paper doesn't say what is.",
    "The colour components are those that fb.resnet.torch measured on ImageNet; the paper follows AlexNet's.",
)
A_DEVIATIONS = (
    *RECIPE,
    "Initial standard deviation 0.01; the paper's variance of 10⁻² is one of 0.1.",
)
B_DEVIATIONS = (
    *RECIPE,
    "Without --set init_from=DIR all layers begin by Glorot & Bengio's rule (§3.1's footnote), and with it those "
    "that aren't copied; the paper's begin with net A's layers, the rest random of variance 10⁻².",
)
BN_DEVIATIONS = (
    JITTER,
    *RECIPE[:2],
    "Network, initial values, and mean and standard deviation of the input are torchvision's; the paper has no batch "
    "norm. Crops, rate and length are the paper's, as for D; torchvision crops random areas. There is no colour noise, "
    "as in torchvision.",
)

# What the rehearsals change.
ON_PHOTOS = {
    # Small images and larger batches: eight to 19 layers without normalisation want many of them. The scale
    # varies less than the paper's factor of two, as the test looks at the smallest one.
    "inputs.size": 32,
    "inputs.stored_size": 36,
    "inputs.crop.shortest": 36,
    "inputs.crop.longest": 40,
    "inputs.scale": 1 / 64,  # He initialisation wants inputs of about unit variance
    "model.kernel_init": HE_FAN_IN,
    "model.dense_init": HE_FAN_IN,
    # GoogLeNet's distortions: without them the networks memorise the brightness and colours of the photographs'
    # left parts, and do worse on the right parts.
    "inputs.photometric": Photometric(brightness=0.5, contrast=0.5, colour=0.5),
    "schedule": Cosine(0.03, warmup_epochs=1.0),
    "clip_norm": 2.0,  # without it only rates too low to get far are safe
    "plateau": None,
    "batch_size": 32,
    "evaluation_batch_size": 100,
    "checkpoint_every": 480,
    "protocols": ("center",),
    "steps": 480,
}

# (test protocol, source, top-1 error, top-5 error); S: the shorter side in training, "jitter": 256 to 512
# How the networks C, D and E are trained (S) and tested (Q), for each of the paper's figures; A and B have one S.
AT_256 = (
    ("inputs.crop.shortest", 256),
    ("inputs.crop.longest", 256),
    ("scales.dense", (256,)),
    ("scales.multi_scale", (224, 256, 288)),
)
AT_384 = (
    ("inputs.crop.shortest", 384),
    ("inputs.crop.longest", 384),
    ("scales.dense", (384,)),
    ("scales.multi_scale", (352, 384, 416)),
)
JITTERED = (
    ("inputs.crop.shortest", 256),
    ("inputs.crop.longest", 512),
    ("scales.dense", (384,)),
    ("scales.multi_scale", (256, 384, 512)),
)
RESULTS = (
    ("dense", "Table 3, A, S = 256", ("A",), (), 29.6, 10.4),
    ("dense", "Table 3, A-LRN, S = 256", ("A-LRN",), (), 29.7, 10.5),
    ("dense", "Table 3, B, S = 256", ("B",), (), 28.7, 9.9),
    ("dense", "Table 3, C, S = 256", ("C",), AT_256, 28.1, 9.4),
    ("dense", "Table 3, C, S = 384", ("C",), AT_384, 28.1, 9.3),
    ("dense", "Table 3, C, jitter", ("C",), JITTERED, 27.3, 8.8),
    ("dense", "Table 3, D, S = 256", ("D",), AT_256, 27.0, 8.8),
    ("dense", "Table 3, D, S = 384", ("D",), AT_384, 26.8, 8.7),
    ("dense", "Table 3, D, jitter", ("D",), JITTERED, 25.6, 8.1),
    ("dense", "Table 3, E, S = 256", ("E",), AT_256, 27.3, 9.0),
    ("dense", "Table 3, E, S = 384", ("E",), AT_384, 26.9, 8.7),
    ("dense", "Table 3, E, jitter", ("E",), JITTERED, 25.5, 8.0),
    ("multi_scale", "Table 4, B, S = 256", ("B",), (), 28.2, 9.6),
    ("multi_scale", "Table 4, C, S = 256", ("C",), AT_256, 27.7, 9.2),
    ("multi_scale", "Table 4, C, S = 384", ("C",), AT_384, 27.8, 9.2),
    ("multi_scale", "Table 4, C, jitter", ("C",), JITTERED, 26.3, 8.2),
    ("multi_scale", "Table 4, D, S = 256", ("D",), AT_256, 26.6, 8.6),
    ("multi_scale", "Table 4, D, S = 384", ("D",), AT_384, 26.5, 8.6),
    ("multi_scale", "Table 4, D, jitter", ("D",), JITTERED, 24.8, 7.5),
    ("multi_scale", "Table 4, E, S = 256", ("E",), AT_256, 26.9, 8.7),
    ("multi_scale", "Table 4, E, S = 384", ("E",), AT_384, 26.7, 8.6),
    ("multi_scale", "Table 4, E, jitter", ("E",), JITTERED, 24.8, 7.5),
    ("multi_scale", "Table 5, D, dense", ("D",), JITTERED, 24.8, 7.5),
    ("multi_crop", "Table 5, D, 150 crops", ("D",), JITTERED, 24.6, 7.5),
    ("multi_crop", "Table 5, D, dense and 150 crops together", (), (), 24.4, 7.2),
    ("multi_scale", "Table 5, E, dense", ("E",), JITTERED, 24.8, 7.5),
    ("multi_crop", "Table 5, E, 150 crops", ("E",), JITTERED, 24.6, 7.4),
    ("multi_crop", "Table 5, E, dense and 150 crops together", (), (), 24.4, 7.1),
    ("multi_scale", "Table 6, seven nets", (), (), 24.7, 7.5),
    ("multi_scale", "Table 6, D and E, dense", (), (), 24.0, 7.1),
    ("multi_crop", "Table 6, D and E, 150 crops", (), (), 23.9, 7.2),
    ("multi_crop", "Table 6, D and E, dense and 150 crops together", (), (), 23.7, 6.8),
    ("center", "torchvision's A", (), (), 30.98, 11.37),
    ("center", "torchvision's B", (), (), 30.07, 10.75),
    ("center", "torchvision's D", (), (), 28.41, 9.62),
    ("center", "torchvision's E", (), (), 27.62, 9.12),
    ("center", "torchvision's A-bn", ("A-bn",), (), 29.62, 10.19),
    ("center", "torchvision's B-bn", ("B-bn",), (), 28.45, 9.63),
    ("center", "torchvision's D-bn", ("D-bn",), (), 26.63, 8.50),
    ("center", "torchvision's E-bn", ("E-bn",), (), 25.76, 8.15),
)

PAPER = Paper(
    title="Very Deep Convolutional Networks for Large-Scale Image Recognition",
    authors="Simonyan & Zisserman",
    year=2014,
    venue="ICLR 2015",
    results=tuple(
        Result(
            data="imagenet2012",
            protocol=protocol,
            source=source,
            variants=variants,
            settings=settings,
            top1_error=top1,
            top5_error=top5,
        )
        for protocol, source, variants, settings, top1, top5 in RESULTS
    ),
    claims=(
        Claim(what="parameters of A, A-LRN", stated="133 million", source="Table 2", counted="132,863,336"),
        Claim(what="parameters of B", stated="133 million", source="Table 2", counted="133,047,848"),
        Claim(what="parameters of C", stated="134 million", source="Table 2", counted="133,638,952"),
        Claim(what="parameters of D", stated="138 million", source="Table 2", counted="138,357,544"),
        Claim(
            what="response normalisation (A-LRN for A) changes top-1 / top-5 error by",
            stated="29.6 / 10.4 to 29.7 / 10.5 %",
            source="Table 3",
        ),
        Claim(what="parameters of D", stated="about 138 million", source="lectures", counted="138,357,544"),
        Claim(what="parameters of E", stated="144 million", source="Table 2", counted="143,667,240"),
        Claim(
            what="a 7×7 layer has more parameters than three 3×3 by",
            stated="81 %: 49C² against 27C²",
            source="§2.3",
            counted="81 %: 49C² against 27C²",
        ),
        Claim(
            what="the same",
            stated="7×7 = 49 against 3×3×3 = 27",
            source="lectures",
            counted="49 and 27 for one pair of channels",
        ),
        Claim(what="receptive field of three 3×3 layers", stated="7×7", source="§2.3", counted="7"),
        Claim(what="two 3×3 layers see as much as one of", stated="5×5", source="§2.3 and lectures", counted="5"),
        Claim(
            what="B with one 5×5 for every two 3×3 is worse in top-1 error by",
            stated="7 %",
            source="§4.1",
        ),
        Claim(what="steps", stated="370,000, or 74 epochs", source="§3.1", counted="370,337 of 256 in 74 epochs"),
        Claim(
            what="share of D's parameters in the fully connected layers",
            stated="none",
            source="the paper doesn't count it",
            counted="123,642,856 of 138,357,544: 89 %",
        ),
    ),
    contradictions=(
        "Initial values: §3.1 says zero mean and a variance of 10⁻², a standard deviation of 0.1. At that the "
        "activities of eight layers explode; Caffe's users have 0.01, and so do A and A-LRN here.",
        "§3.1 copies the first four convolutions of A. The second convolution of A has 128 maps, that of D 64: only "
        "layers of the same name fit (conv1_1, conv2_1, conv3_1, conv3_2), and those are what `init_from` copies.",
        "Worth of response normalisation: 1.4 / 1.2 % by AlexNet's paper (§3.3); here A-LRN is no better than A (29.7 "
        "/ 10.5 against 29.6 / 10.4 %, Table 3), and a lecture calls it not very useful, and says that all "
        "maps at a point are normalised, where it is five neighbours.",
        "Mean: the paper subtracts the mean colour. The released models do so in BGR, 103.939, 116.779, 123.68.",
        "A lecture's table of the nets gives D two and E three convolutions in the last three blocks (13 and 16 "
        "weight layers); its headers, 16 and 19, are right.",
        "A lecture compares 3×3×3 = 27 with 7×7 = 49 weights; the paper's figures are for C channels: 27C² and 49C².",
        "torchvision's nets keep the biases beside batch normalisation; one of them is superfluous.",
    ),
)

VARIANTS = {
    "D": d(),
    "A": a(),
    "A-LRN": replace(a(), model=a().model.clone(use_lrn=True)),
    "B": b(),
    "C": of_blocks(d(), vgg.C),
    "E": of_blocks(d(), vgg.E),
    "A-bn": replace(of_blocks(d_bn(), vgg.A), init_layers=None),
    "B-bn": of_blocks(d_bn(), vgg.B),
    "D-bn": d_bn(),
    "E-bn": of_blocks(d_bn(), vgg.E),
}
