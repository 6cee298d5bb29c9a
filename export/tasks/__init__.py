"""What is particular to each task in an export."""
