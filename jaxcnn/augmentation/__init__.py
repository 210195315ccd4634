"""From images to a network's input: random windows, chosen on the host, and what happens on the device."""
