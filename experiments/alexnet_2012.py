"""AlexNet on ILSVRC-2012 (Krizhevsky, Sutskever & Hinton, 2012).

Reported: 40.7 % / 18.2 % top-1 / top-5 error on the validation set, ten crops (Table 2).
Ours: not run on ImageNet yet; the README has the rehearsal's result.
Run: python launch.py --exp=alexnet_2012

The ablations of §3 and §4.1, each beside the bare name:
  no response normalisation   --set model.use_lrn=False
  no overlapping pooling      --set model.pool_size=2
  tanh for ReLU               --set model.activation=tanh
  no colour noise             --set inputs.colour_std=0
  one GPU                     --exp=alexnet_2012:one_gpu
Weights of Caffe's bvlc_alexnet (`caffenet` has the like):
  --set model.norm_across_towers=True --set model.lrn_k=1 --set model.lrn_alpha=0.00002
The variant `one_tower` is the network of another paper, of 2014, as torchvision has it.
"""

from dataclasses import replace

from jaxcnn.config.experiment import PHOTOS_BASELINE, Claim, Experiment, Paper, Plateau, Rehearsal, Result
from jaxcnn.config.inputs import Inputs
from jaxcnn.models.alexnet import AlexNet, OneTowerAlexNet
from jaxcnn.models.layers.initializers import HE_FAN_IN
from jaxcnn.optim.losses import SoftmaxCrossEntropy
from jaxcnn.optim.optimizers import Momentum
from jaxcnn.optim.schedules import Constant, Cosine, PerEpoch


def paper() -> Experiment:
    """The network and the recipe of 2012."""
    return Experiment(
        paper=PAPER,
        model=AlexNet(),
        data="imagenet2012",
        inputs=Inputs(
            size=227,
            channels=3,
            stored_size=256,  # §2: shorter side to 256, then the central square
            mean="picture",  # §2: mean activity over the training set, per pixel
            mirror=True,  # §4.1
            colour_std=0.1,  # §4.1
        ),
        loss=SoftmaxCrossEntropy(),  # §3.5
        optimizer=Momentum(momentum=0.9, weight_decay=0.0005),  # §5
        schedule=Constant(0.01),  # §5
        plateau=Plateau(factor=0.1, patience=3, reductions=3),  # §5; the patience is ours
        batch_size=128,  # §5
        epochs=90,  # §5
        protocols=("ten_crop", "center"),  # §4.1
        deviations=DEVIATIONS,
        rehearsal=Rehearsal(data="photos", overrides=INITIAL_VALUES | ON_PHOTOS, baseline=PHOTOS_BASELINE),
    )


def caffenet() -> Experiment:
    """Caffe's network, with the paper's recipe."""
    return replace(paper(), model=AlexNet.as_in_caffe(pool_first=True), deviations=(*CAFFE_DEVIATIONS, *DEVIATIONS))


def ungrouped() -> Experiment:
    """No groups: every layer sees all maps."""
    return replace(paper(), model=AlexNet(towers=1), deviations=(UNGROUPED, *DEVIATIONS))


def one_gpu() -> Experiment:
    """§3.2's comparison: half of the maps in each convolution but the last; the fully connected layers as they are."""
    return replace(paper(), model=AlexNet(features=(48, 128, 192, 192, 256), towers=1))


def one_tower() -> Experiment:
    """The network of 2014, as torchvision has it."""
    return replace(
        paper(),
        paper=ONE_WEIRD_TRICK,
        model=OneTowerAlexNet(),
        inputs=Inputs(
            size=224,
            channels=3,
            stored_size=256,
            # torchvision's mean and standard deviation of ImageNet, for pixels in 0–255
            mean=(123.675, 116.28, 103.53),
            scale=(1 / 58.395, 1 / 57.12, 1 / 57.375),
            mirror=True,
        ),
        # The author's file: 0.01 divided by 250^(1/3) after each quarter of 90 epochs
        schedule=PerEpoch(rates=(0.01, 0.0015874, 0.00025198, 0.00004), epochs=(22.5, 22.5, 22.5, 22.5)),
        plateau=None,
        deviations=ONE_TOWER_DEVIATIONS,
        rehearsal=Rehearsal(data="photos", overrides=ON_PHOTOS, baseline=PHOTOS_BASELINE),
    )


