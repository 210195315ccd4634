"""ResNet on ILSVRC-2012 (He, Zhang, Ren & Sun, 2015).

Reported: ResNet-50 22.85 / 6.71 %, -101 21.75 / 6.05 %, -152 21.43 / 5.71 % top-1 / top-5 error, ten crops (Table 3);
20.74 / 5.25, 19.87 / 4.60, 19.38 / 4.49 % at five scales (Table 4).
Ours: not run on ImageNet yet; the README has the rehearsal's result.
Run: python launch.py --exp=resnet_2015

Variants: the depth; behind it the shortcut (A: zeros for new channels, B: projections where the shape changes, C:
projections everywhere; the bare depth is B), or "v1.5", torchvision's network and recipe; or a plain network.
The authors' Caffe weights (of 50 layers they have a bias in conv1, to be taken off its batch norm's mean):
--set model.pool1_ceil=True
"""

from dataclasses import replace

from jaxcnn.augmentation.random_crops import AreaCrop, ScaleJitter
from jaxcnn.config.experiment import PHOTOS_BASELINE, Claim, Experiment, Paper, Plateau, Rehearsal, Result
from jaxcnn.config.inputs import Inputs
from jaxcnn.models.layers.initializers import HE_FAN_OUT, VarianceScaling
from jaxcnn.models.resnet import DEPTHS, ResNet, Shortcut
from jaxcnn.optim.losses import SoftmaxCrossEntropy
from jaxcnn.optim.optimizers import Momentum
from jaxcnn.optim.schedules import Constant, Cosine, PerEpoch


def paper(depth: int, shortcut: Shortcut = "B") -> Experiment:
    """A network of Table 1 with one of §4.1's shortcuts, or plain."""
    return Experiment(
        paper=PAPER,
        model=ResNet.of_depth(depth, shortcut=shortcut),
        data="imagenet2012",
        inputs=Inputs(
            size=224,  # §3.4
            channels=3,
            stored_size=256,
            crop=ScaleJitter(shortest=256, longest=480),  # §3.4
            mean="picture",  # §3.4: per pixel
            mirror=True,  # §3.4
            colour_std=0.1,  # §3.4: AlexNet's colour
        ),
        loss=SoftmaxCrossEntropy(),
        # §3.4; the authors decay weights only
        optimizer=Momentum(momentum=0.9, weight_decay=0.0001, decay_biases=False),
        schedule=Constant(0.1),  # §3.4
        plateau=Plateau(factor=0.1, patience=5, reductions=3),  # §3.4; patience and number are ours
        batch_size=256,  # §3.4
        steps=600_000,  # §3.4
        # §3.4: ten crops for comparisons, five scales for the best
        protocols=("ten_crop", "multi_scale_dense", "center"),
        deviations=DEVIATIONS,
        rehearsal=Rehearsal(
            data="photos",
            overrides={**ON_PHOTOS, "inputs.crop.shortest": 72, "inputs.crop.longest": 80},  # the test looks at 72
            baseline=PHOTOS_BASELINE,
        ),
    )


def v15(depth: int) -> Experiment:
    """torchvision's network and recipe."""
    return replace(
        paper(depth),
        # torchvision: fan-out for convolutions, torch's U(±1/√fan-in) for the linear layer
        model=ResNet.of_depth(
            depth, stride_on_3x3=True, kernel_init=HE_FAN_OUT, dense_init=VarianceScaling(1 / 3, "fan_in", "uniform")
        ),
        inputs=Inputs(
            size=224,
            channels=3,
            stored_size=256,
            crop=AreaCrop(random_interpolation=False),
            mean=(123.675, 116.28, 103.53),
            scale=(1 / 58.395, 1 / 57.12, 1 / 57.375),
            mirror=True,
        ),
        optimizer=Momentum(momentum=0.9, weight_decay=0.0001),
        schedule=PerEpoch(rates=(0.1, 0.01, 0.001), epochs=(30, 30, 30)),
        plateau=None,
        steps=None,
        epochs=90,
        protocols=("center",),
        deviations=V15_DEVIATIONS,
        rehearsal=Rehearsal(
            data="photos", overrides={**ON_PHOTOS, "inputs.crop.min_area": 0.5}, baseline=PHOTOS_BASELINE
        ),
    )


