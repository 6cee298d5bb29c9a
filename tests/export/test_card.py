"""The card's schema: what is written is read back, and what does not fit is refused by the field's name."""

import copy
import dataclasses
import hashlib
import json
from pathlib import Path

import pytest

from metricfit.export.calibration_entry import NOT_CALIBRATED
from metricfit.export.card import ModelCard, card_from_dict, read_card, write_card
from metricfit.export.guarantee_entry import NOT_PROMISED
from metricfit.export.readme import readme
from metricfit.export.scores import meaning_of_scores
from metricfit.trainers.errors import DataError
from metricfit.trainers.files import check_sha256, digest

TENSOR = {
    "name": "image",
    "description": "RGB",
    "shape": [None, 32, 32, 3],
    "dtype": "uint8",
    "scale": None,
    "zero_point": None,
}
THRESHOLDS = {"optimal": 0.5, "band": [0.25, 0.75], "per_class": [0.5, 0.625]}
CURVE = {"at": [-2.5, 1.0], "gives": [-1.0, 2.0], "slopes": [0.25, 0.5]}
CALIBRATION = {
    "method": "isotonic", "target": "precision", "curves": [CURVE, CURVE], "finds": [30, 4], "images": 9,
    "detections": 900, "before": {"detection_ece": 0.5}, "after": {"detection_ece": 0.25}, "before_intervals": {},
    "after_intervals": {"detection_ece": [0.125, 0.5]},
}  # fmt: skip
GUARANTEE = {
    "promise": "recall >= 0.9 @ 0.95", "threshold": 0.375, "pictures": 80, "counted": 72, "means": {"recall": 0.95},
    "data": "folder:new", "digest": "cd", "statement": "It is kept.",
}  # fmt: skip
FILE = {
    "kind": "tflite",
    "variant": "int8",
    "bytes": 10,
    "sha256": "ab",
    "sha256_of": "names and contents",
    "input": TENSOR,
    "outputs": [{**TENSOR, "scale": 0.5, "zero_point": 3}],
    "signatures": {"pictures": {"inputs": [TENSOR], "outputs": [{**TENSOR, "name": "mask"}]}},
    "operators": {"CONV_2D": 2},
    "metrics": {"max_f": 0.5},
    "thresholds": THRESHOLDS,
    "calibration": CALIBRATION,
    "guarantee": GUARANTEE,
    "parity": {"mean_difference": 0.001},
    "latency_ms": 2,
    "tests": {"folder:other": {"images": 4, "metrics": {"max_f": 0.25}, "thresholds": THRESHOLDS}},
    "intervals": {"mean difference": [0.0005, 0.002]},
    "warnings": ["13 pictures cannot tell"],
}


def a_card() -> ModelCard:
    return ModelCard(
        task="saliency",
        name="red",
        input_size=32,
        class_names=("background", "salient"),
        palette=((0, 0, 0), (255, 255, 255)),
        resizing="pad",
        limits="not for cats",
        refused={"saved_model": "saved_model does not agree"},
        warnings=["half trained"],
        thresholds=THRESHOLDS,
        metrics={"max_f": 0.5},
        data={"training": "scenes:train"},
        data_terms="none",
        command=("metricfit export",),
        machine="two threads",
        config={"data": "scenes:train"},
        versions={"python": "3.11"},
        files={"model_int8.tflite": FILE},
    )


def test_a_card_survives_the_file(tmp_path):
    path = write_card(a_card(), tmp_path)
    assert path == tmp_path / "card.json"
    assert read_card(path) == a_card()
    assert read_card(tmp_path) == a_card()


def change(*path, value):
    def apply(values):
        for key in path[:-1]:
            values = values[key]
        if value is KeyError:
            del values[path[-1]]
        else:
            values[path[-1]] = value

    return apply


PROMISED = ("files", "model_int8.tflite", "guarantee")
OF_OTHER = ("files", "model_int8.tflite", "tests", "folder:other")


