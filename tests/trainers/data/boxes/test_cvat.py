"""`cvat:PATH[:SPLIT]`: CVAT for images and for video."""

import numpy as np
import pytest

from metricfit.trainers.data.scan.scanner import scan
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.data.sources.boxes.cvat import OTHER_SHAPE
from metricfit.trainers.errors import DataError

from .trees import CLASSES, OBJECTS, SIZES, check, picture, write

LABELS = "<labels>" + "".join(f"<label><name>{name}</name></label>" for name in CLASSES) + "</labels>"


def boxes(text):
    return open_source(text, needs="boxes")


def box(name, x0, y0, x1, y1, more=""):
    return (
        f'<box label="{name}" source="manual" occluded="1" xtl="{x0}.00" ytl="{y0}.00" xbr="{x1}.00" ybr="{y1}.00" '
        f'z_order="0" {more}><attribute name="age">3</attribute></box>'
    )


def of_images(stems, folder="", shapes=None):
    images = "".join(
        f'<image id="{number}" name="{folder}{stem}.jpg" width="{SIZES[stem][0]}" height="{SIZES[stem][1]}">'
        f"{shapes or ''.join(box(*one) for one in OBJECTS[stem])}</image>"
        for number, stem in enumerate(stems)
    )
    return f'<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task>{LABELS}</task></meta>{images}</annotations>'  # noqa: E501


def pictures(folder, stems):
    for stem in stems:
        picture(folder / f"{stem}.jpg", stem)


@pytest.mark.parametrize("folder", ["images", "images/default", ""])
def test_for_images(tmp_path, folder):
    pictures(tmp_path / folder, "abcd")
    write(tmp_path / "annotations.xml", of_images("abcd"))
    for text in (f"cvat:{tmp_path}", str(tmp_path)):
        check(boxes(text), "abcd", [f"{stem}.jpg" for stem in "abcd"])
    source = boxes(str(tmp_path))
    assert "annotations.xml of CVAT, 4 pictures (cvat)" in source.recognised[0]
    assert source.notes == ("5 objects are occluded in part: they train and count as the others do",)
    assert scan(source, quiet=True).faults == []


def test_parts(tmp_path):
    for part, stems in (("train", "ab"), ("val", "d")):
        pictures(tmp_path / part / "images", stems)
        write(tmp_path / part / "annotations.xml", of_images(stems))
    check(boxes(f"cvat:{tmp_path}:val"), "d", ["d.jpg"])
    with pytest.raises(DataError, match="has the parts train, val: name one"):
        boxes(f"cvat:{tmp_path}")


def test_shapes(tmp_path):
    pictures(tmp_path, "d")
    shapes = (
        box("cat", 10, 10, 30, 20, 'rotation="90.00"')
        + '<polygon label="dog" points="2.0,3.5;8.0,5.0;4.0,9.0"/>'
        + '<ellipse label="dog" cx="20" cy="20" rx="4" ry="8" rotation="90"/>'
        + '<mask label="cat" rle="1, 2" left="3" top="4" width="5" height="6"/>'
        + '<points label="cat" points="1,1"/><tag label="dog"/>'
    )
    write(tmp_path / "annotations.xml", of_images("d", shapes=shapes))
    example = boxes(f"cvat:{tmp_path}").load(0)
    expected = [[15, 5, 25, 25], [2, 3.5, 8, 9], [12, 16, 28, 24], [3, 4, 8, 10]]
    np.testing.assert_allclose(example.boxes, expected, atol=1e-4)
    assert [CLASSES[kind] for kind in example.classes] == ["cat", "dog", "dog", "cat"]
    assert example.repairs == (OTHER_SHAPE,)


def track(name, *frames):
    shapes = "".join(
        f'<box frame="{frame}" outside="{outside}" occluded="0" keyframe="1" xtl="{x}" ytl="2" xbr="{x + 9}" ybr="12"/>'
        for frame, x, outside in frames
    )
    return f'<track id="0" label="{name}">{shapes}</track>'


def of_video(*tracks, size=3):
    meta = f"<meta><task><size>{size}</size>{LABELS}<original_size><width>40</width><height>40</height></original_size></task></meta>"  # noqa: E501
    return f"<annotations><version>1.1</version>{meta}{''.join(tracks)}</annotations>"


def test_for_video_leaves_out_what_is_outside(tmp_path):
    for frame in range(4):
        picture(tmp_path / f"images/frame_{frame:06d}.PNG", "d")
    xml = of_video(
        track("cat", (0, 1, 0), (1, 2, 0), (2, 2, 1)), track("dog", (0, 9, 1), (2, 21, 0), (3, 22, 0)), size=4
    )
    write(tmp_path / "annotations.xml", xml)
    source = boxes(f"cvat:{tmp_path}")
    assert list(source.names) == [f"frame_{frame:06d}.PNG" for frame in range(4)]
    found = [(source.load(index).boxes[:, 0].tolist(), source.load(index).classes.tolist()) for index in range(4)]
    assert found == [([1], [0]), ([2], [0]), ([21], [1]), ([22], [1])]
    write(tmp_path / "annotations.xml", of_video(track("cat", (0, 1, 0), (2, 2, 0))))
    with pytest.raises(DataError, match="says nothing of frame 1, in which its object is seen"):
        boxes(f"cvat:{tmp_path}")


def test_faults(tmp_path):
    pictures(tmp_path, "ab")
    xml = of_images("ab").replace('name="a.jpg" width="40"', 'name="a.jpg" width="99"')
    write(tmp_path / "annotations.xml", xml.replace("</annotations>", '<image id="9" name="z.jpg"/></annotations>'))
    faults = dict(scan(boxes(f"cvat:{tmp_path}"), quiet=True).faults)
    assert faults.keys() == {"a.jpg", "z.jpg"}
    assert "a.jpg in " in faults["a.jpg"]
    assert "is for a picture of 99x32" in faults["a.jpg"]
    assert "lists z.jpg, and there is no such picture" in faults["z.jpg"]
    write(tmp_path / "annotations.xml", of_images("ab").replace('xtl="4.00"', 'xtl=""'))
    with pytest.raises(DataError, match=r"a <box> in .* has '' as xtl, expected a number"):
        boxes(f"cvat:{tmp_path}")
    write(tmp_path / "annotations.xml", of_images("ab", shapes=box("fox", 1, 1, 9, 9)))
    faults = scan(boxes(f"cvat:{tmp_path}"), quiet=True).sentences
    assert "names the class fox, <labels> in" in faults[0]
