"""Run the command line: `python -m metricfit` is the same program as `metricfit`."""

import sys

from metricfit.app.cli import main

if __name__ == "__main__":
    sys.exit(main())
