"""Promises of exported files: each by its own scores, in its card, and in the file itself where that cuts scores."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from metricfit.export import export_run
from metricfit.export.card import read_card
from metricfit.export.promising import keep_guarantee
from metricfit.export.runners.load import load_runner
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.errors import DataError, MetricfitError, UsageError
from metricfit.trainers.files import digest
from metricfit.trainers.guarantees.promise import read_promise
from metricfit.trainers.guarantees.unseen import fingerprint
from metricfit.trainers.tasks import get_task

from .conftest import converting_here


def test_an_export_chooses_each_file_s_threshold_so_that_a_promise_is_kept(run_folder, source, further, tmp_path):
    promise = {"guarantee": "recall >= 0.5", "guarantee_data": further}
    with converting_here():
        result = export_run(
            run_folder, tmp_path / "red", formats=("tflite",), quantize=("none",), quiet=True, **promise
        )
    (entry,) = result.card.files.values()
    kept = entry["guarantee"]
    assert (kept["promise"], kept["data"], kept["pictures"], kept["counted"]) == ("recall >= 0.5", further, 4, 4)
    assert kept["means"]["recall"] >= 0.5
    assert read_card(tmp_path / "red") == result.card
    runner = load_runner(tmp_path / "red")
    assert (runner.threshold, runner.promise) == (kept["threshold"], "recall >= 0.5")
    alone = get_task("saliency").evaluate(
        runner, open_source(further), guarantee=read_promise("recall >= 0.5"), quiet=True
    )
    assert alone.guarantee.to_dict(curves=False) == {name: kept[name] for name in kept if name != "data"}
    told = result.card.data["fingerprints"].split()
    known = {fingerprint(example.image) for example in map(open_source(source).load, range(len(open_source(source))))}
    assert told == sorted(known), "of all that trained and chose, as there are less than a hundred"
    words = result.card.command[-1]
    assert f"--guarantee 'recall >= 0.5' --guarantee-data {further}" in words
    assert kept["statement"] in (tmp_path / "red/README.md").read_text()


def test_what_an_export_cannot_promise_by_is_refused_before_anything_is_made(run_folder, source, further, tmp_path):
    for given, error, sentence in (
        ({"guarantee": "recall >= 0.5"}, UsageError, "--guarantee and --guarantee-data go together"),
        ({"guarantee_data": further}, UsageError, "--guarantee and --guarantee-data go together"),
        ({"guarantee": "recall >= 0.9", "guarantee_data": further}, UsageError, "needs 9 pictures at least"),
        ({"guarantee": "recall >= 0.5", "guarantee_data": source}, DataError, "trained or chosen"),
        (
            {"guarantee": "recall >= 0.5", "guarantee_data": source, "data": further, "val": further},
            DataError,
            "trained or chosen",
        ),
    ):
        with pytest.raises(error, match=sentence):
            export_run(run_folder, tmp_path / "red", formats=("tflite",), quantize=("none",), quiet=True, **given)
    assert not (tmp_path / "red").exists()


def test_a_saved_model_cuts_where_its_promise_is_kept(exported, further, tmp_path):
    folder = shutil.copytree(exported, tmp_path / "red")
    file, data = folder / "saved_model", open_source(further)
    kept = get_task("saliency").evaluate(load_runner(file), data, guarantee=read_promise("recall >= 0.5"), quiet=True)
    kept = kept.guarantee
    changed = keep_guarantee(file, kept, further)
    assert changed == [folder / "card.json", folder / "README.md"]
    entry, before = read_card(folder).files["saved_model"], read_card(exported).files
    assert entry["guarantee"]["threshold"] == kept.threshold != entry["thresholds"]["optimal"]
    assert (entry["bytes"], entry["sha256"]) == digest(file) != digest(exported / "saved_model")
    assert {**before, "saved_model": entry} == read_card(folder).files, "the other files promise nothing"
    assert load_runner(file).threshold == kept.threshold
    image = data.load(0).image
    found = tf.saved_model.load(str(file)).signatures["pictures"](image=tf.constant(image[None]))
    saliency, mask = found["saliency"].numpy(), found["mask"].numpy()
    np.testing.assert_array_equal(mask == 255, saliency >= np.float32(kept.threshold))
    assert (mask == 255).any()

    none = get_task("saliency").evaluate(load_runner(file), data, guarantee=read_promise("f >= 0.3 @ 0.6"), quiet=True)
    with pytest.raises(MetricfitError, match=r"saved_model keeps its thresholds: .* cannot be promised by these 4"):
        keep_guarantee(file, none.guarantee, further)
    assert read_card(folder).files["saved_model"] == entry
