"""From a trained model to files that were compared with it."""
