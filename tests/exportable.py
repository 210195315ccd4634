"""Small forms of the papers' networks, which have every kind of layer and of preprocessing between them."""

SMALL = {
    "lenet5_1998:paper": (),
    "lenet5_1998:modern": (),
    "lenet5_1998:caffe": (),
    "cnn_primer:paper": ("inputs.size=14", "inputs.stored_size=14"),
    "alexnet_2012:paper": (
        *("inputs.size=67", "inputs.stored_size=72", "model.hidden_units=32", "model.num_classes=10"),
        "model.features=(16,32,24,24,16)",
    ),
    "alexnet_2012:caffenet": (
        *("inputs.size=67", "inputs.stored_size=67", "model.hidden_units=32", "model.num_classes=10"),
        "model.features=(16,32,24,24,16)",
    ),
    "alexnet_2012:one_tower": (
        *("inputs.size=63", "inputs.stored_size=72", "model.hidden_units=32", "model.num_classes=10"),
        "model.features=(16,32,24,24,16)",
    ),
    "nin_2013:cifar10": ("inputs.size=8", "inputs.stored_size=8"),  # whitening
    "nin_2013:svhn": ("inputs.size=12", "inputs.stored_size=14"),  # local contrast, cropped
    "nin_2013:mnist": ("inputs.size=14", "inputs.stored_size=14"),
    "vgg_2014:A-LRN": (
        *("inputs.size=32", "inputs.stored_size=36", "model.hidden_units=16", "model.num_classes=10"),
        "model.features=(8,8,8,8,8)",
    ),
    "vgg_2014:A-bn": (
        *("inputs.size=32", "inputs.stored_size=36", "model.hidden_units=16", "model.num_classes=10"),
        "model.features=(8,8,8,8,8)",
    ),
    "googlenet_2014:paper": ("inputs.size=80", "inputs.stored_size=80", "model.num_classes=10"),
    "googlenet_2014:torchvision": ("inputs.size=32", "inputs.stored_size=36", "model.num_classes=10"),
    "resnet_2015:18-A": ("inputs.size=32", "inputs.stored_size=36", "model.num_classes=10", "model.blocks=(1,1,1,1)"),
    "resnet_2015:50-v1.5": (
        "inputs.size=32",
        "inputs.stored_size=36",
        "model.num_classes=10",
        "model.blocks=(1,1,1,1)",
    ),
    "resnet_cifar_2015:20": ("inputs.size=16", "inputs.stored_size=16", "model.n=2"),  # a mean image
}

SLOW = {"googlenet_2014:torchvision", "resnet_2015:50-v1.5"}  # compile long; their papers have another form above
