"""One export of each tiny model, shared by the tests of this folder."""

from contextlib import contextmanager
from functools import partial

import pytest

from metricfit.export import export_run
from metricfit.export.formats import tflite_converter
from metricfit.export.formats.saved_model import SavedModel
from metricfit.export.serving import build
from metricfit.trainers.data import sources

from ..conftest import once
from .small_detector import Squares, make_detector_run
from .small_model import make_run, red_squares

QUANTIZE = ("none", "float16", "dynamic", "int8")


def _convert_here(scratch, folder, variants):
    names = ",".join(variant.name for variant in variants)
    return "failed" if tflite_converter._main(scratch, folder, names) else ""


@contextmanager
def converting_here():
    """Convert in this process, which has TensorFlow already; `exported` does so in one of its own, as users do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tflite_converter, "_run_converter", _convert_here)
        yield


@contextmanager
def networks_alone():
    """Leave what takes pictures of any size out of SavedModels: it has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "picture_signatures", lambda *_: {})
        patch.setattr(SavedModel, "complete", lambda *_: "")
        yield


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    return f"folder:{once(tmp_path_factory, 'squares', red_squares)}"


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory, source):
    return once(tmp_path_factory, "red-run", lambda folder: make_run(folder / "red", source)) / "red"


@pytest.fixture(scope="session")
def further(tmp_path_factory):
    """Data of which no example trained, validated or calibrated."""
    return f"folder:{once(tmp_path_factory, 'further', partial(red_squares, count=4, seed=7))}"


@pytest.fixture(scope="session")
def exported(tmp_path_factory, run_folder, further):
    options = {"test": (further,), "data_terms": "CC0", "limits": "Squares alone.", "quiet": True}
    make = partial(export_run, run_folder, quantize=QUANTIZE, **options)
    return once(tmp_path_factory, "red-model", lambda folder: make(folder / "red")) / "red"


@pytest.fixture
def network_alone():
    """Leave what takes pictures of any size out of the SavedModels that a test exports."""
    with networks_alone():
        yield


@pytest.fixture(scope="package")
def squares():
    """The source of pictures with boxes, registered under its name while this folder is tested."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sources.SOURCES, "squares", sources.SourceKind("squares", Squares))
        yield Squares()


@pytest.fixture(scope="package")
def detector_run(tmp_path_factory, squares):
    return once(tmp_path_factory, "squares-run", lambda folder: make_detector_run(folder / "squares")) / "squares"


@pytest.fixture(scope="package")
def detector(tmp_path_factory, detector_run):
    options = {"calibration": "none", "data_terms": "CC0", "quiet": True}

    def make(folder):
        with networks_alone(), converting_here():
            export_run(detector_run, folder / "squares", quantize=QUANTIZE, **options)

    return once(tmp_path_factory, "squares-model", make) / "squares"