STATISTICS = (
    "Running averages of the batch statistics serve at test time; the paper's were taken over a batch after training."
)
PADDED_POOL = (
    "pool1 pads 1 pixel and rounds down, as torch does; the authors' prototxts round up without padding, and the paper "
    "says neither."
)
DEVIATIONS = (
    STATISTICS,
    PADDED_POOL,
    "The rate drops after 5 epochs without a better validation error, three times (ours); the paper gives no rule.",
    "The colour components are those that fb.resnet.torch measured on ImageNet; the paper follows AlexNet's.",
    "The mean image is that of the central 256 pixels. Training subtracts its middle 224 from every crop, wherever "
    "that was cut out; ten_crop subtracts all of it and then crops; whole images lose the mean of each channel. The "
    "paper says only that the mean is per pixel.",
    "multi_scale_dense averages class probabilities over the scales and over the mirror image too; the paper averages "
    "scores, and doesn't mention mirrors.",
)
V15_DEVIATIONS = (
    STATISTICS,
    "torchvision's network, initial values, input and recipe: the stride on the 3×3, fan-out, random areas, 90 "
    "epochs, decay of all parameters; the paper's are those of the bare depth.",
    "The rate stands inside the velocity, as in the paper's Caffe; in torch it multiplies it.",
    "The aspect of a crop is drawn uniformly; in torch its logarithm is.",
)

# What all rehearsals here change.
ON_PHOTOS = {
    "inputs.size": 65,  # the last maps are 3×3; of 64 pixels they would be 2×2, which takes several times as long
    "inputs.stored_size": 72,
    "schedule": Cosine(0.006, warmup_epochs=0.5),  # 0.1 is for batches of 256
    "plateau": None,
    "batch_size": 16,
    "evaluation_batch_size": 50,
    "checkpoint_every": 300,
    "steps": 300,
    "protocols": ("center",),
}

# (test protocol, source, top-1 error, top-5 error)
RESULTS = (
    ("ten_crop", "Table 2, plain-18", ("plain-18",), 27.94, None),
    ("ten_crop", "Table 2, plain-34", ("plain-34",), 28.54, None),
    ("ten_crop", "Table 2, ResNet-18", ("18-A",), 27.88, None),
    ("ten_crop", "Table 2, ResNet-34", ("34-A",), 25.03, None),
    ("ten_crop", "Table 3, plain-34", ("plain-34",), 28.54, 10.02),
    ("ten_crop", "Table 3, ResNet-34 A", ("34-A",), 25.03, 7.76),
    ("ten_crop", "Table 3, ResNet-34 B", ("34", "34-B"), 24.52, 7.46),
    ("ten_crop", "Table 3, ResNet-34 C", ("34-C",), 24.19, 7.40),
    ("ten_crop", "Table 3, ResNet-50", ("50", "50-B"), 22.85, 6.71),
    ("ten_crop", "Table 3, ResNet-101", ("101", "101-B"), 21.75, 6.05),
    ("ten_crop", "Table 3, ResNet-152", ("152", "152-B"), 21.43, 5.71),
    ("multi_scale_dense", "Table 4, ResNet-34 B", ("34", "34-B"), 21.84, 5.71),
    ("multi_scale_dense", "Table 4, ResNet-34 C", ("34-C",), 21.53, 5.60),
    ("multi_scale_dense", "Table 4, ResNet-50", ("50", "50-B"), 20.74, 5.25),
    ("multi_scale_dense", "Table 4, ResNet-101", ("101", "101-B"), 19.87, 4.60),
    ("multi_scale_dense", "Table 4, ResNet-152", ("152", "152-B"), 19.38, 4.49),
    ("multi_scale_dense", "Table 5, six networks, test set", (), None, 3.57),
    ("center", "the authors' README, ResNet-50", ("50", "50-B"), 24.7, 7.8),
    ("center", "the authors' README, ResNet-101", ("101", "101-B"), 23.6, 7.1),
    ("center", "the authors' README, ResNet-152", ("152", "152-B"), 23.0, 6.7),
    ("center", "torchvision's ResNet-18", ("18-v1.5",), 30.24, 10.92),
    ("center", "torchvision's ResNet-34", ("34-v1.5",), 26.70, 8.58),
    ("center", "torchvision's ResNet-50 (v1.5)", ("50-v1.5",), 23.85, 7.13),
    ("center", "torchvision's ResNet-101 (v1.5)", ("101-v1.5",), 22.63, 6.44),
    ("center", "torchvision's ResNet-152 (v1.5)", ("152-v1.5",), 21.69, 5.94),
)

