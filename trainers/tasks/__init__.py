"""Everything that a task is, for training, judging and comparing."""
