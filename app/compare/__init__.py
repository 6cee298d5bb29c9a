"""The verb `compare` and its report."""
