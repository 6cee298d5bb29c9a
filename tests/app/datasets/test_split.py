"""`data split`: lists that divide data, which sources then read."""

import pytest

from metricfit.app import cli
from metricfit.trainers.data.parts import divide, group_of, grouping, parse_shares
from metricfit.trainers.data.sources import open_source, usual_needs
from metricfit.trainers.errors import UsageError

from ...conftest import registered
from ...trainers.data.boxes.trees import data_yaml, picture, rows, write, xml
from ...trainers.data.test_folder import write_pairs

FILMS = [f"film{film}_{frame:03d}" for film in range(6) for frame in range(1, 5 + film)]


def split(*words):
    return cli.main(["data", "split", *map(str, words)])


def names_of(text, needs="mask"):
    return list(open_source(text, needs=needs).names)


def test_lists_beside_a_folder_are_its_splits(tmp_path, capsys):
    write_pairs(tmp_path, FILMS)
    assert split(f"folder:{tmp_path}") == 0
    printed = capsys.readouterr().out
    parts = {part: names_of(f"folder:{tmp_path}:{part}") for part in ("train", "val", "test")}
    assert sorted(name for names in parts.values() for name in names) == sorted(FILMS)
    for part, names in parts.items():
        films = {name.partition("_")[0] for name in names}
        assert not any(
            name.partition("_")[0] in films for other in parts.values() if other is not names for name in other
        )
        assert f"made  {tmp_path / part}.txt" in printed
        assert f"{part}:  folder:{tmp_path}:{part}\n" in printed
    table = [line.split() for line in printed.splitlines()[:4]]
    assert table[0] == ["part", "pictures", "share", "groups", "empty", "masks"]
    assert [row[0] for row in table[1:]] == ["train", "val", "test"]
    assert [int(row[1]) for row in table[1:]] == [len(names) for names in parts.values()]
    assert sum(int(row[3]) for row in table[1:]) == 6
    before = (tmp_path / "train.txt").read_text()
    assert split(f"folder:{tmp_path}", "--seed", "1") == 2
    assert f"{tmp_path}/train.txt and {tmp_path}/val.txt and" in capsys.readouterr().err
    assert (tmp_path / "train.txt").read_text() == before


def test_names_of_a_camera_are_divided_one_by_one_and_this_is_said(tmp_path, capsys):
    write_pairs(tmp_path, [f"IMG_{index:04d}" for index in range(10)])
    assert split(f"folder:{tmp_path}", "--by", "group") == 2
    assert "show 1 group ('IMG'), too few for 3 parts: --by name" in capsys.readouterr().err
    assert split(f"folder:{tmp_path}", "--group-pattern", "IMG") == 2
    capsys.readouterr()
    assert split(f"folder:{tmp_path}") == 0
    said, *table = capsys.readouterr().out.splitlines()[:5]
    assert said.startswith("divided picture by picture, as names like IMG_0000 tell no groups: where some are frames")
    assert [line.split()[:4:3] for line in table[1:]] == [["train", "8"], ["val", "1"], ["test", "1"]]
    assert len(names_of(f"folder:{tmp_path}:train")) == 8


@pytest.mark.parametrize(
    ("names", "by", "pattern", "settled"),
    [
        (["IMG_1", "IMG_2"], "auto", None, "name"),
        (["1", "2"], "auto", None, "name"),
        (["x_jpg.rf.1f0c9aa5d2e34b7c", "x_jpg.rf.2f0c9aa5d2e34b7c"], "auto", None, "name"),
        (["film1_1", "film2_1"], "auto", None, "group"),
        (["a/1", "b/1"], "auto", None, "group"),
        (["IMG_1", "IMG_2"], "auto", "IMG", "group"),
        (["IMG_1", "IMG_2"], "group", None, "group"),
        (["film1_1", "film2_1"], "name", None, "name"),
    ],
)
def test_what_auto_divides_by(names, by, pattern, settled):
    assert grouping(names, by, pattern) == settled