@pytest.mark.parametrize(
    ("edit", "field"),
    [
        (change("schema_version", value=9), "schema_version"),
        (change("schema_version", value=1), "is not a field"),
        (change("schema_version", value=[]), "schema_version"),
        (change("schema_version", value=True), "schema_version"),
        (change("schema_version", value=KeyError), "schema_version"),
        (change("task", value=KeyError), "task is missing"),
        (change("input_size", value="32"), "input_size"),
        (change("input_size", value=True), "input_size"),
        (change("input_size", value=0), "input_size"),
        (change("input_size", value=[64, 0]), "input_size"),
        (change("input_size", value=[64, 64, 3]), "input_size"),
        (change("input_size", value="64x96"), "input_size"),
        (change("class_names", value=["a", 1]), r"class_names\[1\]"),
        (change("thresholds", "optimal", value=0.9), "thresholds"),
        (change("thresholds", "optimal", value=float("nan")), "thresholds.optimal"),
        (change("thresholds", "band", value=[0.1]), "thresholds"),
        (change("thresholds", "per_class", value=[0.1]), "thresholds.per_class"),
        (change("thresholds", "per_class", value=[0.1, 1.5]), "thresholds.per_class"),
        (change("resizing", value="crop"), "resizing"),
        (change("suppression", value={"method": "loud"}), "suppression"),
        (change("suppression", value={"iou": "half"}), "suppression"),
        (change("suppression", value={"threshold": 0.5}), "suppression"),
        (change("suppression", value={"max_detections": 100.5}), "suppression"),
        (change("suppression", value={"per_class": "no"}), "suppression"),
        (change("suppression", value={"iou": True}), "suppression"),
        (change("colour", value="red"), "colour"),
        (change("files", "model_int8.tflite", "bytes", value=1.5), "files.model_int8.tflite.bytes"),
        (change("files", "model_int8.tflite", "outputs", 0, "dtype", value=KeyError), r"outputs\[0\].dtype is missing"),
        (change("files", "model_int8.tflite", "operators", "CONV_2D", value="2"), "operators.CONV_2D"),
        (change("files", "model_int8.tflite", "signatures", "pictures", "outputs", value=KeyError), "outputs is"),
        (change("files", "model_int8.tflite", "thresholds", "optimal", value=2.0), "model_int8.tflite.thresholds"),
        (change("calibration", "method", value="magic"), r"calibration in .* is none \(its method is isotonic"),
        (change("calibration", "method", value="platt"), r"calibration in .* is none \(it has 0 curves for 2"),
        (change("files", "model_int8.tflite", "calibration", "curves", 0, "at", value=[2, 1]), "must rise everywhere"),
        (
            change("files", "model_int8.tflite", "calibration", "curves", 0, "slopes", value=KeyError),
            "slopes is missing",
        ),
        (
            change("files", "model_int8.tflite", "calibration", "target", value="recall"),
            "its target is precision or iou",
        ),
        (change("files", "model_int8.tflite", "calibration", "before", value={"ap": 10**400}), "calibration"),
        (change("files", "model_int8.tflite", "calibration", "finds", value=["3", 4]), r"calibration.finds\[0\]"),
        (change("files", "model_int8.tflite", "sha256_of", value="all"), "sha256_of in .* must be contents or names"),
        (change(*PROMISED, "promise", value="always"), r"guarantee in .* is none \(--guarantee must read like"),
        (change(*PROMISED, "threshold", value=1.5), r"guarantee in .* is none \(its threshold must lie in \[0, 1\]"),
        (change(*PROMISED, "counted", value=81), "guarantee in .* is none .*got 81 of 80"),
        (change(*PROMISED, "statement", value=""), "guarantee in .* is none .*must say what holds"),
        (change(*PROMISED, "digest", value=KeyError), "guarantee.digest is missing"),
        (change(*OF_OTHER, "images", value=KeyError), "tests.folder:other.images is missing"),
        (change(*OF_OTHER, "thresholds", "band", value=[0.6, 0.7]), "tests.folder:other.thresholds"),
    ],
)
def test_a_broken_card_is_refused_by_the_field_s_name(edit, field, tmp_path):
    values = json.loads(json.dumps(a_card().to_dict()))
    card_from_dict(copy.deepcopy(values))
    edit(values)
    (tmp_path / "card.json").write_text(json.dumps(values))
    with pytest.raises(DataError, match=field) as caught:
        read_card(tmp_path)
    assert str(tmp_path / "card.json") in str(caught.value)
    assert "\n" not in str(caught.value)


def in_version_7() -> dict:
    values = json.loads(json.dumps(a_card().to_dict()))
    del values["files"]["model_int8.tflite"]["guarantee"]
    return {**values, "schema_version": 7}


def in_version_6() -> dict:
    values = in_version_7()
    del values["calibration"], values["files"]["model_int8.tflite"]["calibration"]
    del values["suppression"]
    return {**values, "schema_version": 6}


def in_version_5() -> dict:
    values = in_version_6()
    del values["files"]["model_int8.tflite"]["sha256_of"]
    return {**values, "schema_version": 5}


def in_version_4() -> dict:
    values = in_version_5()
    del values["files"]["model_int8.tflite"]["signatures"]
    return {**values, "schema_version": 4}


