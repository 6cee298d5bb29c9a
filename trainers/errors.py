"""The three ways in which a command fails, each with its exit code. One sentence: expected, found, where, what to do."""


class MetricfitError(Exception):
    """The work could not be done."""

    exit_code = 1


class UsageError(MetricfitError):
    """What was asked for does not exist or does not fit together."""

    exit_code = 2


class DataError(MetricfitError):
    """The input data are at fault."""

    exit_code = 3
