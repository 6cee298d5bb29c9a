"""The layout: imports run one way, and every package is listed."""

import ast
import configparser
import subprocess
import sys
from pathlib import Path

import metricfit.trainers
from metricfit.trainers.tasks import CONFIGS

from .conftest import LONGEST

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ["losses", "trainers", "export", "app"]
ROOMS = ["data", "models", "metrics"]  # rooms of trainers that know nothing of each other


def modules(root: Path) -> dict[tuple[str, ...], Path]:
    """Every file of the four floors by its dotted name below the package."""
    files = (path for floor in FLOORS for path in sorted((root / floor).rglob("*.py")))
    return {path.relative_to(root).with_suffix("").parts: path for path in files}


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


def imported_files(root: Path) -> dict[tuple[str, ...], set[tuple[str, ...]]]:
    """Which files each file imports: the one that a name stands for, or that holds it."""
    known = modules(root)
    graph = {}
    for module, path in known.items():
        candidates = [
            [part for part in (name, (*name, "__init__"), name[:-1], (*name[:-1], "__init__")) if part in known]
            for name in imported_names(path, root)
        ]
        graph[module] = {found[0] for found in candidates if found} - {module}
    return graph


def circle(graph: dict) -> list[str]:
    """Some circle of files that import each other; empty where there is none."""
    done, path = set(), []

    def visit(module):
        if module in path:
            return [*path[path.index(module) :], module]
        if module not in done:
            path.append(module)
            for target in sorted(graph[module]):
                if found := visit(target):
                    return found
            done.add(path.pop())
        return []

    return next((["/".join(module) for module in found] for start in graph if (found := visit(start))), [])


def wrong_arrows(root: Path) -> list[str]:
    wrong = []
    for module, path in modules(root).items():
        for name in imported_names(path, root):
            upwards = name[0] in FLOORS and FLOORS.index(name[0]) > FLOORS.index(module[0])
            across = name[0] == module[0] == "trainers" and len(name) > 1 and {name[1], module[1]} <= set(ROOMS)
            if upwards or (across and name[1] != module[1]):
                wrong.append(f"{path.relative_to(root)} imports {'.'.join(name)}")
    return wrong


def test_the_longest_tests_are_there():
    assert [name for name in LONGEST if not (ROOT / "tests" / name).is_file()] == []


def test_no_files_import_each_other_in_a_circle():
    assert circle(imported_files(ROOT)) == []


def test_a_circle_of_files_is_found(tmp_path):
    (tmp_path / "app" / "live").mkdir(parents=True)
    (tmp_path / "app" / "live" / "__init__.py").write_text("from . import demo\n")
    (tmp_path / "app" / "live" / "demo.py").write_text("def run():\n    from ..verb import go\n")
    (tmp_path / "app" / "verb.py").write_text("from .live.demo import run\n")
    assert circle(imported_files(tmp_path)) == ["app/live/demo", "app/verb", "app/live/demo"]


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
        "import sys, metricfit.trainers.tasks\n"
        "metricfit.trainers.tasks.CONFIGS['saliency']()\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for task in CONFIGS:
        assert callable(getattr(metricfit.trainers, task).train)


def test_only_the_files_of_a_package_and_its_face_stand_at_the_top():
    assert sorted(path.name for path in ROOT.glob("*.py")) == ["__init__.py", "__main__.py", "metrics.py"]
