"""From stored images to a network's input, on the device: normalisation, whitening, random crops and colours."""
