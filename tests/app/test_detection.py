"""Predictor, predict and demo with a detector: boxes in the pictures' own pixels, thresholds by class."""

import json

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from metricfit.app.live import demo as demo_module
from metricfit.app.live.demo import Demo, play
from metricfit.app.live.options import DemoOptions, PredictOptions
from metricfit.app.live.player import Player
from metricfit.app.live.sources import open_frames
from metricfit.app.prediction import prediction as predict_module
from metricfit.app.prediction.verb import predict
from metricfit.app.predictor import Predictor, resolve_threshold
from metricfit.app.show.threshold import Threshold
from metricfit.trainers.data.fit import fit_image
from metricfit.trainers.errors import UsageError

from .fakes import BoxRunner, disc, load_fake_detector, make_video, read_video, save
from .live.test_demo import ScriptedWindow

DISC = [50, 30, 111, 91]
"""The box of `disc()`, and what the fake runner's 64 pixels can tell of it."""
NEAR = 160 / 64 * 1.5


@pytest.fixture(autouse=True)
def _fake(monkeypatch):
    monkeypatch.setattr(demo_module, "load_predictor", load_fake_detector)
    monkeypatch.setattr(demo_module, "find_model", lambda path: path)
    monkeypatch.setattr(predict_module, "load_predictor", load_fake_detector)


