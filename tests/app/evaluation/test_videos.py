"""`metricfit evaluate --data video:...`: how steady a model is, without a truth."""

import json
import shutil

import numpy as np
import pytest

import metricfit
from metricfit.app import cli
from metricfit.app.evaluation import verb as evaluation
from metricfit.app.evaluation.videos import open_clip
from metricfit.app.predictor import Predictor
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.data.targets import TARGETS
from metricfit.trainers.errors import DataError, UsageError
from metricfit.trainers.tasks.sources import open_both
from metricfit.trainers.training.config import CONFIGS

from ..fakes import BoxRunner, BrightnessRunner, disc, make_video, save


@pytest.fixture
def evaluate(monkeypatch, tmp_path, capsys):
    def run(data, *options, runner=None):
        predictor = Predictor(runner or BrightnessRunner())
        monkeypatch.setattr(evaluation, "load_predictor", lambda path, **_: predictor)
        arguments = ["evaluate", "bright.tflite", "--data", data, "--out", str(tmp_path / "report"), "--quiet"]
        code = cli.main([*arguments, *options])
        told = capsys.readouterr()
        return code, tmp_path / "report", told.err or told.out

    return run


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """A white disc that goes to the right, 12 frames."""
    return make_video(tmp_path_factory.mktemp("clips") / "clip.mp4", frames=12)


def test_a_video_is_measured_by_optical_flow_and_said_to_have_no_truth(evaluate, video):
    code, folder, text = evaluate(f"video:{video}")
    assert code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["flicker.png", "metrics.json"]
    summary = json.loads((folder / "metrics.json").read_text())
    assert (summary["task"], summary["examples"], summary["data"]) == ("saliency", 12, f"video:{video}")
    steadiness = summary["steadiness"]
    assert summary["scalars"] == steadiness["scalars"]
    assert set(summary["scalars"]) == {"flicker", "mean_flicker", "blink", "followed"}
    assert len(steadiness["by_flow"]["flicker"]) == 256
    assert steadiness["by_flow"]["pairs"] == 11
    assert summary["scalars"]["flicker"] < 0.1, "the disc moves, and its mask with it"
    for words in ("mean flicker", "blink", "a video has no truth", "11 pairs of frames", "with bright.tflite"):
        assert words in text
    assert "MaxF" not in text


class Blinking(BrightnessRunner):
    """Finds the disc in every other frame."""

    seen = 0

    def __call__(self, images):
        self.seen += 1
        return super().__call__(images) * np.float32(self.seen % 2)


def test_a_model_that_blinks_is_told_from_a_steady_one(evaluate, video):
    _, folder, _ = evaluate(f"video:{video}", runner=Blinking())
    scalars = json.loads((folder / "metrics.json").read_text())["scalars"]
    assert scalars["flicker"] == 1
    assert scalars["blink"] > 0.1


def test_a_folder_of_frames_is_a_clip_in_the_order_of_their_numbers(evaluate, tmp_path):
    for number in range(8, 12):
        save(tmp_path / "frames" / f"frame{number}.png", disc(column=40 + 3 * number))
    assert [name.rsplit("/", 1)[-1] for name in open_clip(str(tmp_path / "frames")).names] == [
        "frame8.png", "frame9.png", "frame10.png", "frame11.png",
    ]  # fmt: skip
    code, folder, _ = evaluate(f"video:{tmp_path / 'frames'}")
    assert code == 0
    assert json.loads((folder / "metrics.json").read_text())["steadiness"]["by_flow"]["pairs"] == 3


def test_several_videos_are_measured_together_and_none_is_held_against_another(evaluate, video, tmp_path):
    other = tmp_path / "another one.mp4"
    shutil.copy(video, other)
    code, folder, _ = evaluate(f"video:{video} + video:{other}")
    assert code == 0
    by_flow = json.loads((folder / "metrics.json").read_text())["steadiness"]["by_flow"]
    assert (by_flow["frames"], by_flow["pairs"]) == (24, 22)


