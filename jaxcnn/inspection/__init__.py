"""Looking into a network: drawings of it, and what a trained one has learnt."""
