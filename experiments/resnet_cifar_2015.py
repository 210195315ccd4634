"""ResNet on CIFAR-10 (He, Zhang, Ren & Sun, 2015, §4.2).

Reported: 8.75, 7.51, 7.17, 6.97, 6.43, 7.93 % test error with 20, 32, 44, 56, 110, 1202 layers (Table 6).
Ours: see the README; not run on the whole of CIFAR-10 yet.
Run: python launch.py --exp=resnet_cifar_2015
"""

from dataclasses import replace

from jaxcnn.config.experiment import PHOTOS_BASELINE, Claim, Experiment, Paper, Rehearsal, Result, WarmUp
from jaxcnn.config.inputs import Inputs, Photometric
from jaxcnn.models.resnet import Shortcut
from jaxcnn.models.resnet_cifar import CifarResNet
from jaxcnn.optim.losses import SoftmaxCrossEntropy
from jaxcnn.optim.optimizers import Momentum
from jaxcnn.optim.schedules import Cosine, PerStep


def layers(depth: int, shortcut: Shortcut = "A") -> Experiment:
    """A network of that many layers, residual or plain."""
    return Experiment(
        paper=PAPER,
        model=CifarResNet.of_depth(depth, shortcut=shortcut),
        data="cifar10",
        # §4.2: per-pixel mean; 4 pixels on each side, a random crop, a mirror
        inputs=Inputs(size=32, channels=3, stored_size=32, pad=4, mean="picture", mirror=True),
        loss=SoftmaxCrossEntropy(),
        optimizer=Momentum(momentum=0.9, weight_decay=0.0001, decay_biases=False),  # §4.2
        schedule=PerStep(rates=(0.1, 0.01, 0.001), until=(32_000, 48_000)),  # §4.2
        batch_size=128,  # §4.2
        steps=64_000,  # §4.2
        deviations=DEVIATIONS,
        rehearsal=Rehearsal(data="photos", overrides=ON_PHOTOS, baseline=PHOTOS_BASELINE),
    )


def warmed_up(depth: int) -> Experiment:
    """§4.2: a rate of 0.01 until the training error is below 80 %, then 0.1."""
    return replace(layers(depth), warmup=WarmUp(factor=0.1, until_error=80.0))


DEVIATIONS = (
    "Trains on all 50,000 images; the paper settled its schedule on 45,000 and 5,000.",
    "Running averages of the batch statistics serve at test time; the authors' ImageNet networks have statistics of a "
    "batch after training, and the paper doesn't say.",
    "Biases and the scales of batch normalisation aren't decayed, as in the authors' ImageNet networks; the paper "
    "doesn't say.",
)

# What the rehearsals change.
ON_PHOTOS = {
    # As in VGG's rehearsal: without it the networks memorise the brightness and colours of the photographs' left
    # parts, and do worse on the right parts.
    "inputs.photometric": Photometric(brightness=0.5, contrast=0.5, colour=0.5),
    "schedule": Cosine(0.05, warmup_epochs=1.0),  # 0.1 is for batches of 128
    "warmup": None,
    "batch_size": 32,
    "evaluation_batch_size": 100,
    "steps": 500,
}

PAPER = Paper(
    title="Deep Residual Learning for Image Recognition",
    authors="He, Zhang, Ren & Sun",
    year=2015,
    venue="CVPR 2016",
    results=(
        Result(data="cifar10", top1_error=8.75, source="Table 6, 20 layers", variants=("20",)),
        Result(data="cifar10", top1_error=7.51, source="Table 6, 32 layers", variants=("32",)),
        Result(data="cifar10", top1_error=7.17, source="Table 6, 44 layers", variants=("44",)),
        Result(data="cifar10", top1_error=6.97, source="Table 6, 56 layers", variants=("56",)),
        Result(data="cifar10", top1_error=6.61, source="Table 6, 110 layers, mean of five (± 0.16)", variants=("110",)),
        Result(data="cifar10", top1_error=6.43, source="Table 6, 110 layers, best of five", variants=("110",)),
        Result(data="cifar10", top1_error=7.93, source="Table 6, 1202 layers", variants=("1202",)),
    ),
    claims=(
        Claim(what="parameters of 20 layers", stated="0.27 million", source="Table 6", counted="269,722"),
        Claim(what="parameters of 32 layers", stated="0.46 million", source="Table 6", counted="464,154"),
        Claim(what="parameters of 44 layers", stated="0.66 million", source="Table 6", counted="658,586"),
        Claim(what="parameters of 56 layers", stated="0.85 million", source="Table 6", counted="853,018"),
        Claim(what="parameters of 110 layers", stated="1.7 million", source="Table 6", counted="1,727,962"),
        Claim(what="parameters of 1202 layers", stated="19.4 million", source="Table 6", counted="19,421,274"),
        Claim(what="shortcuts", stated="3n", source="§4.2", counted="3n, two of which change the shape"),
        Claim(
            what="110 layers at a rate of 0.01 pass 80 % training error after", stated="about 400 steps", source="§4.2"
        ),
    ),
    contradictions=(
        "Steps: the paper's 64,000 of 128 are 182 epochs of the 45,000 images that it settled the schedule on, 164 "
        "of all 50,000. fb.resnet.torch has 164 epochs with drops after 81 and 122; other code 200.",
        "Option A's zeros: behind the channels in fb.resnet.torch and here, on both sides in other code. Option B, "
        "which many have here, isn't the paper's: 272,474 parameters with 20 layers.",
        "Mean: the paper subtracts the mean of each pixel; fb.resnet.torch has the mean and the standard deviation of "
        "each channel.",
        "Momentum: plain in the paper, Nesterov's in fb.resnet.torch.",
        "The figure for 110 layers is the best of five runs, 6.43 %; the mean is 6.61 %.",
        "A widely used re-implementation reports 8.27, 7.37, 6.90, 6.61, 6.32, 6.18 % instead of Table 6's.",
        "1202 layers are trained as described before them, which may or may not include the 110 layers' warm-up. Here "
        "it does.",
    ),
)

VARIANTS = {
    **{str(depth): layers(depth) for depth in (20, 32, 44, 56)},
    **{str(depth): warmed_up(depth) for depth in (110, 1202)},
    **{f"plain-{depth}": layers(depth, shortcut="none") for depth in (20, 32, 44, 56)},
}
