"""How exported files are held to the Keras model: over all pictures, better and worse, and by numbers alone."""

from pathlib import Path

import numpy as np
import pytest

from metricfit.export.formats.registry import FORMATS, QUANTIZATIONS, by_rank
from metricfit.export.formats.tflite import VARIANTS
from metricfit.export.parity.agreement import MapAgreement, hold_to
from metricfit.export.parity.comparison import Measured, check
from metricfit.export.provenance import command_lines
from metricfit.export.tasks import get_task
from metricfit.trainers.errors import MetricfitError


def of_maps(*differences: float) -> MapAgreement:
    """An agreement of batches, a map of four values each, that differ by so much."""
    agreement = MapAgreement()
    for difference in differences:
        agreement.add(np.full((1, 2, 2), 0.5, np.float32), np.full((1, 2, 2), 0.5 + difference, np.float32))
    return agreement


def test_maps_are_compared_over_all_batches():
    agreement = of_maps(0.25, -0.125, 0.0)
    assert agreement.differences(VARIANTS["none"]) == {"largest_difference": 0.25, "mean_difference": 0.125}


def checked(variant: str, agreement: MapAgreement, found: dict[str, float]) -> dict[str, float]:
    expected = Measured({"max_f": 0.5, "mean_f": 0.5, "mae": 0.125}, {})
    measured = Measured({**expected.metrics, **found}, {}, agreement)
    return check(get_task("saliency"), VARIANTS[variant].file, VARIANTS[variant], expected, measured)


def test_float_files_are_held_to_every_value_and_8_bit_files_to_the_mean():
    assert checked("int8", of_maps(0.0625, 0, 0, 0), {})["largest_difference"] == 0.0625
    for variant, difference in (("none", 0.002), ("float16", 0.02)):
        assert checked(variant, of_maps(difference / 4), {})["mean_difference"] == pytest.approx(
            difference / 4, rel=1e-3
        )
        with pytest.raises(MetricfitError, match="largest difference"):
            checked(variant, of_maps(difference, 0), {})
    with pytest.raises(MetricfitError, match="mean difference"):
        checked("dynamic", of_maps(0.03), {})


@pytest.mark.parametrize(("found", "passes"), [(0.508, True), (0.492, True), (0.515, False), (0.485, False)])
def test_the_figures_of_8_bit_maps_stay_near_those_of_the_model_both_ways(found, passes):
    if passes:
        assert checked("int8", of_maps(0), {"mean_f": found})["mean_f_difference"] == pytest.approx(found - 0.5)
    else:
        with pytest.raises(MetricfitError, match="difference in mean_f"):
            checked("int8", of_maps(0), {"mean_f": found})
    assert checked("none", of_maps(0), {"mean_f": found})["mean_f_difference"] == pytest.approx(found - 0.5)


def test_what_is_no_number_is_refused():
    hold_to("a.tflite", VARIANTS["none"], {"difference": (0.5, 0.5)})
    for value in (float("nan"), 0.51):
        with pytest.raises(MetricfitError, match=r"a\.tflite does not agree .* its difference"):
            hold_to("a.tflite", VARIANTS["none"], {"difference": (value, 0.5)})


def test_formats_know_what_they_write():
    assert list(FORMATS) == ["savedmodel", "tflite"]
    assert QUANTIZATIONS == ("none", "float16", "dynamic", "int8")
    assert [variant.name for variant in FORMATS["tflite"].chosen(("int8", "none"))] == ["int8", "none"]
    assert [variant.file for variant in FORMATS["savedmodel"].chosen(("int8",))] == ["saved_model"]
    files = [variant.file for _, variant in by_rank()]
    assert files == [f"model_{kind}.tflite" for kind in ("int8", "float32", "dynamic", "float16")] + ["saved_model"]


def test_the_command_line_holds_what_was_asked_for():
    run, to = Path("a.keras"), Path("to")
    options = {"formats": ("tflite",), "quantize": ("int8",), "seed": 3, "overwrite": True}
    (line,) = command_lines("saliency", run, to, **options, data="d", val=None, test=("x y", "z"))
    assert line == (
        "metricfit export a.keras --to to --formats tflite --quantize int8 --data d --test 'x y' --test z --seed 3 "
        "--overwrite"
    )
    options = {"formats": ("savedmodel",), "quantize": ("int8",), "seed": 0, "overwrite": False}
    assert command_lines("saliency", run, to, **options) == ("metricfit export a.keras --to to --formats savedmodel",)