@pytest.mark.parametrize("resizing", ["pad", "stretch"])
@pytest.mark.parametrize("shape", [(120, 160), (200, 100), (64, 64), (40, 300)])
def test_boxes_come_in_the_picture_s_own_pixels(shape, resizing):
    runner = BoxRunner()
    runner.resizing = resizing
    seen = []

    def spy(images):
        seen.append(images)
        return BoxRunner.__call__(runner, images)

    class Spy(BoxRunner):
        __call__ = staticmethod(spy)

    Spy.resizing = resizing
    image = disc(*shape, column=shape[1] // 2, radius=15)
    found = Predictor(Spy())(image)
    np.testing.assert_array_equal(seen[-1][0], fit_image(image, 64, resizing))
    wanted = np.array([shape[1] // 2 - 15, shape[0] // 2 - 15, shape[1] // 2 + 16, shape[0] // 2 + 16])
    np.testing.assert_allclose(found.boxes[0], wanted, atol=1.5 * max(shape) / 64)
    assert found.scores.tolist() == pytest.approx([0.9, 0.25, 0.1])
    assert (found.boxes[:, 2] <= shape[1]).all()
    assert (found.boxes[:, 3] <= shape[0]).all()
    assert [found.name(index) for index in found.classes] == ["disc", "twin", "disc"]
    assert found.colour(1) == (0, 0, 255)


def test_what_lies_in_the_padding_alone_is_left_out():
    class Padding(BoxRunner):
        def __call__(self, images):
            boxes, scores, classes, count = super().__call__(images)
            boxes[:, 1] = 10, 40, 60, 63
            return boxes, scores, classes, count

    assert Predictor(Padding())(disc(60, 160)).classes.tolist() == [0, 0]


def test_runners_that_are_no_detectors_are_refused():
    class Maps(BoxRunner):
        def __call__(self, images):
            return np.zeros((len(images), 64, 64), np.float32), *super().__call__(images)[1:]

    class Logits(BoxRunner):
        def __call__(self, images):
            boxes, scores, *rest = super().__call__(images)
            return boxes, scores - 7, *rest

    with pytest.raises(UsageError, match=r"boxes \[K, 4\].*\(64, 64\)"):
        Predictor(Maps())
    with pytest.raises(UsageError, match="scores from 0 to 1"):
        Predictor(Logits())


def test_boxes_follow_the_picture_into_another_size():
    predictor = load_fake_detector()
    found = predictor(disc())
    wide = found.resized((60, 320))
    np.testing.assert_allclose(wide.boxes, found.boxes * [2, 0.5, 2, 0.5], rtol=1e-6)
    assert wide.class_names == found.class_names


def test_thresholds_are_the_model_s_by_class_or_the_user_s_for_all():
    predictor = load_fake_detector()
    own = resolve_threshold(None, predictor)
    assert (own.value, own.origin, own.levels.tolist()) == (0.4, "model", [0.5, 0.25])
    assert own.on_screen == "thresholds 0.250 to 0.500 (model)"
    given = resolve_threshold(0.3, predictor)
    assert (given.levels, given.per_class, given.on_screen) == (0.3, (), "threshold 0.300")


def test_keys_move_the_thresholds_of_all_classes_and_never_reach_the_ends():
    move = load_fake_detector().task.move
    start = Threshold(0.5, "model", (0.5, 0.02), 3)
    up = move(start, 0.05)
    assert up.origin == "keys"
    assert up.value == up.per_class[0] == pytest.approx(0.55, abs=1e-3), "as for saliency in the middle"
    assert 0.02 < up.per_class[1] < 0.03, "and finer where scores are small"
    back = move(up, -0.05)
    np.testing.assert_allclose([back.value, *back.per_class], [0.5, 0.5, 0.02], atol=1e-6)
    for _ in range(400):
        up, back = move(up, 0.05), move(back, -0.05)
    assert all(0.99 < value < 1 for value in up.per_class)
    assert all(0 < value < 0.01 for value in back.per_class)


def _predict(tmp_path, *inputs, **changes):
    settings = {"model": "boxes.tflite", "inputs": tuple(map(str, inputs)), "out": tmp_path / "out", "quiet": True}
    return predict(PredictOptions(**{**settings, **changes}))


def test_predict_draws_the_boxes_and_lists_them(tmp_path, capsys):
    save(tmp_path / "in/a.png", disc())
    save(tmp_path / "in/b.png", disc(200, 100, 50, 20))
    results = _predict(tmp_path, tmp_path / "in", quiet=False)
    out = tmp_path / "out"
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "2 of 2 pictures with boxes.tflite, thresholds 0.250 to 0.500",
        *(f"made  {out / name}" for name in ("overlays", "results.json", "detections.json")),
    ]
    assert json.loads((out / "results.json").read_text()) == results
    assert (results["task"], results["thresholds"]) == ("detection", {"disc": 0.5, "twin": 0.25})
    entry = results["pictures"][0]
    assert (entry["width"], entry["height"]) == (160, 120)
    assert [shown["class"] for shown in entry["objects"]] == ["disc", "twin"]
    np.testing.assert_allclose(entry["objects"][0]["box"], DISC, atol=NEAR)
    drawn = cv2.imread(str(out / entry["files"]["overlay"]))[..., ::-1]
    assert drawn.shape == (120, 160, 3)
    x = round(entry["objects"][0]["box"][0])
    assert (drawn[60, x - 3 : x + 4].astype(int) @ [1, -1, -1]).max() > 100, "a red line at the disc's left edge"

    coco = json.loads((out / "detections.json").read_text())
    assert coco["categories"] == [{"id": 1, "name": "disc"}, {"id": 2, "name": "twin"}]
    assert [image["id"] for image in coco["images"]] == [1, 2]
    assert coco["images"][1]["file_name"].endswith("b.png")
    assert [(entry["image_id"], entry["category_id"]) for entry in coco["annotations"][:3]] == [(1, 1), (1, 2), (1, 1)]
    assert len(coco["annotations"]) == 6, "below the thresholds, too"
    x, y, width, height = coco["annotations"][0]["bbox"]
    np.testing.assert_allclose([x, y, x + width, y + height], DISC, atol=NEAR)
    assert coco["annotations"][0]["score"] == pytest.approx(0.9)


def _instances(folder, image_ids, category_ids):
    """Two pictures in COCO's layout; gives the source and the file."""
    images = [{"id": id_, "file_name": f"{name}.png", "width": 160, "height": 120} for name, id_ in image_ids.items()]
    for name in image_ids:
        save(folder / f"photos/{name}.png", disc())
    categories = [{"id": id_, "name": name} for name, id_ in category_ids.items()]
    id_, kind = image_ids["b"], category_ids["twin"]
    box = {"id": 1, "image_id": id_, "category_id": kind, "bbox": [1, 2, 30, 40], "area": 1200, "iscrowd": 0}
    path = folder / "instances.json"
    path.write_text(json.dumps({"images": images, "annotations": [box], "categories": categories}))
    return f"coco:{folder / 'photos'},{path}", path


@pytest.mark.parametrize("ids", [{"b": 907, "a": 12}, {"b": "907", "a": "12"}], ids=["numbers", "texts"])
def test_predict_keeps_the_ids_of_coco(tmp_path, ids):
    kinds = {"twin": 44, "other": 3}
    source, path = _instances(tmp_path, ids, kinds)
    _predict(tmp_path, source)
    found = json.loads((tmp_path / "out/detections.json").read_text())
    assert {image["file_name"]: image["id"] for image in found["images"]} == {f"{name}.png": ids[name] for name in ids}
    # What only the model knows gets an id that is free.
    assert {one["name"]: one["id"] for one in found["categories"]} == {**kinds, "disc": 45}
    truth = COCO(str(path))
    results = truth.loadRes(found["annotations"])
    assert sorted(results.getImgIds()) == sorted(truth.getImgIds())
    twin = next(one for one in found["annotations"] if one["image_id"] == ids["b"] and one["category_id"] == 44)
    assert twin["score"] == pytest.approx(0.25)
    assert len(results.getAnnIds(imgIds=[ids["b"]], catIds=[44])) == 1


def test_ids_of_two_sources_are_counted_anew(tmp_path):
    texts = [_instances(tmp_path / name, {"b": 7, "a": 8}, {"twin": 1})[0] for name in ("one", "two")]
    _predict(tmp_path, *texts)
    found = json.loads((tmp_path / "out/detections.json").read_text())
    assert [image["id"] for image in found["images"]] == [1, 2, 3, 4]
    assert found["categories"] == [{"id": 1, "name": "disc"}, {"id": 2, "name": "twin"}]


def test_predict_without_class_names_numbers_them(tmp_path, monkeypatch):
    class Nameless(BoxRunner):
        class_names, palette, thresholds, threshold, threshold_origin = (), (), (), 0.5, "default"

    monkeypatch.setattr(predict_module, "load_predictor", lambda path, **_: Predictor(Nameless()))
    save(tmp_path / "a.png", disc())
    results = _predict(tmp_path, tmp_path / "a.png", threshold=0.2)
    assert [shown["class"] for shown in results["pictures"][0]["objects"]] == ["class 0", "class 1"]
    assert "thresholds" not in results
    names = [category["name"] for category in json.loads((tmp_path / "out/detections.json").read_text())["categories"]]
    assert names == ["class 0", "class 1"]


def test_a_picture_without_objects(tmp_path):
    save(tmp_path / "a.png", disc())
    results = _predict(tmp_path, tmp_path / "a.png", threshold=1.0)
    assert results["pictures"][0]["objects"] == []


def _options(tmp_path, source, **changes):
    settings = {"source": str(source), "out": tmp_path / "drawn", "headless": True, "quiet": True}
    return DemoOptions(**{**settings, **changes})


def test_the_demo_records_and_draws_boxes(tmp_path):
    source = make_video(tmp_path / "in.mp4", frames=12)
    summary = play(_options(tmp_path, source, record=tmp_path / "out.mp4"))
    frames, _ = read_video(tmp_path / "out.mp4")
    assert (len(frames), summary.frames, summary.view) == (12, 12, "boxes")
    left = frames[0][60, 0:12].astype(int)
    assert (left[:, 0] - left[:, 1]).max() > 60, "the red line left of the disc"
    for name, shape in (("wide", (90, 160)), ("high", (160, 90))):
        save(tmp_path / "in" / f"{name}.png", disc(*shape, column=45, radius=20))
    play(_options(tmp_path, tmp_path / "in", view="spotlight"))
    assert cv2.imread(str(tmp_path / "drawn/high-spotlight.jpg")).shape == (160, 90, 3)
    assert cv2.imread(str(tmp_path / "drawn/wide-spotlight.jpg")).shape == (90, 160, 3)


def test_views_of_another_task_are_refused(tmp_path):
    save(tmp_path / "a.png", disc())
    with pytest.raises(UsageError, match="--view as one of boxes, spotlight, raw for a detection model, got cutout"):
        play(_options(tmp_path, tmp_path / "a.png", view="cutout"))


def _window(tmp_path, source, keys):
    options = _options(tmp_path, source, headless=False)
    window, frames = ScriptedWindow(keys), open_frames(str(source))
    demo = Demo(options, frames, load_fake_detector())
    player = Player(demo, window)
    player.run()
    frames.close()
    return demo, player, window


def test_keys_go_through_the_detector_s_views_and_thresholds(tmp_path):
    save(tmp_path / "a.png", disc())
    views = [_window(tmp_path, tmp_path / "a.png", ["view"] * count)[0].view for count in range(4)]
    assert views == ["boxes", "spotlight", "raw", "boxes"]
    assert _window(tmp_path, tmp_path / "a.png", ["3"])[0].view == "raw"
    assert _window(tmp_path, tmp_path / "a.png", ["4"])[0].view == "boxes", "there is no fourth view"
    demo, player, _ = _window(tmp_path, tmp_path / "a.png", ["more", None])
    assert demo.threshold.per_class[0] == pytest.approx(0.55, abs=1e-3)
    assert player.status().found == "1 object", "the twin's 0.25 no longer reaches its threshold"
    _, player, window = _window(tmp_path, tmp_path / "a.png", ["hide", None])
    assert player.status().found == "2 objects"
    red = (window.shown[-1] == (255, 0, 0)).all(axis=-1)
    rows, columns = np.nonzero(red)
    # Shown four times as large, the frame with it and its lines sharp.
    np.testing.assert_allclose([columns.min(), rows.max()], [4 * DISC[0], 4 * DISC[3]], atol=4 * NEAR)


def test_a_snapshot_has_the_picture_s_size_and_its_boxes(tmp_path):
    save(tmp_path / "a.png", disc())
    demo, _, _ = _window(tmp_path, tmp_path / "a.png", ["snapshot"])
    (path,) = demo.summary.files
    assert path.name == "snapshot-boxes-0001.png"
    assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).shape == (120, 160, 3)