def in_version_3() -> dict:
    values = in_version_4()
    for name in ("refused", "warnings"):
        del values[name]
    for name in ("intervals", "warnings"):
        del values["files"]["model_int8.tflite"][name]
    return {**values, "schema_version": 3}


def in_version_2() -> dict:
    values = in_version_3()
    del values["limits"], values["files"]["model_int8.tflite"]["tests"]
    return {**values, "schema_version": 2}


def in_version_1() -> dict:
    values, thresholds = in_version_2(), {"optimal": 0.5, "band": [0.25, 0.75]}
    tensor = {name: value for name, value in TENSOR.items() if name != "description"}
    (file,) = values["files"].values()
    del file["outputs"], values["resizing"]
    file |= {"input": tensor, "output": {**tensor, "name": "saliency"}, "thresholds": thresholds}
    return {**values, "schema_version": 1, "thresholds": thresholds}


def test_a_card_of_version_3_has_no_warnings_and_nothing_refused():
    card = card_from_dict(in_version_3())
    entry = card.files["model_int8.tflite"]
    assert (card.refused, card.warnings, entry["intervals"], entry["warnings"]) == ({}, [], {}, [])
    assert (card.limits, entry["tests"], entry["signatures"]) == ("not for cats", FILE["tests"], {})


def test_the_page_says_who_cuts_class_maps_where_something_is_promised():
    metrics = dict.fromkeys(("dataset_miou_present", "image_miou_present", "pixel_accuracy"), 0.5)
    parity = {"largest_difference": 0.0, "mean_difference": 0.0}
    changed = {"metrics": metrics, "parity": parity, "tests": {}, "signatures": {}}
    files = {"model_int8.tflite": FILE | changed}
    page = readme(dataclasses.replace(a_card(), task="segmentation", metrics=metrics, files=files))
    assert "a pixel shows its class where that probability is no lower than this; the programs" in page
    assert "- `model_int8.tflite`, by 80 pictures of folder:new: It is kept." in page
    assert "not at the best thresholds" not in page


def a_whole_card() -> ModelCard:
    """One with all that its page tells."""
    metrics = dict.fromkeys(("max_f", "mean_f", "mae", "mean_to_max"), 0.5)
    parity = {"largest_difference": 0.0, "mean_difference": 0.0}
    files = {"model_int8.tflite": FILE | {"metrics": metrics, "parity": parity, "tests": {}, "signatures": {}}}
    return dataclasses.replace(a_card(), metrics=metrics, files=files)


def test_the_page_says_what_picked_the_epoch():
    card = a_whole_card()
    chosen = {**card.config, "select_by": "mean_f"}
    assert "pictures; the best epoch is the one with the largest MeanF\n" in readme(
        dataclasses.replace(card, config=chosen)
    )
    assert "the best epoch" not in readme(card)


def test_the_page_names_the_teacher():
    card = a_whole_card()
    page = readme(dataclasses.replace(card, data={**card.data, "teacher": "runs/large: research use only"}))
    assert "- Teacher: runs/large: research use only\n" in page
    assert "Teacher" not in readme(card)


def test_what_is_promised_stands_before_the_thresholds_that_it_replaces():
    metrics = dict.fromkeys(("max_f", "mean_f", "mae", "mean_to_max"), 0.5)
    parity = {"largest_difference": 0.0, "mean_difference": 0.0}
    files = {"model_int8.tflite": FILE | {"metrics": metrics, "parity": parity, "tests": {}, "signatures": {}}}
    page = readme(dataclasses.replace(a_card(), metrics=metrics, files=files))
    promised, cut = page.index("not at the best thresholds below:"), page.index("- `model_int8.tflite`, by 80 pictures")
    assert promised < cut < page.index("**Threshold.**")


def test_a_card_of_version_7_promises_nothing():
    entry = card_from_dict(in_version_7()).files["model_int8.tflite"]
    assert (entry["guarantee"], entry["calibration"]) == (NOT_PROMISED, CALIBRATION)


@pytest.mark.parametrize("version", [6, 5, 4, 3])
def test_cards_of_later_versions_lack_little(version, tmp_path):
    values = {6: in_version_6, 5: in_version_5, 4: in_version_4, 3: in_version_3}[version]()
    card, entry = card_from_dict(copy.deepcopy(values)), values["files"]["model_int8.tflite"]
    assert (card.schema_version, card.suppression) == (8, {})
    assert card.calibration == card.files["model_int8.tflite"]["calibration"]
    assert card.calibration["method"] == "none"
    assert card.files["model_int8.tflite"].items() >= entry.items()
    assert card.files["model_int8.tflite"]["sha256_of"] == entry.get("sha256_of", "contents")
    assert read_card(write_card(card, tmp_path)) == card
    for later in range(version + 1, 9):
        with pytest.raises(DataError, match="is missing"):
            card_from_dict({**copy.deepcopy(values), "schema_version": later})


