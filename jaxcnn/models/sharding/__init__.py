"""How a network's batch and towers lie on several devices."""
