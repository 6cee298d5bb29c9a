"""What goes wrong in the middle of a training: numbers that are none, and pictures that turn bad."""
