"""From examples to batches: order, augmentation, fitting."""
