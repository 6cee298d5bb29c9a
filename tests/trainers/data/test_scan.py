"""The scan finds every kind of bad input, says what to do, and nothing is dropped unsaid."""

import numpy as np
import pytest
from PIL import Image

from metricfit.trainers.data.example import Example, Source
from metricfit.trainers.data.scan.causes import told_together
from metricfit.trainers.data.scan.faults import Faults
from metricfit.trainers.data.scan.scanner import checked_source, scan, usable
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.data.targets.boxes import BoxFacts
from metricfit.trainers.data.targets.labels import LabelFacts
from metricfit.trainers.data.targets.mask import MaskFacts
from metricfit.trainers.errors import DataError

from .test_folder import picture, write_pairs


def break_everything(folder):
    """Write ten pairs of which two are good; give back stem -> part of the sentence about it."""
    bad = ["truncated", "garbage", "size", "lonely", "many", "jpeg", "twice", "mask_cut"]
    write_pairs(folder, ["good1", "good2", *bad])
    images, masks = folder / "images", folder / "masks"
    Image.fromarray(picture(1, (200, 200))).save(images / "truncated.jpg", quality=95)
    whole = (images / "truncated.jpg").read_bytes()
    (images / "truncated.png").unlink()
    (images / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    Image.new("L", (200, 200)).save(masks / "truncated.png")
    (images / "garbage.png").write_bytes(b"this is not a picture")
    Image.new("L", (20, 10)).save(masks / "size.png")
    (masks / "lonely.png").unlink()
    (masks / "orphan.png").write_bytes((masks / "good1.png").read_bytes())
    ramp = np.tile(np.arange(32, dtype=np.uint8), (24, 1))
    Image.fromarray(ramp).save(masks / "many.png")
    mask = np.zeros((24, 32), np.uint8)
    mask[6:17, 5:23] = 255
    (masks / "jpeg.png").unlink()
    Image.fromarray(mask).save(masks / "jpeg.jpg", quality=60)
    Image.fromarray(picture(5)).save(images / "twice.bmp")
    cut = (masks / "mask_cut.png").read_bytes()
    (masks / "mask_cut.png").write_bytes(cut[: len(cut) - 30])
    return {
        "truncated": "truncated.jpg cannot be read",
        "garbage": "garbage.png cannot be read",
        "size": f"mask {masks / 'size.png'} is 20x10, its image {images / 'size.png'} is 32x24: resize one of them",
        "lonely": "has no mask",
        "many": "holds 32 values (0, 1, 2, 3, ...)",
        "jpeg": "threshold it and save it as PNG",
        "twice.bmp": "share the stem twice",
        "twice.png": "share the stem twice",
        "mask_cut": "mask_cut.png cannot be read",
        "orphan.png": "has no image of the same name",
    }


def test_every_fault_is_found_and_named(tmp_path):
    expected = break_everything(tmp_path)
    found = dict(scan(open_source(f"folder:{tmp_path}"), quiet=True).faults)
    assert found.keys() == expected.keys()
    for name, part in expected.items():
        assert part in found[name]
        assert str(tmp_path) in found[name]


def test_the_run_stops_or_goes_on_with_a_notice(tmp_path, caplog):
    break_everything(tmp_path)
    text = f"folder:{tmp_path}"
    with pytest.raises(DataError, match=r"11 examples, 9 faults\n(.*\n){5}.*3 more\n.*--skip-bad"):
        checked_source(text, quiet=True)
    with pytest.raises(DataError, match="--strict"):
        checked_source(text, skip_bad=True, strict=True, quiet=True)
    assert caplog.text == ""
    source = checked_source(text, skip_bad=True, quiet=True)
    assert list(source.names) == ["good1", "good2"]
    assert source.load(1).mask.max() == 1
    assert "9 of 11 examples left out" in caplog.text
    assert caplog.text.count("share the stem twice") == 1
    assert caplog.text.count("--skip-bad") == 1, "advice that was followed is not given again"


def test_clean_data_pass_silently(tmp_path, capsys):
    write_pairs(tmp_path, ["a", "b"])
    source = checked_source(f"folder:{tmp_path}", strict=True, quiet=True)
    assert len(source) == 2
    assert capsys.readouterr() == ("", "")
    assert scan(source, quiet=True).report() == f"folder:{tmp_path}: 2 examples, no faults"


def test_lists_that_name_what_is_not_there(tmp_path):
    write_pairs(tmp_path, ["a", "b", "c"])
    (tmp_path / "train.txt").write_text("a\nnope.png\nb\na\n")
    faults = scan(open_source(f"folder:{tmp_path}:train"), quiet=True)
    assert faults.total == 2
    assert [name for name, _ in faults.faults] == ["nope.png", "a (again)"]
    assert "train.txt names nope.png" in faults.faults[0][1]
    kept = checked_source(f"folder:{tmp_path}:train", skip_bad=True, quiet=True)
    assert list(kept.names) == ["a", "b"]


def test_a_list_in_an_old_code_page_names_what_is_not_there(tmp_path):
    write_pairs(tmp_path, ["a", "möwe"])
    (tmp_path / "train.txt").write_bytes("a\nmöwe\nbärchen\n".encode("latin-1"))
    ((name, sentence),) = scan(open_source(f"folder:{tmp_path}:train"), quiet=True).faults
    assert name == "bärchen"
    assert "there is no such picture: correct the list" in sentence
    (tmp_path / "train.txt").write_bytes("a\nbärchen\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"train\.txt is not written in UTF-8 \(line 2 "):
        open_source(f"folder:{tmp_path}:train")


def test_nothing_left_is_an_error(tmp_path):
    write_pairs(tmp_path, ["a"])
    (tmp_path / "images" / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match="none of the 1 example can be used"):
        checked_source(f"folder:{tmp_path}", skip_bad=True, quiet=True)


def test_a_fault_of_several_files_is_one_fault(tmp_path):
    write_pairs(tmp_path, ["a", "b"])
    for ending in ("jpeg", "bmp"):
        Image.fromarray(picture()).save(tmp_path / "images" / f"a.{ending}")
    faults = scan(open_source(f"folder:{tmp_path}"), quiet=True)
    assert [name for name, _ in faults.faults] == ["a.bmp", "a.jpeg", "a.png"]
    assert len(faults.sentences) == 1
    assert "a.bmp and a.jpeg and a.png share the stem a" in faults.sentences[0]
    assert faults.report().startswith(f"folder:{tmp_path}: 4 examples, 1 fault\n")
    assert list(usable(open_source(f"folder:{tmp_path}"), faults).names) == ["b"]


def write_masks(folder, **values):
    """Write pairs whose masks hold one value each, or two for None."""
    write_pairs(folder, values)
    for stem, value in values.items():
        if value is not None:
            Image.new("L", (32, 24), value).save(folder / "masks" / f"{stem}.png")


def test_empty_and_full_masks_are_noted_and_no_fault(tmp_path, caplog):
    write_masks(tmp_path, a=0, b=255, c=None, d=0)
    faults = scan(open_source(f"folder:{tmp_path}"), quiet=True)
    assert (faults.faults, faults.facts["mask"]) == ([], MaskFacts(masks=4, empty=2, full=1))
    heading, empty, full = faults.report().splitlines()
    assert heading.endswith("4 examples, no faults")
    assert empty == "  note: 2 of 4 masks are empty: FLoss gives them no gradient, see empty_target in docs/losses.md"
    assert full.startswith("  note: 1 of 4 masks is salient everywhere")
    with caplog.at_level("INFO", "metricfit"):
        assert len(checked_source(f"folder:{tmp_path}", strict=True, quiet=True)) == 4
    assert [(record.levelname, empty in record.message) for record in caplog.records] == [("INFO", True)]


def test_nothing_but_empty_masks_is_a_warning(tmp_path, caplog):
    write_masks(tmp_path, a=0, b=0)
    with caplog.at_level("INFO", "metricfit"):
        checked_source(f"folder:{tmp_path}", quiet=True)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "2 of 2 masks are empty" in caplog.text


def test_faulty_and_absent_masks_are_not_counted_as_empty(tmp_path):
    write_masks(tmp_path, a=None, b=0)
    Image.new("L", (5, 5)).save(tmp_path / "masks" / "b.png")
    faults = scan(open_source(f"folder:{tmp_path}"), quiet=True)
    assert faults.facts["mask"] == MaskFacts(masks=1, empty=0, full=0)
    faults = scan(open_source(f"folder:{tmp_path}", needs="none"), quiet=True)
    assert (faults.facts, faults.notes) == ({}, [])


def test_ignored_pixels_are_not_salient():
    class Ignored(Odd):
        def load(self, index):
            return Example(np.zeros((4, 5, 3), np.uint8), mask=np.full((4, 5), [0, 255, 1][index], np.uint8))

    faults = scan(Ignored(), quiet=True)
    assert faults.facts["mask"] == MaskFacts(masks=3, empty=2, full=1)


class Odd(Source):
    name, class_names, names = "odd", (), ("fits", "small", "grey")
    repaired = {"box cut at the edge": 3}

    def __len__(self):
        return 3

    def load(self, index):
        mask = [np.zeros((4, 5), np.uint8), np.zeros((4, 4), np.uint8), np.full((4, 5), 9, np.uint8)][index]
        return Example(np.zeros((4, 5, 3), np.uint8), mask=mask, name=self.names[index])


def test_any_source_is_checked_and_repairs_are_counted():
    faults = scan(Odd(), quiet=True)
    assert [name for name, _ in faults.faults] == ["small", "grey"]
    assert faults.repaired == {"box cut at the edge": 3}
    assert "repaired: box cut at the edge (3 times)" in faults.report()
    assert list(usable(Odd(), faults).names) == ["fits"]
    only_repaired = Faults("odd", 3, repaired=faults.repaired)
    only_repaired.raise_if_any()
    with pytest.raises(DataError, match="neither faults nor repairs"):
        only_repaired.raise_if_any(skip_bad=True, strict=True)


def test_report_is_cut_at_its_limit():
    faults = Faults("x", 20, [(str(number), f"sentence of kind {'abcdefghijkl'[number]}.") for number in range(12)])
    assert faults.report(limit=10).splitlines()[-1] == "  ... and 2 more"
    assert "kind l." in faults.report(limit=None)


def test_faults_of_one_cause_are_one_line_with_three_names(tmp_path, caplog):
    stems = [f"photo {number:03}" for number in range(7)]
    write_pairs(tmp_path, stems)
    for number, stem in enumerate(stems[:5]):
        shades = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) % (20 + number)
        Image.fromarray(shades.astype(np.uint8)).save(tmp_path / "masks" / f"{stem}.png")
    Image.new("L", (20 + number, 10)).save(tmp_path / "masks" / f"{stems[5]}.png")
    with pytest.raises(DataError) as caught:
        checked_source(f"folder:{tmp_path}", quiet=True)
    heading, shades, size, advice = str(caught.value).splitlines()
    assert heading.endswith("7 examples, 6 faults")
    assert shades.startswith("  5 times (photo 000, photo 001, photo 002 and 2 more): mask ")
    assert "photo 005.png is 24x10" in size
    assert "--skip-bad" in advice
    assert len(checked_source(f"folder:{tmp_path}", skip_bad=True, quiet=True)) == 1
    assert all(stem in caplog.text for stem in stems[:6]), "what is left out is named in full"


def test_different_causes_stay_apart():
    sentences = [
        "holds the class cat",
        "holds the class dog",
        "holds 3 values (0, 1, 2)",
        "holds 5 values (0, 1, 9, ...)",
    ]
    told = told_together([(str(number), sentence) for number, sentence in enumerate(sentences)])
    assert told == [*sentences[:2], f"2 times (2, 3): {sentences[2]}"]
    assert told_together([("a.png", "a.png and a.jpg share a"), ("a.jpg", "a.png and a.jpg share a")]) == [
        "a.png and a.jpg share a"
    ]


def test_scenes_are_not_drawn_to_be_scanned(monkeypatch):
    monkeypatch.setattr("metricfit.trainers.data.scan.scanner.scan", None)
    assert len(checked_source("scenes:val", quiet=True)) == 200


def test_one_hopeless_target_is_enough():
    found = Faults("x", 2, facts={"mask": MaskFacts(2, 0, 0), "boxes": BoxFacts(pictures=2)})
    assert found.hopeless
    assert not Faults("x", 2, facts={"mask": MaskFacts(2, 1, 0)}).hopeless


@pytest.mark.parametrize(("facts", "hopeless"), [((3, 3, 0), True), ((3, 0, 3), True), ((3, 1, 2), False)])
def test_masks_that_are_all_alike_are_told_of(facts, hopeless):
    assert MaskFacts(*facts).hopeless is hopeless
    assert any("nothing can be learnt from these alone" in note for note in MaskFacts(*facts).notes(())) is hopeless


@pytest.mark.parametrize("pixels", [(0, 9, 0), (0, 9, 1), (0, 0, 0)])
def test_labels_of_one_class_are_told_of(pixels):
    facts = LabelFacts(np.array(pixels), np.array(pixels) > 0, 0, 2, 0)
    assert facts.hopeless is (pixels[2] == 0)
    notes = facts.notes(("sky", "road", "car"))
    assert ("all pixels that count are road: nothing can be learnt from these alone" in notes) is (pixels == (0, 9, 0))
