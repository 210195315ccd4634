"""Looking into a trained network: filters, feature maps, what excites a unit, where it looks, what it finds alike."""