def test_lists_of_boxes_and_their_classes(tmp_path, capsys):
    for stem in "abd":
        picture(tmp_path / f"JPEGImages/{stem}.jpg", stem)
        write(tmp_path / f"Annotations/{stem}.xml", xml(stem))
    assert split(f"voc:{tmp_path}", "--by", "name", "--parts", "train=60", "val=40") == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0].split() == ["part", "pictures", "share", "groups", "cat", "dog"]
    boxes = [[int(cell) for cell in line.split()[4:]] for line in printed.splitlines()[1:3]]
    assert [sum(column) for column in zip(*boxes)] == [3, 2]
    assert f"made  {tmp_path}/ImageSets/Main/train.txt" in printed
    assert len(names_of(f"voc:{tmp_path}:train", "boxes")) == 2


@pytest.mark.parametrize("out", [None, "lists"])
def test_a_list_chooses_from_a_source_of_any_kind(tmp_path, capsys, out):
    for stem in "abcd":
        picture(tmp_path / f"set/images/{stem}.jpg", stem)
        write(tmp_path / f"set/labels/{stem}.txt", rows(stem))
    write(tmp_path / "set/data.yaml", data_yaml(train="images", names=["cat", "dog"]))
    more = ["--out", tmp_path / out] if out else []
    source = f"yolo:{tmp_path}/set"
    assert split(source, "--by", "name", "--parts", "a=0.5", "b=0.5", *more) == 0
    printed = capsys.readouterr().out
    texts = [line.partition(":  ")[2] for line in printed.splitlines() if ":  " in line]
    assert texts == [f"{source}:{tmp_path}/{out or 'set'}/{part}.txt" for part in "ab"]
    found = [names_of(text, "boxes") for text in texts]
    assert sorted(found[0] + found[1]) == list("abcd")
    assert usual_needs(texts[0]) == "boxes"
    assert open_source(texts[0], needs="boxes").class_names == ("cat", "dog")
    # Lists may be written by hand, with endings; what is not there is a fault.
    write(tmp_path / "own.txt", "d.jpg\nz\n")
    own = open_source(f"{source}:{tmp_path}/own.txt", needs="boxes")
    assert (list(own.names), len(own.load(0).boxes)) == (["d"], 2)
    assert [name for name, _ in own.structural_faults] == ["z"]


def test_blanks_and_quotes_around_names_are_read_back(tmp_path, capsys):
    stems = [" lead", "lead", "trail ", "'quoted'", "two words", "a\u2028b"]
    write_pairs(tmp_path / "masked", stems)
    for place in ("JPEGImages", "Annotations"):
        (tmp_path / "voc" / place).mkdir(parents=True)
    for stem in stems:
        picture(tmp_path / f"voc/JPEGImages/{stem}.jpg", "a")
        write(tmp_path / f"voc/Annotations/{stem}.xml", xml("a"))
    for text, needs in ((f"folder:{tmp_path}/masked", "mask"), (f"voc:{tmp_path}/voc", "boxes")):
        assert split(text, "--by", "name", "--parts", "a=0.5", "b=0.5") == 0
        opened = [open_source(f"{text}:{part}", needs=needs) for part in "ab"]
        assert sorted(name for source in opened for name in source.names) == sorted(stems)
        assert not any(source.structural_faults or source.load(0).repairs for source in opened)
    # By hand, blanks around are none of the name where no picture is called so.
    write(tmp_path / "masked/own.txt", "  two words \n 'lead'\n lead\n\n")
    assert names_of(f"folder:{tmp_path}/masked:own") == ["two words", "lead", " lead"]
    write_pairs(tmp_path / "masked", ["a\nb"])
    assert split(f"folder:{tmp_path}/masked", "--by", "name", "--parts", "c=0.5", "d=0.5") == 3
    assert r"'a\nb' has a line break in it: rename the picture" in capsys.readouterr().err
    assert not (tmp_path / "masked/c.txt").exists()


