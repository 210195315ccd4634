"""Optimizers, learning-rate schedules, losses, and what changes the rate while a run goes on."""
