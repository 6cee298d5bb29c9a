"""One export of each tiny model, shared by the tests of this folder."""

import pytest

from metricfit.export import export_run
from metricfit.trainers.data import sources

from .small_detector import Squares, make_detector_run
from .small_model import make_run, red_squares


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    return red_squares(tmp_path_factory.mktemp("data") / "squares")


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory, source):
    return make_run(tmp_path_factory.mktemp("runs") / "red", source)


@pytest.fixture(scope="session")
def further(tmp_path_factory):
    """Data of which no example trained, validated or calibrated."""
    return red_squares(tmp_path_factory.mktemp("data") / "further", count=4, seed=7)


@pytest.fixture(scope="session")
def exported(tmp_path_factory, run_folder, further):
    folder = tmp_path_factory.mktemp("models") / "red"
    export_run(
        run_folder,
        folder,
        quantize=("none", "float16", "dynamic", "int8"),
        test=(further,),
        data_terms="CC0",
        limits="Squares alone.",
        quiet=True,
    )
    return folder


@pytest.fixture(scope="package")
def squares():
    """The source of pictures with boxes, registered under its name while this folder is tested."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sources.SOURCES, "squares", sources.SourceKind("squares", Squares))
        yield Squares()


@pytest.fixture(scope="package")
def detector_run(tmp_path_factory, squares):
    return make_detector_run(tmp_path_factory.mktemp("runs") / "squares")


@pytest.fixture(scope="package")
def detector(tmp_path_factory, detector_run):
    folder = tmp_path_factory.mktemp("models") / "squares"
    export_run(detector_run, folder, quantize=("none", "float16", "dynamic", "int8"), data_terms="CC0", quiet=True)
    return folder
