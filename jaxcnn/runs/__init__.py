"""The life of a run: plan, fit, resume, checkpoint, lock, log, evaluate its folder."""
