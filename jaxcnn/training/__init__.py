"""The pure train step: state, steps, accumulation, rematerialisation, metrics, and what feeds it."""
