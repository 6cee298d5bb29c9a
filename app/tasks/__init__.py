"""What is particular to each task in predict and demo."""
