"""From sources (scenes, folders, TFDS) to examples to batches."""
