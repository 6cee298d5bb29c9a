"""Sources and sinks: videos, cameras, pictures, recordings."""

import threading
import time
from contextlib import closing

import cv2
import numpy as np
import pytest
from PIL import Image

from metricfit.app.live import camera as camera_module
from metricfit.app.live import encoders
from metricfit.app.live.camera import Camera
from metricfit.app.live.recording import Recording
from metricfit.app.live.sources import Pictures, open_frames
from metricfit.app.live.video import Video
from metricfit.app.show.inputs import find_pictures
from metricfit.app.show.pictures import write_picture
from metricfit.app.show.stems import unique_stems
from metricfit.trainers.errors import DataError, MetricfitError, UsageError

from ..fakes import disc, make_video, read_video, save


class FakeCapture:
    """A camera that gives numbered pictures and then fails or hangs."""

    def __init__(self, frames=10, interval=0.0, opened=True, hang=None):
        self.frames, self.interval, self.opened, self.hang = frames, interval, opened, hang
        self.given = 0
        self.released = False

    def isOpened(self):
        return self.opened

    def get(self, prop):
        return 0.0

    def set(self, prop, value):
        return True

    def read(self):
        time.sleep(self.interval)
        if self.given >= self.frames:
            if self.hang is not None:
                self.hang.wait(5)
            return False, None
        self.given += 1
        image = np.zeros((48, 64, 3), np.uint8)
        image[..., 0] = self.given
        return True, image

    def release(self):
        self.released = True


@pytest.fixture
def camera(monkeypatch):
    """Make `Camera` open a given fake."""

    def install(capture):
        monkeypatch.setattr(camera_module.sys, "platform", "other")
        monkeypatch.setattr(camera_module.cv2, "VideoCapture", lambda *arguments: capture)
        return capture

    return install


def _drain(source):
    frames = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    return frames


def test_a_video_gives_every_frame_in_order_and_again(tmp_path):
    source = open_frames(str(make_video(tmp_path / "in.mp4", frames=30, fps=12.5)))
    assert (source.length, source.fps, source.live, source.stepped) == (30, 12.5, False, False)
    for _ in range(2):
        frames = _drain(source)
        assert [frame.index for frame in frames] == list(range(30))
        columns = [np.nonzero(frame.image[60, :, 0] > 128)[0].mean() for frame in frames]
        np.testing.assert_allclose(columns, 30 + 3 * np.arange(30), atol=2)
        assert frames[0].image[5, 5, 2] > frames[0].image[5, 5, 0] + 20, "channels are RGB"
        assert source.read() is None
        source.restart()
    source.close()
    source.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "read-ahead"]


@pytest.mark.parametrize("name", ["12:30.mp4", "50% möwe %02d.mp4", "rtsp:a.mp4", "-a.mp4", "a|b.mp4"])
def test_a_video_of_any_name_is_read_and_written(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / "in.mp4", frames=4).rename(name)
    source = open_frames(name)
    frames = _drain(source)
    source.close()
    assert [len(frames), {frame.name for frame in frames}] == [4, {name}]
    recording = Recording(f"made-{name}", 10.0)
    for frame in frames:
        recording.write(frame.image)
    recording.close()
    assert recording.note == "", "H.264, as under any other name"
    again = open_frames(f"made-{name}")
    assert len(_drain(again)) == 4
    again.close()


def test_what_is_no_video_is_named(tmp_path):
    (tmp_path / "in.mp4").write_text("not a video")
    with pytest.raises(DataError, match=r"in\.mp4 cannot be read"):
        open_frames(str(tmp_path / "in.mp4"))
    with pytest.raises(UsageError, match="nothing at"):
        open_frames(str(tmp_path / "none.mp4"))


def test_what_was_mended_in_a_picture_is_said_once(tmp_path, caplog):
    Image.fromarray(np.full((8, 8), 4000, np.uint16)).save(tmp_path / "a.tif")
    source = open_frames(str(tmp_path))
    with caplog.at_level("WARNING", "metricfit"):
        for _ in range(3):
            assert len(_drain(source)) == 1
            source.restart()
    assert [record.getMessage() for record in caplog.records] == [
        f"repaired: {tmp_path / 'a.tif'}: 12 bits stored in 16, brought to the full range"
    ]


