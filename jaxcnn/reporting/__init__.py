"""What a run shows and keeps: progress on the screen, events in metrics.jsonl and TensorBoard's file."""
