"""`data check` and `data show`: what is said about sound, odd and broken data."""

import numpy as np
import pytest
from PIL import Image

from metricfit.app import cli
from metricfit.trainers.data import sources

from ...trainers.data.test_folder import write_pairs
from ...trainers.data.test_scan import Odd, break_everything
from ...trainers.data.test_voc import write


def test_check_counts_each_fault_once_and_says_what_to_do(tmp_path, capsys):
    write_pairs(tmp_path, ["a", "b"])
    Image.new("RGB", (32, 24)).save(tmp_path / "images" / "a.jpeg")
    assert cli.main(["data", "check", f"folder:{tmp_path}"]) == 3
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0] == f"folder:{tmp_path}: 3 examples, 1 fault"
    assert printed.out.count("a.jpeg and a.png share the stem") == 1
    assert "--skip-bad" not in printed.out
    assert f"error: 1 fault in folder:{tmp_path}: mend what is listed, or let a training" in printed.err
    assert "--skip-bad" in printed.err


def last_line_of_check(capsys, *words):
    """Give the last line of a check that finds faults."""
    assert cli.main(["data", "check", *map(str, words)]) == 3
    return capsys.readouterr().err.rstrip().splitlines()[-1]


def test_check_ends_with_the_training_whose_flags_the_faults_name(tmp_path, capsys):
    write_pairs(tmp_path, ["a", "b"])
    source, mask = f"folder:{tmp_path}", tmp_path / "masks" / "a.png"
    greys = Image.fromarray(np.linspace(0, 255, 24 * 32).reshape(24, 32).astype(np.uint8))
    greys.resize((16, 12)).save(mask)
    # The size shows only where the shades are cut.
    trained = f"metricfit train saliency --data {source} --mask-threshold 0.5 --resize-masks"
    assert last_line_of_check(capsys, source) == f"no faults with:  {trained}"
    line = last_line_of_check(capsys, source, "--mask-threshold", "0.3")
    assert line == f"no faults with:  {trained.replace('0.5', '0.3')}"
    (tmp_path / "masks" / "b.png").unlink()
    assert last_line_of_check(capsys, source) == f"1 fault with:  {trained}"
    greys.point(lambda value: value // 100).save(mask)
    assert "mend what is listed" in last_line_of_check(capsys, source), "numbers of objects are no shades"


def test_check_of_labels_ends_with_a_segmentation(tmp_path, capsys):
    write_pairs(tmp_path, ["a", "b"], kind="labels", value=1)
    Image.fromarray(np.zeros((12, 16), np.uint8)).save(tmp_path / "labels" / "b.png")
    source, words = f"folder:{tmp_path}", ("--needs", "labels")
    assert "mend what is listed" in last_line_of_check(capsys, source, *words), "nobody can train without names"
    (tmp_path / "classes.txt").write_text("road\ncar\n")
    trained = f"metricfit train segmentation --data {source} --ignore 7 --resize-masks"
    assert last_line_of_check(capsys, source, *words, "--ignore", "7") == f"no faults with:  {trained}"


def test_check_notes_empty_masks_without_failing(tmp_path, capsys):
    write_pairs(tmp_path, ["a", "b", "c"], value=0)
    assert cli.main(["data", "check", f"folder:{tmp_path}"]) == 0
    assert "note: 3 of 3 masks are empty: FLoss gives them no gradient" in capsys.readouterr().out


def test_check_says_what_becomes_of_repairs(monkeypatch, capsys):
    monkeypatch.setattr(Odd, "__len__", lambda self: 1)
    monkeypatch.setitem(sources.SOURCES, "odd", sources.SourceKind("odd", lambda rest, needs: Odd()))
    assert cli.main(["data", "check", "odd"]) == 0
    printed = capsys.readouterr().out
    assert "repaired: box cut at the edge (3 times)" in printed
    assert "--strict stops at it" in printed


def test_check_of_a_set_without_its_archive_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert cli.main(["data", "check", "tfds:saliency_sets/ecssd:test"]) == 3
    out, err = capfd.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert "ECSSD: images.zip and ground_truth_mask.zip" in err
    assert "DUTS" not in err
    assert list(tmp_path.iterdir()) == []


def test_show_says_how_much_cannot_be_used(tmp_path, capsys):
    break_everything(tmp_path / "my photos")
    source = f"folder:{tmp_path / 'my photos'}"
    assert cli.main(["data", "show", source, "--out", str(tmp_path / "sheet.png")]) == 0
    printed = capsys.readouterr().out
    assert f"made  {tmp_path / 'sheet.png'}" in printed
    assert "9 of the 11 examples shown cannot be used" in printed
    assert "orphan.png has no image of the same name" in printed
    assert f"metricfit data check '{source}'\n" in printed


def test_show_names_what_a_list_lacks(tmp_path, capsys):
    write_pairs(tmp_path, ["a"], "labels")
    (tmp_path / "val.txt").write_text("a\n" + "".join(f"nope{number}\n" for number in range(5)))
    source = f"folder:{tmp_path}:val"
    assert cli.main(["data", "show", source, "--needs", "labels", "--out", str(tmp_path / "sheet.png")]) == 0
    printed = capsys.readouterr().out
    assert "5 times (nope0, nope1, nope2 and 2 more): " in printed
    assert printed.count("val.txt names nope") == 1
    assert f"metricfit data check {source} --needs labels" in printed
    assert "cannot be used" not in printed


def test_show_of_sound_data_says_only_what_was_made(tmp_path, capsys):
    write_pairs(tmp_path, ["a", "b"])
    assert cli.main(["data", "show", f"folder:{tmp_path}", "--out", str(tmp_path / "sheet.png")]) == 0
    assert capsys.readouterr().out == f"made  {tmp_path / 'sheet.png'}\n"


def test_show_draws_what_is_asked_for(tmp_path):
    pages = {}
    for needs in ("mask", "labels", "boxes", "none"):
        path = tmp_path / f"{needs}.png"
        assert cli.main(["data", "show", "scenes:val", "--needs", needs, "--count", "2", "--out", str(path)]) == 0
        pages[needs] = np.asarray(Image.open(path).convert("RGB")).astype(int)
    # The tiles lie at the same place from the top; below them only labels have a legend.
    tiles = {needs: page[75:300] for needs, page in pages.items()}
    for one, other in (("mask", "labels"), ("mask", "boxes"), ("labels", "boxes"), ("mask", "none")):
        assert (np.abs(tiles[one] - tiles[other]).max(axis=2) > 30).mean() > 0.005, (one, other)
    assert len(pages["labels"]) > len(pages["mask"]) == len(pages["boxes"])


def test_boxes_need_not_be_asked_for(tmp_path, capsys):
    write(tmp_path, "a", ("cat", 9, 9, 9, 9), ("cat", 2, 2, 20, 20))
    write(tmp_path, "b", text="<html/>")
    assert cli.main(["data", "check", f"voc:{tmp_path}"]) == 3
    printed = capsys.readouterr().out
    assert "boxes: 1 cat; at most 1 in a picture" in printed
    assert "repaired: box without extent, left out (1 time: a)" in printed
    assert "b.xml holds <html>" in printed
    assert cli.main(["data", "show", f"voc:{tmp_path}", "--out", str(tmp_path / "sheet.png")]) == 0
    assert f"metricfit data check voc:{tmp_path}\n" in capsys.readouterr().out
    assert cli.main(["data", "check", f"voc:{tmp_path}", "--needs", "none"]) == 0


@pytest.mark.parametrize("place", ["file/sheet.png", "folder.png"])
def test_show_where_nothing_can_be_written(tmp_path, capsys, place):
    (tmp_path / "file").write_text("a file, no folder")
    (tmp_path / "folder.png").mkdir()
    assert cli.main(["data", "show", "scenes:val", "--count", "1", "--out", str(tmp_path / place)]) == 1
    printed = capsys.readouterr().err
    assert f"error: cannot write {tmp_path / place}" in printed
    assert "unexpected" not in printed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]


@pytest.mark.parametrize("verb", ["check", "show"])
def test_help_calls_the_source_so(verb, capsys):
    with pytest.raises(SystemExit):
        cli.main(["data", verb, "--help"])
    printed = capsys.readouterr().out
    assert " SOURCE " in printed
    assert " STR " not in printed.split("\n\n")[0]