@pytest.mark.parametrize("values", [in_version_1(), in_version_2()], ids=["1", "2"])
def test_cards_of_earlier_versions_are_brought_up_to_date(values, tmp_path):
    card = card_from_dict(copy.deepcopy(values))
    assert (card.schema_version, card.limits, card.files["model_int8.tflite"]["tests"]) == (8, "", {})
    assert read_card(write_card(card, tmp_path)) == card
    (output,) = [name for name in values["files"]["model_int8.tflite"] if name.startswith("output")]
    del values["files"]["model_int8.tflite"][output]
    with pytest.raises(DataError, match=rf"files\.model_int8\.tflite\.{output} is missing"):
        card_from_dict(values)


def test_a_card_of_version_1_has_one_output_one_threshold_and_stretched_pictures():
    card = card_from_dict(in_version_1())
    assert (card.resizing, card.thresholds["per_class"]) == ("stretch", [])
    entry = card.files["model_int8.tflite"]
    assert (entry["input"]["description"], entry["thresholds"]["per_class"]) == ("", [])
    assert [output["name"] for output in entry["outputs"]] == ["saliency"]


@pytest.mark.parametrize("content", [None, "", "{", "[1]"])
def test_what_is_no_card_is_refused(content, tmp_path):
    if content is not None:
        (tmp_path / "card.json").write_text(content)
    with pytest.raises(DataError, match=r"card\.json"):
        read_card(tmp_path / "card.json")


def tree(folder, **files):
    for name, content in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_a_digest_covers_every_file_its_name_and_where_it_ends(tmp_path):
    one = tree(tmp_path / "one", a=b"hello ", b__two=b"world")
    assert digest(one) == (11, hashlib.sha256(b"a\0" + b"6\0" + b"hello " + b"b/two\0" + b"5\0" + b"world").hexdigest())
    assert digest(one, names=False) == (11, hashlib.sha256(b"hello world").hexdigest())
    assert digest(one / "a") == digest(one / "a", names=False) == (6, hashlib.sha256(b"hello ").hexdigest())
    others = [
        tree(tmp_path / "moved", a=b"hello", b__two=b" world"),
        tree(tmp_path / "renamed", a=b"hello ", b__three=b"world"),
        tree(tmp_path / "joined", a=b"hello world"),
        tree(tmp_path / "more", a=b"hello ", b__two=b"world", c=b""),
    ]
    assert len({digest(one, names=False) for one in others}) == 1, "which is why names are there"
    assert len({digest(folder)[1] for folder in (one, *others)}) == 5
    for folder in others:
        check_sha256(folder, digest(one, names=False)[1], names=False)
        with pytest.raises(DataError, match="is not the file that its card describes"):
            check_sha256(folder, digest(one)[1])


def test_the_pages_of_shipped_models_are_those_of_their_cards():
    folders = [path.parent for path in (Path(__file__).parents[2] / "saved_models").glob("*/card.json")]
    assert len(folders) == 3
    for folder in folders:
        assert (folder / "README.md").read_text(encoding="utf-8") == readme(read_card(folder)), folder.name


@pytest.mark.parametrize(
    ("target", "aim", "words"),
    [("precision", "detection_ece", "about 80 are right"), ("iou", "laece_0", "an IoU near 0.8")],
)
def test_the_page_says_in_words_what_a_score_means(target, aim, words):
    said = meaning_of_scores({**CALIBRATION, "target": target})
    assert words in said
    assert "900 boxes found in 9 validation pictures" in said
    assert "D-ECE 0.250 (95 %: 0.125 to 0.500, 0.500 before)" in said
    assert "So few pictures" in said
    assert "did not help" not in said
    worse = {**CALIBRATION, "target": target, "before": {"detection_ece": 0.2, "laece_0": 0.2}}
    assert "worse than before: calibrating did not help" in meaning_of_scores({**worse, "after": {aim: 0.25}})
    assert "So few" not in meaning_of_scores({**CALIBRATION, "images": 500})
    assert "mean nothing" in meaning_of_scores({**CALIBRATION, "detections": 0})
    assert meaning_of_scores(NOT_CALIBRATED) == (
        " Scores are in order, not probabilities: only thresholds tell which are high."
    )
