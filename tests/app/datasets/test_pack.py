"""`data pack`: faulty pictures are counted, what is made opens, trains, and is known to the run."""

import json
from dataclasses import replace

import pytest

from metricfit.app import cli
from metricfit.trainers.data.packed.packing import pack
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.data.sources.clips import FRAMES
from metricfit.trainers.errors import UsageError
from metricfit.trainers.tasks import get_task

from ...trainers.data.packed.sets import write_folder


def packed(*words):
    return cli.main(["data", "pack", *map(str, words)])


@pytest.fixture
def photos(tmp_path):
    """A folder with one picture that is none."""
    root = write_folder(tmp_path / "photos")
    (root / "images/grey.jpg").write_bytes(b"no picture")
    return root


def test_bad_pictures_stop_it_or_are_counted(photos, tmp_path, capsys):
    out = tmp_path / "out"
    assert packed(photos, "--to", out, "--shards", 2) == 3
    assert not out.exists()
    assert packed(photos, "--to", out, "--shards", 2, "--skip-bad") == 0
    said = capsys.readouterr()
    assert "1 of 13 examples left out" in said.out + said.err
    assert "12 examples in 2 files" in said.out
    assert f"opened as  packed:{out}" in said.out
    assert len(open_source(f"packed:{out}")) == 12
    assert json.loads((out / "packed.json").read_text())["left_out"] == 1
    assert cli.main(["data", "check", f"packed:{out}"]) == 0
    assert "1 example at fault left out when it was packed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--to", "{photos}/inside"], "lies in the folder of the data"),
        (["--to", "{photos}"], "lies in the folder of the data"),
        (["--to", "{out}", "--shards", 0], "--shards must be at least 1, got 0"),
        (["--to", "{out}", "--size", 0], "--size must be at least 1, got 0"),
    ],
)
def test_what_makes_no_sense_is_refused(photos, tmp_path, capsys, words, sentence):
    words = [str(word).format(photos=photos, out=tmp_path / "out") for word in words]
    assert packed(photos, "--skip-bad", *words) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_clips_are_made_of_what_is_packed_and_not_packed_themselves(tmp_path, capsys):
    out, few = tmp_path / "out", tmp_path / "few.txt"
    few.write_text("val-00000\nval-00001\n")
    assert packed(f"clips:scenes:val:{few}", "--to", out) == 2
    assert "do not keep which frame of clips:scenes:val" in capsys.readouterr().err
    assert not out.exists()
    assert packed(f"scenes:val:{few}", "--to", out) == 0
    assert len(open_source(f"clips:packed:{out}")) == 2 * FRAMES


def test_damage_is_a_fault_of_the_check(photos, tmp_path, capsys):
    out = tmp_path / "out"
    packed(photos, "--to", out, "--skip-bad", "--size", 16)
    (shard,) = out.glob("*.tfrecord-*")
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    capsys.readouterr()
    assert cli.main(["data", "check", f"packed:{out}"]) == 3
    assert "its SHA-256 differs" in "".join(capsys.readouterr())


def test_a_run_knows_its_packed_data_and_goes_on_with_no_others(plain_config, tmp_path):
    done = pack(open_source("discs:train"), str(tmp_path / "discs"), needs="mask", quiet=True)
    config = replace(plain_config, data=done.source, out=str(tmp_path / "run"), epochs=1)
    saliency = get_task("saliency")
    saliency.train(config)
    written = json.loads((tmp_path / "run/config.json").read_text())
    assert written["digests"] == {done.source: done.manifest.digest}
    for file in (tmp_path / "discs").iterdir():
        file.unlink()
    (tmp_path / "discs").rmdir()
    pack(open_source("discs:train"), str(tmp_path / "discs"), needs="mask", size=24, quiet=True)
    with pytest.raises(UsageError, match="as many training pictures of the same names, 54, but packed from others"):
        saliency.train(config)
