"""What watches a training: checkpoints, TensorBoard pictures and curves."""