def test_a_video_that_breaks_off_is_reported(tmp_path):
    whole = make_video(tmp_path / "whole.avi", frames=100)
    content = whole.read_bytes()
    (tmp_path / "cut.avi").write_bytes(content[: len(content) // 2])
    source = Video(tmp_path / "cut.avi")
    frames = _drain(source)
    assert 10 < len(frames) < 90
    assert f"frame {len(frames)} of 100" in source.faults[0]


def test_a_camera_that_is_not_there_is_named(monkeypatch, camera):
    monkeypatch.setattr(camera_module.sys, "platform", "linux")
    with pytest.raises(MetricfitError, match="/dev/video977 does not exist"):
        open_frames("977")
    camera(FakeCapture(opened=False))
    with pytest.raises(MetricfitError, match="camera 0 cannot be opened"):
        open_frames("0")


def test_a_camera_drops_stale_frames(camera):
    capture = camera(FakeCapture(frames=40, interval=0.005))
    source = Camera(0)
    assert source.fps == 30.0, "the driver says 0"
    seen = []

    def look():
        for _ in range(100):
            frame = source.read()
            if frame is not None:
                seen.append(int(frame.image[0, 0, 2]))
            time.sleep(0.03)

    with pytest.raises(MetricfitError, match=r"camera 0 was lost after \d+ frames"):
        look()
    assert seen == sorted(set(seen))
    assert 2 < len(seen) < 20
    assert seen[-1] == 40
    assert capture.released
    source.close()


def test_a_camera_that_hangs_is_given_up(camera, monkeypatch):
    monkeypatch.setattr(camera_module, "STALL_SECONDS", 0.2)
    hang = threading.Event()
    camera(FakeCapture(frames=0, hang=hang))
    source = Camera(0)
    with pytest.raises(MetricfitError, match="gives no picture"):
        _drain_for(source, 2.0)
    hang.set()
    source.close()


def _drain_for(source, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        source.read()


def test_pictures_are_stepped_through_and_bad_ones_noted(tmp_path):
    for name in ("a", "b", "d"):
        save(tmp_path / f"{name}.png", disc())
    (tmp_path / "c.jpg").write_bytes(b"broken")
    source = open_frames(str(tmp_path))
    assert isinstance(source, Pictures)
    assert [frame.name[-5] for frame in _drain(source)] == ["a", "b", "d"]
    assert len(source.faults) == 1
    assert "c.jpg" in source.faults[0]
    source.restart()
    assert source.read().index == 0
    source.step(-1)
    assert source.read().index == 3
    source.step(-1)
    assert source.read().index == 1, "the broken one is stepped over backwards"
    source.step(1)
    assert source.read().index == 3
    source.step(1)
    assert source.read().index == 0
    _drain(source)
    assert len(source.faults) == 1


def test_scenes_are_a_source():
    source = open_frames("scenes")
    frame = source.read()
    assert frame.name.startswith("test"), "held-out scenes"
    assert source.stepped
    assert source.length > 10
    assert frame.image.dtype == np.uint8
    assert frame.image.ndim == 3


def test_inputs_are_found_once_and_named_apart(tmp_path):
    for name in ("a/x.png", "b/x.png", "b/x.jpg", "b/X-2.png", "b/.hidden.png", "data/images/y.png"):
        save(tmp_path / name, disc(20, 20, 10, 5))
    (tmp_path / "b/notes.txt").write_text("no picture")
    inputs = [tmp_path / "a", str(tmp_path / "b/*"), tmp_path / "a/x.png", tmp_path / "data"]
    pictures = find_pictures(inputs)
    names = [picture.name.removeprefix(str(tmp_path)) for picture in pictures]
    assert names == ["/a/x.png", "/b/X-2.png", "/b/x.jpg", "/b/x.png", "/data/images/y.png"]
    stems = unique_stems([picture.name for picture in pictures])
    assert stems == ["x", "X-2", "x-3", "x-4", "y"]
    assert unique_stems(["a/x.png", "b/x.png", "c/x-2.png"]) == ["x", "x-3", "x-2"], "names that are there come first"
    assert pictures[0].load().shape == (20, 20, 3)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds no pictures .*; it is empty: give the folder"):
        find_pictures([tmp_path / "empty"])
    with pytest.raises(UsageError, match="nothing at"):
        find_pictures([tmp_path / "none.png"])
    with pytest.raises(UsageError, match="matches"):
        find_pictures([str(tmp_path / "*.webp")])


def test_links_that_lead_nowhere_are_among_what_cannot_be_read(tmp_path):
    save(tmp_path / "a.png", disc(20, 20, 10, 5))
    (tmp_path / "zz.jpg").symlink_to("nowhere")
    source = open_frames(str(tmp_path))
    assert [frame.name for frame in _drain(source)] == [str(tmp_path / "a.png")]
    (fault,) = source.faults
    assert f"{tmp_path / 'zz.jpg'} is a link to nowhere" in fault


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".mov"])
def test_a_recording_holds_what_was_written(tmp_path, suffix):
    path = tmp_path / f"new/out{suffix}"
    pictures = [disc(96, 128, 20 + 8 * index) for index in range(12)]
    with closing(Recording(path, 12.5)) as recording:
        for picture in pictures:
            recording.write(picture)
        assert not path.exists()
    frames, fps = read_video(path)
    assert fps == pytest.approx(12.5, rel=0.01)
    assert len(frames) == 12
    assert np.abs(frames[7].astype(int) - pictures[7]).mean() < 6
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_other_sizes_are_fitted_into_the_first(tmp_path):
    with closing(Recording(tmp_path / "out.mp4", 10)) as recording:
        recording.write(np.full((95, 127, 3), 200, np.uint8))
        recording.write(np.full((200, 100, 3), 200, np.uint8))
    frames, _ = read_video(tmp_path / "out.mp4")
    assert frames[0].shape == (96, 128, 3)
    assert frames[0].min() > 180
    assert frames[1][48, 64].min() > 180
    assert frames[1][48, 5].max() < 30


def test_a_camera_recording_keeps_the_pace(tmp_path):
    with closing(Recording(tmp_path / "out.mp4", 10)) as recording:
        for seconds in (0.0, 0.02, 0.3, 1.0):
            recording.write(disc(), seconds)
    assert len(read_video(tmp_path / "out.mp4")[0]) == 11


def test_recordings_that_cannot_be(tmp_path):
    with pytest.raises(UsageError, match=r"\.mp4"):
        Recording(tmp_path / "out.gif", 10)
    (tmp_path / "file").write_text("")
    with pytest.raises(MetricfitError, match="choose another folder"):
        Recording(tmp_path / "file/out.mp4", 10)
    recording = Recording(tmp_path / "nothing.mp4", 10)
    assert recording.close() is None
    assert recording.close() is None
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_an_error_of_the_writer_comes_out(tmp_path, monkeypatch):
    def refused(path, fps, size, codec):
        raise ValueError("no such size")

    monkeypatch.setattr(encoders, "_choices", lambda suffix: iter([(refused, "libx264")]))
    recording = Recording(tmp_path / "out.mkv", 10)
    recording.write(disc())
    with pytest.raises(MetricfitError, match=r"cannot write .*libx264: no such size.*install PyAV"):
        recording.close()
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(encoders, "_choices", lambda suffix: iter(()))
    with pytest.raises(UsageError, match=r"for \.mp4 install PyAV .* or record into an \.avi"):
        Recording(tmp_path / "out.mp4", 10)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), MetricfitError("ffmpeg failed (no space)")])