def test_frames_that_cannot_be_read_stop_it_or_part_the_clip(evaluate, tmp_path):
    for number in range(5):
        save(tmp_path / "frames" / f"{number}.png", disc(column=40 + 3 * number))
    (tmp_path / "frames" / "2.png").write_bytes(b"no picture")
    code, _, text = evaluate(f"video:{tmp_path / 'frames'}")
    assert (code, "2.png" in text, "--skip-bad" in text) == (3, True, True)
    code, folder, _ = evaluate(f"video:{tmp_path / 'frames'}", "--skip-bad")
    assert code == 0
    by_flow = json.loads((folder / "metrics.json").read_text())["steadiness"]["by_flow"]
    assert (by_flow["frames"], by_flow["pairs"]) == (4, 2)


def test_one_frame_is_refused(evaluate, tmp_path):
    save(tmp_path / "frames" / "0.png", disc())
    code, _, text = evaluate(f"video:{tmp_path / 'frames'}")
    assert (code, "flicker needs two frames in a row" in text) == (1, True)


@pytest.mark.parametrize(
    ("options", "flag"),
    [(("--protocol", "published"), "protocol"), (("--guarantee", "recall >= 0.9 @ 0.95"), "guarantee")],
)
def test_what_needs_a_truth_is_refused(evaluate, video, options, flag):
    code, _, text = evaluate(f"video:{video}", *options)
    assert code == 2
    assert f"a video has no truth, and each of its frames is seen once: leave --{flag} out" in text


def test_detectors_and_paths_to_nothing_are_refused(evaluate, video, tmp_path):
    code, _, text = evaluate(f"video:{video}", runner=BoxRunner())
    assert (code, "flicker is of masks and class maps" in text) == (2, True)
    code, _, text = evaluate(f"video:{tmp_path / 'no.mp4'}")
    assert (code, "found nothing at" in text) == (2, True)
    with pytest.raises(UsageError, match="behind video:, found nothing"):
        open_clip("0")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(DataError, match="cannot be read as a video"):
        open_clip(str(tmp_path / "text.mp4"))


def test_nothing_can_be_learnt_from_a_video(capsys, video):
    assert cli.main(["train", "saliency", "--data", f"video:{video}", "--out", "nowhere"]) == 2
    assert "has no masks, labels or boxes" in capsys.readouterr().err


def test_python_gets_the_report(monkeypatch, video):
    monkeypatch.setattr(evaluation, "load_predictor", lambda path, **_: Predictor(BrightnessRunner()))
    report = metricfit.evaluate("bright.tflite", f"video:{video}", quiet=True)
    assert report.scalars["flicker"] < 0.1
    assert report.steadiness.by_flow.followed.frames == 12
    assert report.thresholds["optimal"] == 0.5


@pytest.mark.usefixtures("undrawn_figures")
def test_clips_with_known_motion_are_measured_by_it_and_by_flow_and_against_their_masks(evaluate, tmp_path):
    (tmp_path / "few.txt").write_text("test-00003\n")
    code, folder, text = evaluate(f"clips:scenes:test:{tmp_path / 'few.txt'}")
    assert code == 0
    assert {"flicker.png", "thresholds.png", "metrics.json"} <= {path.name for path in folder.iterdir()}
    summary = json.loads((folder / "metrics.json").read_text())
    scalars = summary["steadiness"]["scalars"]
    assert {"flicker", "flow_flicker", "truth_flicker", "truth_flow_flicker"} <= set(scalars)
    assert 0 < scalars["truth_flicker"] < 0.05, "the flicker of the pixels alone"
    assert 0 < scalars["truth_flow_flicker"] < 0.05
    assert summary["curves"]["images"] == 16
    for words in ("MaxF", "flicker by flow", "of the truth by flow", "15 pairs of frames", "the known motion follows"):
        assert words in text


@pytest.mark.usefixtures("undrawn_figures")
def test_single_pictures_are_told_nothing_of_flicker(evaluate, tmp_path):
    (tmp_path / "few.txt").write_text("test-00003\n")
    code, folder, text = evaluate(f"scenes:test:{tmp_path / 'few.txt'}")
    assert (code, "flicker" in text, (folder / "flicker.png").exists()) == (0, False, False)
    assert "steadiness" not in json.loads((folder / "metrics.json").read_text())


def test_workers_do_not_take_clips(evaluate):
    pytest.importorskip("apache_beam")
    code, _, text = evaluate("clips:scenes:test", "--runner", "direct")
    assert (code, "leave --runner out" in text) == (2, True)


