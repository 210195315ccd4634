"""Looking into a network: drawings of it, and what it has learned."""
