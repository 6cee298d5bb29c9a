"""Several workers of one training, started on this machine."""
