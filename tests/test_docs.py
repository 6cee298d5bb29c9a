"""What the pages tell people to import is there, and the files that they name exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("saved_models/*/*.md")),
]
FLOORS = "losses|trainers|export|app|tests"


def test_every_import_of_the_pages_works():
    imports = {
        line.strip().split("  #")[0].strip()
        for page in PAGES
        for line in page.read_text(encoding="utf-8").splitlines()
        if re.match(r"    (from|import) metricfit", line)
    }
    assert len(imports) > 5
    for line in sorted(imports):
        exec(line, {})


def test_every_file_that_the_pages_name_is_there():
    named = {
        (page.name, found)
        for page in PAGES
        for found in re.findall(rf"`((?:{FLOORS})/[\w/.]*\w)/?`", page.read_text(encoding="utf-8"))
    }
    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / name[1]).exists()] == []


def test_every_link_between_the_pages_leads_somewhere():
    for page in PAGES:
        for link in re.findall(r"\]\((?!http)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
