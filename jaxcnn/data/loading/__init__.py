"""Records become batches in host memory: order, reading, the pipeline, caches, the mean image."""
