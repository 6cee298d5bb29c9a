"""What is distributed: the packages in the wheel, all files in the source distribution, and bounds that were run."""

import configparser
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("app", "export", "losses", "saved_models", "trainers")
AT_THE_TOP = ("__init__.py", "__main__.py", "metrics.py", "py.typed")


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout: what it should hold is not known")
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("\n")[:-1] if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def built(tracked, tmp_path_factory):
    """Build a source distribution of a copy of the tree, and the wheel of that."""
    folder = tmp_path_factory.mktemp("built")
    copy = folder / "another name"
    for name in tracked:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(copy)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (source,), (wheel,) = folder.glob("metricfit-*.tar.gz"), folder.glob("metricfit-*.whl")
    with tarfile.open(source) as packed:
        packed.extractall(folder, filter="data")
    return wheel, folder / source.name.removesuffix(".tar.gz")


@pytest.mark.slow
def test_wheel_holds_what_the_tree_holds(tracked, built):
    wanted = {"metricfit/" + name for name in tracked if name.split("/")[0] in PACKAGES or name in AT_THE_TOP}
    held = {name for name in zipfile.ZipFile(built[0]).namelist() if ".dist-info/" not in name}
    assert held == wanted


@pytest.mark.slow
def test_source_distribution_holds_all_files_and_their_tests_run(tracked, built):
    folder = built[1]
    held = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {name for name in held if name != "PKG-INFO" and not name.startswith("metricfit.egg-info/")} == set(tracked)
    # The package is called as in users' programs, whatever the folder is called.
    link = folder.parent / "link"
    link.mkdir()
    (link / "metricfit").symlink_to(folder)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--noconftest", "tests/trainers/test_text.py", "-p", "no:cacheprovider"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(link)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]


def bounds() -> dict[str, str]:
    """Give what setup.cfg asks for, as written behind each name."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lines = (setup["options"]["install_requires"] + setup["options.extras_require"]["serve"]).split()
    return {found[1]: found[2] for line in lines if (found := re.fullmatch(r"([A-Za-z0-9_-]+)(.*)", line))}


def test_lowest_versions_are_those_with_which_the_tests_are_run():
    text = (ROOT / "tests/lowest.txt").read_text()
    run = dict(line.split("==") for line in text.splitlines() if line and not line.startswith("#"))
    lowest = {name: found[1] for name, bound in bounds().items() if (found := re.match(r">=([0-9.]+)", bound))}
    assert lowest.keys() == bounds().keys()
    assert lowest == {name: run[name] for name in lowest}


def test_with_a_gpu_it_is_the_same_tensorflow():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert setup["options.extras_require"]["gpu"].strip() == "tensorflow[and-cuda]" + bounds()["tensorflow"]


def test_next_major_versions_are_left_out_where_they_are_likely_to_break():
    bounded = {name for name, bound in bounds().items() if re.fullmatch(r">=[0-9.]+,<[0-9]+", bound)}
    assert {"tensorflow", "keras", "keras-cv", "tensorflow-datasets", "numpy", "opencv-python", "tyro"} <= bounded
