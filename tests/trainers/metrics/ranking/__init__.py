"""What found boxes score by their order."""
