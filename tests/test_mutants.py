"""The list of `make mutants` fits the tree, and its runner tells a break that is noticed from one that is not."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], cwd=FOLDER, capture_output=True, text=True)


def test_every_break_is_of_a_line_that_is_there_once_and_has_its_tests():
    done = run("import mutants; print(*mutants.faults(mutants.MUTANTS), sep='\\n', end='')")
    assert (done.stdout, done.stderr) == ("", "")


def test_what_does_not_fit_is_said():
    done = run(
        "import mutants\n"
        "wrong = mutants.Mutant('trainers/errors.py', 'no such line', '', ('tests/test_nothing.py::test_it',))\n"
        "print(*mutants.faults([wrong]), sep='\\n')"
    )
    first, second = done.stdout.splitlines()
    assert first.startswith("trainers/errors.py holds 'no such line' 0 times, expected once")
    assert second == "trainers/errors.py: there is no tests/test_nothing.py::test_it"


def test_a_noticed_break_is_told_from_one_that_survives():
    done = run(
        "import mutants\n"
        "def test(copy, tests):\n"
        "    return int('exit_code = 3' not in (copy.tree / 'trainers/errors.py').read_text()), 'it was said'\n"
        "mutants.Copy.test = test\n"
        "changes = [('exit_code = 3', 'exit_code = 4'), ('The input data are at fault.', 'The data.')]\n"
        "mutants.judge_all([mutants.Mutant('trainers/errors.py', *change, ('a.py',)) for change in changes], jobs=1)"
    )
    killed, survived, tests = done.stdout.splitlines()
    assert killed.startswith("killed"), done.stderr
    assert killed.endswith("exit_code = 3  ->  exit_code = 4")
    assert survived.startswith("SURVIVED")
    assert tests.strip() == "a.py: it was said"
