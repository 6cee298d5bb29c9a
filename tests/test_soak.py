"""The long programs of `make soak`: each file of tests/soak is one, and each of them is started."""

import re
import runpy
import subprocess
import sys

import pytest

from .fuzzing.base import ROOT

PROGRAMS = sorted(path.stem for path in (ROOT / "tests/soak").glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_is_a_program_that_says_what_it_does(name, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, f"tests.soak.{name}", raising=False)
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(f"tests.soak.{name}", run_name="__main__", alter_sys=True)
    assert not ended.value.code
    said = capsys.readouterr().out
    assert said.startswith("usage:")
    assert "--times" in said
    assert "--seed" in said


@pytest.mark.parametrize(("only", "started"), [("", PROGRAMS), ("kills fuzz", ["kills", "fuzz"])])
def test_make_soak_starts_them(only, started):
    told = subprocess.run(["make", "-n", "soak", f"ONLY={only}"], cwd=ROOT, capture_output=True, text=True, check=True)
    loop = re.search(r"for name in (.*?); do \S+ -m tests\.soak\.\$name \|\| exit; done", told.stdout)
    assert loop
    assert sorted(loop[1].split()) == sorted(started)
