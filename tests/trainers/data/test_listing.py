"""What cannot be read is never passed over in silence: folders say what they hold beside their pictures."""

import numpy as np
import pytest
from PIL import Image

from metricfit.trainers.data import listing
from metricfit.trainers.data.images import PICTURE_SUFFIXES
from metricfit.trainers.data.listing import contents, no_pictures, passed_over, surroundings
from metricfit.trainers.data.scan.scanner import scan
from metricfit.trainers.data.sources import open_source

from .boxes.trees import picture as picture_of_boxes
from .boxes.trees import rows, write
from .test_folder import picture, write_pairs


@pytest.fixture
def without_heif(monkeypatch):
    monkeypatch.setattr(
        listing, "PICTURE_SUFFIXES", tuple(ending for ending in PICTURE_SUFFIXES if "hei" not in ending)
    )


def test_what_holds_pictures_and_is_not_read_is_said_with_the_remedy(tmp_path, without_heif):
    for name in ("a.jpg", "b.HEIC", "c.heif", "d.CR2", "e.mp4", "f.svg", ".g.heic", "notes.txt", "Thumbs.db"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "h.dng").mkdir()
    (sentence,) = passed_over(tmp_path.iterdir(), tmp_path)
    assert sentence.startswith(f"5 files are not read in {tmp_path}: b.HEIC, c.heif, d.CR2, ... (HEIC with pip install")
    assert "'metricfit[heic]'" in sentence
    assert "raw photos of a camera must be developed" in sentence
    assert "of videos, take out the frames" in sentence
    assert "exported as PNG" in sentence
    (sentence,) = passed_over([tmp_path / "d.CR2"], "in")
    assert sentence.startswith("1 file is not read in in: d.CR2 (raw photos")
    assert passed_over([tmp_path / "a.jpg", tmp_path / "notes.txt"], "in") == ()


def test_links_that_lead_nowhere_are_faults(tmp_path):
    write_pairs(tmp_path / "masked", ["a", "b"])
    for stem in "ab":
        picture_of_boxes(tmp_path / f"boxed/images/{stem}.jpg", stem)
        write(tmp_path / f"boxed/labels/{stem}.txt", rows(stem))
    for name, needs, kind in (("masked", "mask", "folder"), ("boxed", "boxes", "yolo")):
        images = tmp_path / name / "images"
        for link in ("zz.jpg", ".hidden.jpg", "notes.txt"):
            (images / link).symlink_to("nowhere")
        for text in (f"{kind}:{tmp_path / name}", str(tmp_path / name)):
            ((fault, sentence),) = scan(open_source(text, needs=needs), needs=needs, quiet=True).faults
            assert fault == "zz.jpg"
            assert sentence.startswith(f"{images / 'zz.jpg'} is a link to nowhere, and there is nothing: bring")
    # Nothing is missing from a list that does not name it.
    (tmp_path / "masked" / "train.txt").write_text("a\n")
    assert open_source(f"folder:{tmp_path / 'masked'}:train").structural_faults == ()


def test_links_that_lead_somewhere_are_pictures(tmp_path):
    write_pairs(tmp_path / "there", ["a"])
    for place in ("images", "masks"):
        (tmp_path / "set" / place).mkdir(parents=True)
        (tmp_path / "set" / place / "b.png").symlink_to(tmp_path / "there" / place / "a.png")
    source = open_source(f"folder:{tmp_path / 'set'}")
    assert (list(source.names), source.structural_faults) == (["b"], ())
    np.testing.assert_array_equal(source.load(0).image, picture(0))


def test_photos_of_phones_count_as_pictures_with_the_extra(tmp_path):
    pytest.importorskip("pillow_heif")
    (tmp_path / "b.HEIC").write_bytes(b"x")
    assert passed_over(tmp_path.iterdir(), tmp_path) == ()


def test_the_contents_of_a_folder_are_said(tmp_path):
    assert contents(tmp_path) == "it is empty"
    (tmp_path / "Images").mkdir()
    for name in ("a.txt", "b.txt", "README", ".hidden"):
        (tmp_path / name).write_bytes(b"")
    assert contents(tmp_path) == "it holds Images/, 2 .txt, 1 without ending"
    (tmp_path / "a.nef").write_bytes(b"")
    error = str(no_pictures(tmp_path))
    assert "it holds Images/" in error
    assert "1 file is not read" in error
    assert error.endswith("give the folder that holds them")


def test_every_source_of_files_notes_it(tmp_path):
    write_pairs(tmp_path, ["a"])
    (tmp_path / "images" / "b.CR2").write_bytes(b"x")
    for needs in ("mask", "none"):
        (note,) = open_source(f"folder:{tmp_path}", needs=needs).notes
        assert "b.CR2" in note
    assert "b.CR2" in scan(open_source(f"folder:{tmp_path}"), quiet=True).report()


def test_black_pictures_and_those_of_one_colour_are_noted(tmp_path):
    write_pairs(tmp_path, ["a", "b", "c", "d"])
    for stem, value in (("a", 0), ("b", 9), ("c", 130)):
        Image.fromarray(np.full((24, 32, 3), value, np.uint8)).save(tmp_path / "images" / f"{stem}.png")
    notes = scan(open_source(f"folder:{tmp_path}"), quiet=True).notes
    assert notes[0] == (
        "2 of 4 pictures are black or nearly so, no value is above 11 of 255: look whether that is meant (a, b)"
    )
    assert notes[1] == "1 of 4 pictures is of one colour throughout: look whether that is meant (c)"


@pytest.mark.parametrize(
    ("orientation", "size", "noted"), [(1, (24, 32), 0), (3, (24, 32), 1), (6, (24, 24), 1), (6, (32, 24), 0)]
)
def test_rotations_that_no_size_shows_are_noted(tmp_path, orientation, size, noted):
    write_pairs(tmp_path, ["a"])
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(picture(1, size)).save(tmp_path / "images" / "a.png", exif=exif)
    upright = (24, 24) if size == (24, 24) else (24, 32)
    Image.fromarray(np.eye(*upright, dtype=np.uint8)).save(tmp_path / "masks" / "a.png")
    found = scan(open_source(f"folder:{tmp_path}"), quiet=True)
    assert not found.faults
    assert [note.startswith("1 of 1 picture is turned by EXIF rotation") for note in found.notes] == [True] * noted


def test_a_path_that_is_written_otherwise_is_found_out(tmp_path):
    stored = tmp_path / "mo\u0308we"
    stored.mkdir()
    (tmp_path / "Images").mkdir()
    assert surroundings(tmp_path / "m\u00f6we") == f"did you mean {stored}?"
    assert surroundings(tmp_path / "images" / "a.jpg") == f"did you mean {tmp_path / 'Images'}?"
    assert surroundings(tmp_path / "photos") == f"looked in {tmp_path}: it holds Images/, mo\u0308we/"
