"""Long versions of what tests do shortly: `make soak`, or `python -m tests.soak.NAME --help` for one of them."""
