"""The devices of a run: mesh, compilation, and the processes that share one run."""
