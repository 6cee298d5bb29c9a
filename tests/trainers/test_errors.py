"""The ways in which a command fails."""

from metricfit.trainers.errors import DataError, DivergedError, MetricfitError, UsageError, first_line


def test_each_kind_has_its_exit_code():
    assert [kind.exit_code for kind in (MetricfitError, DivergedError, UsageError, DataError)] == [1, 1, 2, 3]


def test_the_first_line_of_another_library_is_quoted():
    assert first_line(ValueError("\n  no such layer \nat 0x1\n")) == "no such layer"
    assert first_line(ValueError("x" * 1000)) == "x" * 197 + "..."
    assert first_line(TypeError("want <class 'int'>, not <class 'a.b.Odd'>")) == "want int, not Odd"
    assert first_line(ValueError("malformed: <ast.Name object at 0x7ffad8>")) == "malformed: Name"
    assert first_line(KeyError()) == "KeyError"
