"""Pictures of any size in, maps of the same size out; models of other kinds are refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from metricfit import saved_models
from metricfit.app.predictor import Predictor, find_model, load_predictor, resolve_threshold
from metricfit.app.show.threshold import Threshold
from metricfit.export import read_card
from metricfit.trainers.data.images import resize_image
from metricfit.trainers.errors import DataError, UsageError
from metricfit.trainers.judge.tiles import Tiling

from .fakes import BrightnessRunner, disc


@pytest.mark.parametrize("shape", [(120, 160), (33, 200), (64, 64), (1, 1)])
def test_a_picture_of_any_size_gets_a_map_of_its_own_size(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    saliency = Predictor(BrightnessRunner())(image)
    assert saliency.shape == shape
    assert saliency.dtype == np.float32
    assert 0 <= saliency.min() <= saliency.max() <= 1


def test_the_map_lies_where_the_object_is():
    saliency = Predictor(BrightnessRunner())(disc(120, 160, column=50, radius=20))
    rows, columns = np.nonzero(saliency >= 0.5)
    assert abs(rows.mean() - 60) < 1
    assert abs(columns.mean() - 50) < 1
    assert abs(len(rows) - np.pi * 20**2) < 80


def test_the_model_sees_what_training_sees():
    seen = []

    class Spy(BrightnessRunner):
        def __call__(self, images):
            seen.append(images.copy())
            return super().__call__(images)

    image = np.random.default_rng(1).integers(0, 256, (100, 150, 3), np.uint8)
    Predictor(Spy())(image)
    np.testing.assert_array_equal(seen[-1][0], resize_image(image, (64, 64)))


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 5), np.uint8), np.zeros((4, 4, 3))])
def test_other_arrays_are_refused(image):
    with pytest.raises(ValueError, match="uint8"):
        Predictor(BrightnessRunner())(image)


def test_a_file_is_read_as_everywhere_and_named(tmp_path):
    image, file = disc(120, 160, column=50, radius=20), tmp_path / "disc.png"
    Image.fromarray(image).save(file)
    predict = Predictor(BrightnessRunner())
    for given in (file, str(file)):
        found = predict(given)
        np.testing.assert_array_equal(found.map, predict(image).map)
        assert found.path == str(file)
    assert predict(file, "mine").path == "mine"
    with pytest.raises(DataError, match="missing"):
        predict(tmp_path / "missing.png")


def _runner(**changes):
    runner = BrightnessRunner()
    for name, value in changes.items():
        setattr(runner, name, value)
    return runner


def test_models_of_the_wrong_kind_are_refused():
    class Classes(BrightnessRunner):
        def __call__(self, images):
            return np.zeros((*images.shape[:3], 11), np.float32)

    with pytest.raises(UsageError, match="11"):
        Predictor(Classes())

    class Logits(BrightnessRunner):
        def __call__(self, images):
            return np.full(images.shape[:3], -7.0, np.float32)

    with pytest.raises(UsageError, match="-7"):
        Predictor(Logits())


def test_threshold_of_user_before_threshold_of_model(caplog):
    predictor = Predictor(_runner(threshold=0.31))
    assert resolve_threshold(None, predictor) == Threshold(0.31, "model")
    assert resolve_threshold(0.0, predictor) == Threshold(0.0, "given")
    promising = Predictor(_runner(threshold=0.25, promise="recall >= 0.9 @ 0.95")).threshold
    assert promising.explained == "threshold 0.25 (which promises recall >= 0.9 @ 0.95, as the card says)"
    assert promising.on_screen == "threshold 0.25 (recall >= 0.9 @ 0.95)"
    promising = Predictor(_runner(threshold=0.25, promise="recall >= 0.9 @ 0.95"))
    promising.tiling = Tiling()
    in_tiles = resolve_threshold(None, promising)
    assert (in_tiles.value, in_tiles.promise) == (0.25, ""), "that was promised of pictures as a whole"
    assert '"recall >= 0.9 @ 0.95", which the card promises, is of pictures seen once' in caplog.text
    from_run = Predictor(_runner(threshold=0.25, threshold_origin="run"))
    assert resolve_threshold(None, from_run) == Threshold(0.25, "model")
    assert resolve_threshold(None, Predictor(_runner(threshold_origin="default"))) == Threshold(0.5, "default")
    for wrong in (-0.1, 1.5, float("nan")):
        with pytest.raises(UsageError, match="threshold"):
            resolve_threshold(wrong, predictor)


def test_the_default_threshold_is_said_to_be_one():
    assert Threshold(0.31, "model").explained == "threshold 0.31"
    assert Threshold(0.5, "default").explained.startswith("threshold 0.50 (the default: no card")


def test_without_a_shipped_model_the_user_is_asked_for_one(monkeypatch, tmp_path):
    monkeypatch.setattr(saved_models, "__path__", [str(tmp_path)])
    with pytest.raises(UsageError, match="quickstart"):
        load_predictor("")


def test_a_shipped_model_is_found_by_its_name_where_no_file_has_it(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    shipped = find_model("saliency_mobile")
    assert read_card(shipped).name == shipped.name == "saliency_mobile"
    assert find_model("").name == "saliency_lite0"
    (tmp_path / "saliency_mobile").mkdir()
    assert find_model("saliency_mobile") == Path("saliency_mobile")
    with pytest.raises(UsageError, match=r"no model at saliency_large: .*saliency_lite0, saliency_mobile"):
        find_model("saliency_large")


def test_a_model_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"none\.tflite"):
        load_predictor(tmp_path / "none.tflite")


def _transparent(path, mode="RGBA", **settings):
    """A picture that is opaque red in a square, half so above it, and transparent elsewhere."""
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[16:48, 16:48], pixels[8:16, 16:48] = (220, 210, 200, 255), (220, 210, 200, 128)
    image = Image.fromarray(pixels)
    if mode == "P":
        image = Image.fromarray((pixels[..., 3] > 200).astype(np.uint8), "P")
        image.putpalette([9, 9, 9, 220, 210, 200] + 254 * [0, 0, 0])
        settings["transparency"] = 0
    image.convert(mode).save(path, **settings)
    return pixels[..., 3] if mode != "P" else np.where(pixels[..., 3] > 200, 255, 0)


EXIF_TURNED = Image.Exif()
EXIF_TURNED[0x0112] = 6


@pytest.mark.parametrize(
    ("name", "mode", "settings"),
    [
        ("a.png", "RGBA", {}),
        ("grey.png", "LA", {}),
        ("palette.png", "P", {}),
        ("a.gif", "P", {}),
        ("a.webp", "RGBA", {"lossless": True}),
        ("turned.png", "RGBA", {"exif": EXIF_TURNED}),
        ("a.tif", "RGBA", {}),
    ],
)
def test_a_cutout_is_never_less_transparent_than_the_picture(tmp_path, name, mode, settings):
    alpha = _transparent(tmp_path / name, mode, **settings)
    alpha = np.rot90(alpha, -1) if "exif" in settings else alpha
    found = Predictor(BrightnessRunner())(tmp_path / name)
    assert found.image.shape == (64, 64, 3)
    cut = np.asarray(Image.open(found.save(tmp_path / "cut.png", "cutout")))
    assert found.mask.all(), "white around it is as bright"
    np.testing.assert_array_equal(cut[..., 3], alpha)
    visible = alpha > 0
    # Its own colours, and not those over white.
    np.testing.assert_allclose(cut[visible][:, 0], 212 if mode == "LA" else 220, atol=2)
    board = found.draw("cutout")
    assert board[alpha == 0].min() > 190, "the checkerboard"
    np.testing.assert_allclose(board[alpha == 255][:, 0], 212 if mode == "LA" else 220, atol=2)


def test_an_opaque_picture_with_an_alpha_channel_is_like_any_other(tmp_path):
    Image.fromarray(disc()).convert("RGBA").save(tmp_path / "a.png")
    found = Predictor(BrightnessRunner())(tmp_path / "a.png")
    assert found.rgba is None
    np.testing.assert_array_equal(found.image, disc())


def test_an_array_may_be_transparent():
    picture = np.dstack([disc(), np.zeros((120, 160), np.uint8)])
    picture[40:80, 60:100, 3] = 255
    found = Predictor(BrightnessRunner())(picture)
    assert found.image[0, 0].tolist() == [255, 255, 255]
    assert found.resized((60, 80)).rgba.shape == (60, 80, 4)
    assert found.draw("cutout").shape == (120, 160, 3)
