"""How exported files are held to the Keras model: over all pictures, better and worse, and as far as pictures tell."""

from pathlib import Path

import numpy as np
import pytest

from metricfit.export.formats.registry import FORMATS, QUANTIZATIONS, by_rank
from metricfit.export.formats.tflite import VARIANTS
from metricfit.export.parity.agreement import Limit, MapAgreement, Resampled, Verdict, judged
from metricfit.export.provenance import command_lines, teacher_of
from metricfit.trainers.metrics.resampling import draws
from metricfit.trainers.training.config import SaliencyConfig
from metricfit.trainers.training.run_folder import open_run


def of_maps(*differences: float) -> MapAgreement:
    """An agreement of batches, a map of four values each, that differ by so much."""
    agreement = MapAgreement()
    for difference in differences:
        agreement.add(np.full((1, 2, 2), 0.5, np.float32), np.full((1, 2, 2), 0.5 + difference, np.float32))
    return agreement


def test_maps_are_compared_over_all_batches():
    agreement = of_maps(0.25, -0.125, 0.0)
    assert agreement.differences(VARIANTS["none"]) == {"largest_difference": 0.25, "mean_difference": 0.125}


def checked(variant: str, agreement: MapAgreement, found: dict[str, float], spread: float = 0.0) -> Verdict:
    """The verdict on a file whose figures differ by so much, on the draws of its pictures with such a deviation."""
    counts = draws(len(agreement._means), count=400)
    noise = np.random.default_rng(0).normal(0, spread, len(counts))
    metrics = dict.fromkeys(("max_f", "mean_f", "mae"), 0.0) | found
    resampled = Resampled([counts], {name: value + noise for name, value in metrics.items()})
    kind = VARIANTS[variant]
    return judged(kind.file, kind, agreement.limits(kind, metrics, resampled))


def test_float_files_are_held_to_every_value_and_8_bit_files_to_the_mean():
    assert checked("int8", of_maps(*[0.0625, 0, 0, 0] * 5), {}).refusal == ""
    for variant, difference in (("none", 0.002), ("float16", 0.02)):
        assert checked(variant, of_maps(difference / 4), {}) == Verdict()
        assert "largest difference" in checked(variant, of_maps(difference, 0), {}).refusal
    assert "mean difference" in checked("dynamic", of_maps(0.03, 0.03), {}).refusal


@pytest.mark.parametrize(("found", "passes"), [(0.008, True), (-0.008, True), (0.015, False), (-0.015, False)])
def test_the_figures_of_8_bit_maps_stay_near_those_of_the_model_both_ways(found, passes):
    verdict = checked("int8", of_maps(0, 0), {"mean_f": found})
    assert verdict.warnings == []
    assert verdict.refusal == "" if passes else "difference in mean_f" in verdict.refusal
    assert checked("none", of_maps(0, 0), {"mean_f": found}) == Verdict()


def test_what_the_pictures_cannot_tell_is_a_warning_and_what_they_can_a_refusal():
    unsure = checked("int8", of_maps(*[0] * 13), {"mean_f": 0.015}, spread=0.01)
    assert unsure.refusal == ""
    (warning,) = [one for one in unsure.warnings if "mean_f" in one]
    assert warning.startswith("13 pictures cannot tell whether the difference in mean_f keeps to 0.01: it is 0.015, ")
    low, high = unsure.intervals["difference in mean_f"]
    assert low < 0.01 < 0.015 < high < 0.04
    sure = checked("int8", of_maps(*[0] * 13), {"mean_f": 0.015}, spread=0.001)
    assert "(by 13 pictures at least 0.013" in sure.refusal
    small = checked("int8", of_maps(*[0] * 13), {"mean_f": 0.001}, spread=0.001)
    assert (small.refusal, small.warnings) == ("", [])


def test_one_picture_can_tell_of_a_number_that_is_none_alone():
    verdict = checked("int8", of_maps(0.5), {"mean_f": 0.5})
    assert (verdict.refusal, verdict.intervals) == ("", {})
    assert all(warning.startswith("1 pictures cannot tell") for warning in verdict.warnings)
    assert "does not agree" in checked("int8", of_maps(0.5), {"mean_f": float("nan")}).refusal


def test_mean_differences_are_drawn_by_picture():
    """A file that fails on one picture alone may do so by chance; one that is a little off on all does not."""
    assert checked("int8", of_maps(*[0.0] * 9, 0.5), {}).warnings != []
    assert checked("int8", of_maps(*[0.0] * 9, 0.5), {}).refusal == ""
    assert "mean difference" in checked("int8", of_maps(*[0.05] * 10), {}).refusal


def test_what_is_no_number_is_refused():
    assert judged("a.tflite", VARIANTS["none"], {"difference": Limit(0.5, 0.5)}) == Verdict()
    for value in (float("nan"), 0.51):
        refusal = judged("a.tflite", VARIANTS["none"], {"difference": Limit(value, 0.5)}).refusal
        assert refusal.startswith("a.tflite does not agree with the Keras model: its difference")


def test_formats_know_what_they_write():
    assert list(FORMATS) == ["savedmodel", "tflite"]
    assert QUANTIZATIONS == ("none", "float16", "dynamic", "int8")
    assert [variant.name for variant in FORMATS["tflite"].chosen(("int8", "none"))] == ["int8", "none"]
    assert [variant.file for variant in FORMATS["savedmodel"].chosen(("int8",))] == ["saved_model"]
    files = [variant.file for _, variant in by_rank()]
    assert files == [f"model_{kind}.tflite" for kind in ("int8", "float32", "dynamic", "float16")] + ["saved_model"]


def test_a_student_names_its_teacher_and_the_trainings_before_it(tmp_path):
    large, first, small = (tmp_path / name for name in ("large", "first", "small"))
    for folder, settings in ((large, {}), (first, {}), (small, {"init": str(first), "teacher": str(large)})):
        open_run("saliency", SaliencyConfig(out=str(folder), **settings))
    _, *lines = command_lines("saliency", small, tmp_path / "to", formats=("tflite",), quantize=(), seed=0)
    assert [line.split(" --")[0] for line in lines[:3]] == ["metricfit train saliency"] * 3
    assert [str(folder) in line for folder, line in zip((first, large, small), lines)] == [True] * 3
    config = {"init": str(first), "teacher": str(large)}
    assert (teacher_of(config), teacher_of({}), teacher_of({"teacher": None})) == (str(large), "", "")
    assert teacher_of({"teacher": "saliency_mobile"}).startswith("saliency_mobile: ECSSD (Shi et al.): research use")


def test_the_command_line_holds_what_was_asked_for():
    run, to = Path("a.keras"), Path("to")
    options = {"formats": ("tflite",), "quantize": ("int8",), "seed": 3}
    go, line = command_lines("saliency", run, to, **options, data="d", val=None, test=("x y", "z"))
    assert go == "cd .."
    assert line == (
        "metricfit export a.keras --to to --formats tflite --quantize int8 --data d --test 'x y' --test z --seed 3 "
        "--overwrite"
    )
    options = {"formats": ("savedmodel",), "quantize": ("int8",), "seed": 0}
    line = "metricfit export a.keras --to to --formats savedmodel --overwrite"
    assert command_lines("saliency", run, to, **options) == ("cd ..", line)
    assert "--nms-iou 0.0 --overwrite" in command_lines("detection", run, to, **options, nms_iou=0.0, flag=False)[-1]