PAPER = Paper(
    title="Deep Residual Learning for Image Recognition",
    authors="He, Zhang, Ren & Sun",
    year=2015,
    venue="CVPR 2016",
    results=tuple(
        Result(
            data="imagenet2012", protocol=protocol, source=source, variants=variants, top1_error=top1, top5_error=top5
        )
        for protocol, source, variants, top1, top5 in RESULTS
    ),
    claims=(
        Claim(what="operations of 18 layers", stated="1.8 billion", source="Table 1", counted="1,814,073,344"),
        Claim(what="operations of 34 layers", stated="3.6 billion", source="Table 1", counted="3,663,761,408"),
        Claim(what="operations of 50 layers", stated="3.8 billion", source="Table 1", counted="3,857,973,248"),
        Claim(what="operations of 101 layers", stated="7.6 billion", source="Table 1", counted="7,570,194,432"),
        Claim(what="operations of 152 layers", stated="11.3 billion", source="Table 1", counted="11,282,415,616"),
        Claim(
            what="the 34-layer net has of VGG-19's operations",
            stated="18 %",
            source="§3.3",
            counted="18.7 %: 3,663,761,408 of 19,632,062,464",
        ),
        Claim(
            what="projections that 34 layers with C have more than with B",
            stated="thirteen",
            source="§4.1",
            counted="13: 16 against 3",
        ),
        Claim(what="steps", stated="up to 600,000", source="§3.4", counted="120 epochs of 1,281,167"),
        Claim(
            what="deeper plain networks train to a larger error, residual ones to a smaller one",
            stated="plain-34 28.54 % against plain-18 27.94 %",
            source="Table 2 and lectures",
        ),
        Claim(
            what="a block of zero weights and biases passes its input on",
            stated="a[l+2] = g(a[l])",
            source="lectures",
            counted="so with ReLU, which leaves what isn't negative as it is",
        ),
    ),
    contradictions=(
        "Stride: the paper's networks, and the authors' prototxts, have it on a bottleneck's first 1×1; "
        'fb.resnet.torch and torchvision on the 3×3 ("v1.5": 4,089,184,256 operations for 50 layers).',
        "The authors' prototxt for 50 layers has a bias in conv1 (64 parameters more); 101 and 152 have none.",
        "Initial values: He et al. 2015, which §3.4 points to, scales by the fan-in; fb.resnet.torch and torchvision "
        "by the fan-out.",
        "Option A's zeros: fb.resnet.torch puts them behind the channels, other code on both sides. The accuracy is "
        "the same, the tensors aren't. Here: behind.",
        "Decay: fb.resnet.torch and torchvision decay every parameter, the paper's authors the weights only.",
        "pool1: 3×3 at stride 2. The authors' prototxts don't pad and round the number of windows up; torch, and this "
        "code, pad 1 pixel and round down: as many windows, moved by one pixel. `--set model.pool1_ceil=True` is the "
        "authors'.",
        "Keras's networks keep biases in the convolutions: 25,583,592 trainable parameters of 50 layers, 25,636,712 "
        "with the running statistics. Their batch normalisation has ε = 1.001e-5; here, as in torch, 1e-5.",
        "Momentum: in the authors' Caffe the rate stands inside the velocity; torch and optax multiply the velocity by "
        "it, which differs after every drop of the rate. Here: the authors'.",
        "GoogLeNet's top-5 error on the test set is 6.66 % in Table 5, 6.67 % in its own paper.",
        "Batch statistics at test time: the authors averaged over a large batch after training; others, and this "
        "code, keep running averages.",
        "Mean: §3.4 subtracts the mean of each pixel; the released models have one mean colour or mean image, and "
        "torchvision mean and standard deviation of each channel.",
        "Plain networks have the parameters of option A, which adds none.",
    ),
)

VARIANTS = {
    "50": paper(50),
    **{str(depth): paper(depth) for depth in (18, 34, 101, 152)},
    **{f"{depth}-{option}": paper(depth, option) for depth in sorted(DEPTHS) for option in ("A", "B", "C")},
    **{f"plain-{depth}": paper(depth, "none") for depth in (18, 34)},
    **{f"{depth}-v1.5": v15(depth) for depth in sorted(DEPTHS)},
}