def test_scenes_have_no_folder(tmp_path, capsys):
    assert split("scenes:val") == 2
    assert "scenes:val has no folder of its own for lists: give one as --out" in capsys.readouterr().err
    with registered():
        assert split("discs:all", "--by", "name", "--out", tmp_path) == 0
        assert len(names_of(f"discs:all:{tmp_path}/val.txt")) == 6


@pytest.mark.parametrize(
    ("name", "by", "group"),
    [
        ("clip1_0001", "group", "clip1"),
        ("clip1_0001", "name", "clip1_0001"),
        ("0001TP_006690", "group", "0001TP"),
        ("day 2/frame (12).jpg", "group", "day 2/frame"),
        ("007", "group", ""),
        ("a/IMG_12_jpg.rf.1f0c9aa5d2e34b7c8d9e.jpg", "name", "a/IMG_12"),
        ("a/IMG_12_jpg.rf.1f0c9aa5d2e34b7c8d9e.jpg", "group", "a/IMG"),
        ("cat", "group", "cat"),
    ],
)
def test_groups(name, by, group):
    assert group_of(name, by) == group


def test_division():
    shares = {"train": 0.5, "val": 0.3, "test": 0.2}
    parts, groups = divide([f"n{index}x" for index in range(50)], shares, "group")
    assert {name: len(part) for name, part in parts.items()} == {"train": 25, "val": 15, "test": 10}
    assert groups == {"train": 25, "val": 15, "test": 10}
    assert divide(FILMS, shares, "group", seed=3) == divide(FILMS, shares, "group", seed=3)
    drawn = {tuple(divide(FILMS, shares, "name", seed=seed)[0]["test"]) for seed in range(5)}
    assert len(drawn) == 5
    parts, _ = divide(["a1x", "a2y", "b1x"], {"x": 0.5, "y": 0.5}, "group", pattern=r"^(.)")
    assert sorted(parts.values()) == [[0, 1], [2]]
    # No part is left empty, however small its share.
    parts, _ = divide(["a", "b", "c"], {"x": 0.98, "y": 0.01, "z": 0.01}, "group")
    assert sorted(map(len, parts.values())) == [1, 1, 1]


def test_names_without_groups_are_not_guessed_at():
    shares = {"train": 0.8, "val": 0.2}
    names = [f"IMG_{index:04d}" for index in range(30)]
    with pytest.raises(UsageError, match=r"30 pictures show 1 group \('IMG'\), too few for 2 parts: --by name divides"):
        divide(names, shares, "group")
    with pytest.raises(UsageError, match="finds nothing in the name IMG_0000"):
        divide(names, shares, "group", pattern="film")
    with pytest.raises(UsageError, match="is no regular expression"):
        divide(names, shares, "group", pattern="(")
    with pytest.raises(UsageError, match="1 picture makes 1 group, too few"):
        divide(names[:1], shares, "name")


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (["train=0.8", "val=0.1"], "must add up to 1, they add up to 0.9"),
        (["train=1"], "the shares of two or more --parts"),
        (["train=0.5", "train=0.5"], "each part once"),
        (["a/b=0.5", "c=0.5"], "got 'a/b=0.5'"),
        (["train", "val=0.5"], "got 'train'"),
        (["train=x", "val=0.5"], "got 'train=x'"),
        (["train=0", "val=1"], "got 'train=0'"),
        *[
            ([f"{name}=0.5", "val=0.5"], f"a part {name}, and a list {name}.txt would be taken for the names")
            for name in ("classes", "codes", "class_names", "Labels", "labelmap", "label_colors", "predefined_classes")
        ],
    ],
)
def test_shares_that_are_none(texts, sentence):
    with pytest.raises(UsageError, match=sentence):
        parse_shares(texts)