DEVIATIONS = (
    "227 pixels; the paper says 224.",
    "The rate drops after 3 epochs without a better validation error; the paper's authors dropped it by hand.",
    "The colour components are those that fb.resnet.torch measured on ImageNet; the paper prints none.",
    "Dropout divides by 0.5 in training; the paper multiplies by 0.5 at test time. The expectation is the same.",
    "The validation set decides on the rate and is what is reported, as in the paper's Table 2.",
)
CAFFE_DEVIATIONS = (
    "Caffe's order and normalisation: pools before it normalises, over the maps of both towers, with k = 1 and "
    "α / n; the paper normalises before, each tower by itself, with k = 2 and α.",
    "The recipe is the paper's, not Caffe's: that has batches of 256, a rate divided by 10 every 100,000 of "
    "450,000 steps, biases at twice the rate and without decay, N(0, 0.005²) in fc6 and fc7, and no colour noise.",
)
UNGROUPED = "One tower: every layer sees all maps; the paper's conv2, conv4 and conv5 see half of them (§3.2)."
ONE_TOWER_DEVIATIONS = (
    "torchvision's network: no response normalisation, dropout before fc6 and fc7. The author's code normalises, "
    "and has its dropout behind fc6 and fc7.",
    "He initialisation, biases of 0 (ours). torchvision leaves both to torch, U(±1/√fan-in); the author's code "
    "draws from N(0, 0.01²) and N(0, 0.03²), with biases of 1 in conv2, conv4, conv5, fc6 and fc7, −7 in fc8.",
    "torchvision's input: mean and standard deviation per channel, 224 of 256 pixels, no colour noise.",
    "One rate for weights and biases; the author's code has 0.02 for biases, dropped twice.",
)

# What all rehearsals here share: 300 steps of 16 images.
ON_PHOTOS = {
    # The patches are 96 to 128 pixels wide: 131 show all that is in them, in a third of the time. pool5 is 3×3 then.
    "inputs.size": 131,
    "inputs.stored_size": 144,
    # Batches of 16 have noisy gradients: at 0.01 the loss falls back to ln 10 or diverges, with some seeds.
    "schedule": Cosine(0.003, warmup_epochs=0.5),
    "plateau": None,
    "batch_size": 16,
    "evaluation_batch_size": 50,
    "steps": 300,
    "checkpoint_every": 300,  # once: the parameters and their velocities are 300 MB
    "protocols": ("center",),
}
INITIAL_VALUES = {
    # The paper's N(0, 0.01²) and biases of 1 take thousands of steps to begin.
    "model.kernel_init": HE_FAN_IN,
    "model.bias_value": 0.0,
    "inputs.scale": 1 / 64,  # He initialisation wants inputs of about unit variance
}

TORCHVISION = Result(
    data="imagenet2012",
    top1_error=43.45,
    top5_error=20.91,
    source="torchvision's alexnet, one tower",
    variants=("one_tower",),
)

MOMENTUM = (
    "Momentum: in the paper's equation and in Caffe the rate stands inside the velocity; torch and optax multiply the "
    "velocity by it, which differs after every drop of the rate. Here: the paper's."
)
ONE_TOWER = (
    "One tower (2014): the footnote lists 64, 192, 384, 384, 256 maps (61,838,248 parameters, +1.4 %), the text "
    "says +0.2 %, which fits 64, 192, 384, 256, 256 (61,100,840): that is what the author's code and torchvision "
    "have, and `one_tower` here.",
    "One tower, the author's cuda-convnet2 file: crops of 223 pixels, no padding, 54×54 maps, response normalisation "
    "of the linear conv1 and of conv2, the ReLU of conv1 and conv5 after their pooling, biases of −7 in fc8. "
    "torchvision: 224 pixels, 2 of padding, 55×55 maps, no normalisation, biases as torch draws them: `one_tower` but "
    "for the initial values.",
)