class Pulsing(BrightnessRunner):
    """Finds the disc in each frame, in every other one hardly."""

    seen = 0

    def __call__(self, images):
        self.seen += 1
        return super().__call__(images) * np.float32(0.49 if self.seen % 2 else 0.9)


def test_smoothing_takes_flicker_away(evaluate, video):
    found = []
    for options in ((), ("--smooth", "0.8")):
        code, folder, _ = evaluate(f"video:{video}", *options, runner=Pulsing())
        assert code == 0
        summary = json.loads((folder / "metrics.json").read_text())
        assert summary.get("smooth") == (0.8 if options else None)
        found.append(summary["scalars"]["mean_flicker"])
    assert found[1] < 0.6 * found[0]


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        ("scenes:test", (), "--smooth is of the frames of clips, scenes:test has none"),
        ("clips:scenes:test", ("--flips",), "--smooth is of frames that are seen once"),
        ("clips:scenes:test", ("--smooth", "1"), "from 0 to below 1"),
        ("clips:scenes:test", ("--guarantee", "recall >= 0.5 @ 0.5"), "leave --smooth out"),
    ],
)
def test_smoothing_of_other_things_is_refused(evaluate, data, options, said):
    code, _, text = evaluate(data, "--smooth", "0.8", *options)
    assert (code, said in text) == (2, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--guarantee", "recall >= 0.5 @ 0.5"), "of clips:scenes:test:{few} many frames are of one"),
        (("--protocol", "published"), "leave --protocol out"),
        (("--logit-scale", "2"), "leave --logit-scale out"),
    ],
)
def test_frames_are_no_pictures_of_their_own_nor_of_other_scores(evaluate, tmp_path, options, said):
    (few := tmp_path / "few.txt").write_text("test-00000\ntest-00001\n")
    code, _, text = evaluate(f"clips:scenes:test:{few}", *options)
    assert (code, said.format(few=few) in text) == (2, True), text


def test_no_training_holds_out_frames_of_the_pictures_that_it_sees():
    config = CONFIGS["saliency"](data="clips:scenes:train")
    with pytest.raises(UsageError, match="without --val every tenth frame of clips:scenes:train would be held out"):
        open_both(config, TARGETS["mask"], lambda text, left_out: None, (None, None))


class ThreeClasses(BrightnessRunner):
    """Takes what is dark, grey and bright for three classes."""

    task, class_names = "segmentation", ("dark", "grey", "bright")

    def __call__(self, images):
        level = super().__call__(images)
        scores = np.stack([1 - level, 1 - 2 * np.abs(level - 0.5), level], axis=-1) + np.float32(0.01)
        return scores / scores.sum(axis=-1, keepdims=True)


def test_class_maps_of_a_video_have_a_flicker_for_each_class(evaluate, video):
    code, folder, text = evaluate(f"video:{video}", "--smooth", "0.5", runner=ThreeClasses())
    assert code == 0
    assert [path.name for path in folder.iterdir()] == ["metrics.json"]
    summary = json.loads((folder / "metrics.json").read_text())
    assert set(summary["scalars"]) == {"flicker", "blink", "followed"}
    assert {"dark", "bright"} <= set(summary["classes"])
    assert summary["classes"]["bright"]["flicker"] < 0.1
    for words in ("bright", "flicker", "a video has no truth"):
        assert words in text


class ScenesClasses(ThreeClasses):
    """The same, of the classes of scenes."""

    class_names = open_source("scenes:test", needs="labels").class_names

    def __call__(self, images):
        found = np.zeros((*images.shape[:3], len(self.class_names)), np.float32)
        found[..., :3] = super().__call__(images)
        return found


@pytest.mark.usefixtures("undrawn_figures")
def test_class_maps_of_clips_are_measured_beside_their_labels(evaluate, tmp_path):
    (tmp_path / "few.txt").write_text("test-00003\n")
    data = f"clips:scenes:test:{tmp_path / 'few.txt'}"
    code, folder, text = evaluate(data, "--decision", "iou", runner=ScenesClasses())
    assert code == 0
    summary = json.loads((folder / "metrics.json").read_text())
    assert {"flicker", "flow_flicker", "truth_flicker"} <= set(summary["steadiness"]["scalars"])
    assert summary["steadiness"]["truth_by_motion"]["flicker_by_class"]["background"] < 0.05
    assert ("mIoU" in text, "of the truth" in text) == (True, True)
