"""The layout: imports run one way, every package is listed, the wheel holds what the tree holds."""

import ast
import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ["losses", "trainers", "export", "app"]
ROOMS = {  # rooms of trainers that know nothing of each other, with what each may use besides itself
    "data": set(),
    "models": set(),
    "metrics": set(),
    "callbacks": {"metrics"},
}


def imported_names(path: Path, root: Path) -> set[tuple[str, ...]]:
    """Absolute dotted names below the package that a file imports, relative imports resolved."""
    package = path.relative_to(root).parts[:-1]
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = tuple((node.module or "").split(".")) if node.module else ()
            names |= {(*base, *module, alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {tuple(alias.name.split(".")) for alias in node.names}
    return {name[1:] if name[0] == "metricfit" else name for name in names}


def wrong_arrows(root: Path) -> list[str]:
    wrong = []
    for floor in FLOORS:
        for path in sorted((root / floor).rglob("*.py")):
            for name in imported_names(path, root):
                if name[0] in FLOORS and FLOORS.index(name[0]) > FLOORS.index(floor):
                    wrong.append(f"{path.relative_to(root)} imports {'.'.join(name)}")
    for room, allowed in ROOMS.items():
        for path in sorted((root / "trainers" / room).rglob("*.py")):
            for name in imported_names(path, root):
                if name[0] == "trainers" and len(name) > 1 and name[1] in set(ROOMS) - allowed - {room}:
                    wrong.append(f"{path.relative_to(root)} imports {'.'.join(name)}")
    return wrong


def test_imports_run_one_way():
    assert wrong_arrows(ROOT) == []


def test_an_import_against_the_arrow_is_found(tmp_path):
    for floor in FLOORS:
        (tmp_path / floor).mkdir()
    (tmp_path / "trainers" / "data").mkdir()
    (tmp_path / "losses" / "a.py").write_text("from ..app import cli\n")
    (tmp_path / "trainers" / "data" / "b.py").write_text(
        "from ..models import deeplab\nfrom ..errors import DataError\n"
    )
    assert wrong_arrows(tmp_path) == [
        "losses/a.py imports app.cli",
        "trainers/data/b.py imports trainers.models.deeplab",
    ]


def test_losses_need_tensorflow_keras_and_numpy_only():
    allowed = {"tensorflow", "keras", "numpy", "losses"} | set(sys.stdlib_module_names)
    for path in (ROOT / "losses").rglob("*.py"):
        assert {name[0] for name in imported_names(path, ROOT)} <= allowed, path


def test_every_package_is_listed():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = set(setup["options"]["packages"].split())
    found = {"metricfit"} | {
        "metricfit." + ".".join(path.parent.relative_to(ROOT).parts)
        for top in [*FLOORS, "saved_models"]
        for path in (ROOT / top).rglob("__init__.py")
    }
    assert listed == found


def test_tasks_are_attributes_and_load_late():
    program = (
        "import sys, metricfit\n"
        "metricfit.trainers.config.SaliencyConfig()\n"
        "assert 'tensorflow' not in sys.modules\n"
        "assert callable(metricfit.trainers.saliency.train)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_only_the_two_files_of_a_package_stand_at_the_top():
    assert sorted(path.name for path in ROOT.glob("*.py")) == ["__init__.py", "__main__.py"]


def tracked_files() -> list[str]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split("\n")[:-1]


@pytest.mark.slow
def test_wheel_holds_what_the_tree_holds(tmp_path):
    copy = tmp_path / "another name"
    wanted = set()
    for name in tracked_files():
        if not (ROOT / name).is_file():
            continue
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
        in_package = name.split("/")[0] in [*FLOORS, "saved_models"] or name in ("__init__.py", "__main__.py")
        if in_package and (name.endswith(".py") or name.startswith("saved_models/")):
            wanted.add("metricfit/" + name)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(copy)],
        check=True,
    )
    (wheel,) = tmp_path.glob("metricfit-*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == wanted
