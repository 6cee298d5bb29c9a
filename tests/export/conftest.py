"""One export of the tiny model, shared by the tests of this folder."""

import pytest

from metricfit.export import export_run

from .small_model import make_run, red_squares


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    return red_squares(tmp_path_factory.mktemp("data") / "squares")


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory, source):
    return make_run(tmp_path_factory.mktemp("runs") / "red", source)


@pytest.fixture(scope="session")
def exported(tmp_path_factory, run_folder):
    folder = tmp_path_factory.mktemp("models") / "red"
    export_run(run_folder, folder, quantize=("none", "float16", "dynamic", "int8"), data_terms="CC0", quiet=True)
    return folder