PAPER = Paper(
    title="ImageNet Classification with Deep Convolutional Neural Networks",
    authors="Krizhevsky, Sutskever & Hinton",
    year=2012,
    venue="NeurIPS",
    results=(
        Result(
            data="imagenet2012",
            protocol="ten_crop",
            top1_error=40.7,
            top5_error=18.2,
            source="Table 2, one CNN",
            variants=("paper",),
        ),
        Result(data="imagenet2012", protocol="ten_crop", top1_error=38.1, top5_error=16.4, source="Table 2, five CNNs"),
        Result(data="imagenet2010", protocol="ten_crop", top1_error=37.5, top5_error=17.0, source="Table 1"),
        Result(
            data="imagenet2012", top1_error=42.9, top5_error=19.8, source="Caffe's bvlc_alexnet: 57.1 / 80.2 % right"
        ),
        Result(
            data="imagenet2012",
            top1_error=42.6,
            top5_error=19.6,
            source="Caffe's CaffeNet: 57.4 / 80.4 % right",
            variants=("caffenet",),
        ),
        TORCHVISION,
    ),
    claims=(
        Claim(what="parameters", stated="60 million", source="abstract", counted="60,965,224"),
        Claim(what="parameters", stated="about 60 million", source="lectures", counted="60,965,224"),
        Claim(what="parameters", stated="about 62 million", source="lectures", counted="62,378,344 without groups"),
        Claim(
            what="neurons",
            stated="650,000",
            source="abstract",
            counted="659,272 with 55×55×96 in the first layer; 622,312 with the 253,440 of Fig. 2's caption",
        ),
        Claim(
            what="connections",
            stated="630 million",
            source="lectures",
            counted="724,406,816 multiply–accumulates; no way of counting that we tried gives 630",
        ),
        Claim(
            what="ReLU reaches 25 % training error faster than tanh (four layers, CIFAR-10) by a factor of",
            stated="about 6",
            source="§3.1",
        ),
        Claim(what="response normalisation lowers top-1 / top-5 error by", stated="1.4 / 1.2 %", source="§3.3"),
        Claim(what="overlapping pooling lowers them by", stated="0.4 / 0.3 %", source="§3.4"),
        Claim(what="overlapping pooling raises accuracy by", stated="about 0.4 %", source="lectures"),
        Claim(what="two GPUs instead of one lower them by", stated="1.7 / 1.2 %", source="§3.2"),
        Claim(what="two GPUs instead of one lower the error by", stated="about 1.7 %", source="lectures"),
        Claim(what="colour noise lowers top-1 error by", stated="over 1 %", source="§4.1"),
        Claim(
            what="crops and mirrors multiply the training set by",
            stated="2048",
            source="§4.1",
            counted="2,178 from 256 to 224 (33·33·2); 1,800 from 256 to 227 (30·30·2)",
        ),
        Claim(
            what="augmentation multiplies the data by",
            stated="about 2048",
            source="lectures",
            counted="2,178 by crops and mirrors (33·33·2); colours come on top",
        ),
    ),
    contradictions=(
        "Input: the paper says 224×224; its own 55×55 maps need 227 without padding, 224 with 2 pixels of it, or the "
        "authors' code, which rounds the number of windows up: 1 + ⌈(224 − 11)/4⌉ = 55. Here: 227.",
        "Fig. 2's caption counts 253,440 neurons in the first layer, which is 55·48·96; 55·55·96 is 290,400.",
        "Groups: the paper's conv2, conv4 and conv5 see half of the maps (60,965,224 parameters). Lectures and "
        "one-GPU re-implementations leave the groups out (62,378,344): the variant `ungrouped`.",
        "Order: the paper normalises and then pools; CaffeNet and some lectures pool first, which is cheaper: the "
        "variant `caffenet`.",
        "Response normalisation: in the paper's formula α is not divided by n, and k = 2. Caffe and torch divide α by "
        "n, and Caffe's default k is 1: `caffenet`. Some lectures leave out the square of the activities; one says "
        "that all maps at a point are normalised, where it is n = 5 neighbours.",
        "Worth of response normalisation: 1.4 / 1.2 % by §3.3. VGG's A-LRN is no better than its A (29.7 / 10.5 and "
        "29.6 / 10.4 %), and a lecture calls it not very useful.",
        "Towers: the paper's GPUs exchange maps before conv3 and in the fully connected layers only (§3.2), so each "
        "normalises over its own maps. Caffe, on one GPU, normalises over all of them, so that two maps on each side "
        "of the border see the other tower: `--set model.norm_across_towers=True`. Caffe's weights need its k and α as "
        "well: `--set model.lrn_k=1 --set model.lrn_alpha=0.00002`.",
        "Biases of 1: the paper gives them to conv2, conv4, conv5 and the hidden fully connected layers; Caffe's "
        "bvlc_alexnet has 0.1 there, since 1 left its loss flat; CaffeNet has 1.",
        "Initialisation: the paper draws all weights from N(0, 0.01²); Caffe draws fc6 and fc7 from N(0, 0.005²).",
        "Rates: the paper uses one rate for all layers and decays every weight; Caffe's networks train biases at "
        "twice the rate and don't decay them. Batch: 128 in the paper, 256 in Caffe.",
        MOMENTUM,
        *ONE_TOWER,
        "The competition: a lecture has ILSVRC from 2012 to 2017; it ran from 2010 to 2017, and Table 1 is of 2010.",
        "A lecture's table pools after conv2 and conv3; the paper pools after conv1, conv2 and conv5.",
    ),
)

ONE_WEIRD_TRICK = Paper(
    title="One weird trick for parallelizing convolutional neural networks",
    authors="Krizhevsky",
    year=2014,
    venue="arXiv 1404.5997",
    results=(TORCHVISION,),
    claims=(
        Claim(
            what="parameters more than in the network of 2012",
            stated="0.2 %",
            source="the paper's text",
            counted="0.22 %: 61,100,840 against 60,965,224",
        ),
        Claim(what="parameters", stated="61.1 million", source="torchvision's documentation", counted="61,100,840"),
    ),
    contradictions=(*ONE_TOWER, MOMENTUM),
)

VARIANTS = {
    # Measured by benchmarks/rehearsals.py, as in the other files.
    "paper": paper().rehearsed("32.0 % test error on average, 35.4 % at worst, of seeds 0 to 9"),
    "caffenet": caffenet(),
    "ungrouped": ungrouped(),
    "one_gpu": one_gpu(),
    "one_tower": one_tower(),
}