def test_a_recording_stops_at_the_first_error_and_keeps_what_it_has(tmp_path, monkeypatch, error):
    calls, write = [], encoders.PyAV.write

    def failing(self, picture):
        calls.append(1)
        if len(calls) > 5:
            raise error
        write(self, picture)

    monkeypatch.setattr(encoders.PyAV, "write", failing)
    recording = Recording(tmp_path / "out.mp4", 10)

    def go_on():
        for _ in range(500):
            recording.write(disc())
            time.sleep(0.002)

    with pytest.raises(MetricfitError, match=r"stopped after 5 frames \(.*[Nn]o space"):
        go_on()
    with pytest.raises(MetricfitError, match=r"no space.*recorded until then is in .*/out\.mp4$|No space.*/out\.mp4$"):
        recording.close()
    assert len(calls) == 6
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert len(read_video(tmp_path / "out.mp4")[0]) == 5
    assert recording.close() is None


def test_pictures_are_written_whole_or_not_at_all(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (10, 12, 4), np.uint8)
    path = write_picture(tmp_path / "new/a.png", image)
    np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]], image)
    (tmp_path / "file").write_text("")
    with pytest.raises(MetricfitError, match="cannot write"):
        write_picture(tmp_path / "file/a.png", image)
    assert [file.name for file in path.parent.iterdir()] == ["a.png"]
