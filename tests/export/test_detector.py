"""Exports of a tiny detector: one file with decoding and suppression inside, that agrees with Keras."""

import copy
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from metricfit.app.export import files_table
from metricfit.app.live.options import PredictOptions
from metricfit.app.prediction.verb import predict
from metricfit.app.predictor import Predictor, load_predictor
from metricfit.export import ExportResult, export_run, load_runner, read_card
from metricfit.export.formats import tflite_converter
from metricfit.export.formats.tflite import VARIANTS
from metricfit.export.formats.tflite_graphs import join, packed, read_operators, unpacked
from metricfit.export.parity.agreement import Resampled, judged
from metricfit.export.parity.boxes import BoxAgreement
from metricfit.export.parity.comparison import Measured, check
from metricfit.export.runners.load import load_keras
from metricfit.export.tasks import get_task
from metricfit.trainers.data.example import Example
from metricfit.trainers.data.fit import fit_image
from metricfit.trainers.data.subset import split_for_selection
from metricfit.trainers.errors import MetricfitError
from metricfit.trainers.judge.boxes import BoxJudge
from metricfit.trainers.metrics.ranking.matching import Found
from metricfit.trainers.metrics.resampling import draws
from metricfit.trainers.models.detector.coding import DELTAS
from metricfit.trainers.tasks import get_task as get_trained_task

from .small_detector import CLASS_NAMES, SIZE, square_detector

TFLITE = ("model_float32.tflite", "model_float16.tflite", "model_dynamic.tflite", "model_int8.tflite")
NAMES = ["boxes", "scores", "classes", "count"]


@pytest.fixture(scope="module")
def pictures(squares):
    return np.stack([fit_image(squares.load(index).image, SIZE, "pad") for index in (9, 19, 29)])


@pytest.fixture(scope="module")
def expected(detector_run, pictures):
    return load_runner(detector_run)(pictures)


def kinds_of(path):
    """Name and types of the inputs of every operator of a .tflite file."""
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
    types = {code: name for name, code in vars(schema.TensorType).items() if isinstance(code, int)}
    model = unpacked(path.read_bytes())
    (graph,) = model.subgraphs
    found = []
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        name = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        found.append((name, [types[graph.tensors[index].type] for index in operator.inputs if index >= 0]))
    return found


def test_the_card_says_what_the_detector_needs(detector):
    card = read_card(detector)
    assert {path.name for path in detector.iterdir()} == {"card.json", "README.md", "saved_model", *TFLITE}
    assert (card.task, card.input_size, card.class_names, card.resizing) == ("detection", SIZE, CLASS_NAMES, "pad")
    assert len(card.palette) == 2
    assert card.metrics["ap"] > 0.9
    for name, entry in card.files.items():
        assert [output["name"] for output in entry["outputs"]] == NAMES
        assert all(output["description"] for output in entry["outputs"])
        assert len(entry["thresholds"]["per_class"]) == 2
        assert entry["parity"]["ap_difference"] == pytest.approx(entry["metrics"]["ap"] - card.metrics["ap"])
        if name in ("saved_model", "model_float32.tflite"):
            assert entry["parity"]["largest_score_difference"] < 1e-5
            assert entry["parity"]["largest_box_difference"] < 1e-3


def test_the_saved_model_s_signature_is_the_documented_one(detector, pictures, expected):
    signature = tf.saved_model.load(str(detector / "saved_model")).signatures["serving_default"]
    ((name, image),) = signature.structured_input_signature[1].items()
    assert (name, image.dtype, image.shape.as_list()) == ("image", tf.uint8, [None, SIZE, SIZE, 3])
    outputs = {name: (spec.dtype, spec.shape.as_list()) for name, spec in signature.structured_outputs.items()}
    assert outputs == {
        "boxes": (tf.float32, [None, 100, 4]),
        "scores": (tf.float32, [None, 100]),
        "classes": (tf.int32, [None, 100]),
        "count": (tf.int32, [None]),
    }
    for count in (1, 3):
        found = signature(image=tf.constant(pictures[:count]))
        for name, wanted in zip(NAMES, expected):
            np.testing.assert_allclose(found[name], wanted[:count], atol=1e-4)


@pytest.mark.parametrize("file", TFLITE)
def test_tflite_files_hold_built_in_operators_only_and_decode_in_float(file, detector):
    operators = read_card(detector).files[file]["operators"]
    assert operators == read_operators(detector / file)
    assert {"CONV_2D", "TOPK_V2", "EXP", "LOGISTIC", "NON_MAX_SUPPRESSION_V5"} <= set(operators)
    assert not [name for name in operators if name.startswith(("CUSTOM", "FLEX"))]
    kinds = kinds_of(detector / file)
    tail = kinds[max(index for index, (name, _) in enumerate(kinds) if name in ("CONV_2D", "CONCATENATION")) + 1 :]
    # Behind the network there is neither a quantised operand nor any operator that would quantise one.
    assert {"EXP", "MUL", "LOGISTIC", "NON_MAX_SUPPRESSION_V5"} <= {name for name, _ in tail}
    assert {kind for name, inputs in tail if name != "DEQUANTIZE" for kind in inputs} <= {"FLOAT32", "INT32", "BOOL"}
    convolutions = {inputs[1] for name, inputs in kinds if name == "CONV_2D"}
    assert convolutions == {"INT8" if "int8" in file else "FLOAT32"} or file == "model_dynamic.tflite"
    if "int8" in file:
        assert operators["DEQUANTIZE"] == 2, "one for each output of the network"
        assert operators["QUANTIZE"] == 1, "at the input alone"


@pytest.mark.parametrize("file", ["saved_model", *TFLITE])
def test_every_file_finds_what_keras_finds(file, detector, pictures, expected, squares):
    runner = load_runner(detector / file)
    assert (runner.task, runner.size, runner.class_names, runner.resizing) == ("detection", SIZE, CLASS_NAMES, "pad")
    entry = runner.card.files[file]
    assert (runner.threshold, runner.threshold_origin) == (entry["thresholds"]["optimal"], "card")
    assert runner.thresholds == tuple(entry["thresholds"]["per_class"])
    found = runner(pictures)
    assert [part.dtype for part in found] == [np.float32, np.float32, np.int32, np.int32]
    assert [part.shape for part in found] == [(3, 100, 4), (3, 100), (3, 100), (3,)]
    assert [len(part) for part in runner(pictures[:0])] == [0] * 4
    slack = {"model_float16.tflite": 1e-2, "model_dynamic.tflite": 5e-2, "model_int8.tflite": 5e-2}.get(file, 1e-4)
    for index, picture in enumerate((9, 19, 29)):
        count = len(squares.load(picture).boxes)
        np.testing.assert_allclose(found[1][index, :count], expected[1][index, :count], atol=slack)
        order, wanted = (np.lexsort(boxes[index, :count].round().T) for boxes in (found[0], expected[0]))
        np.testing.assert_allclose(found[0][index][order], expected[0][index][wanted], atol=max(slack * 10, 1e-3))
        np.testing.assert_array_equal(found[2][index][order], expected[2][index][wanted])


def test_the_network_s_own_outputs_agree(pictures, tmp_path):
    model, task = square_detector(), get_task("detection")
    heads = model(pictures[:1].astype(np.float32))
    tflite_converter._write_stages(model, tmp_path, ("none",), task)
    body = tflite_converter._convert_body(tmp_path, "none")
    run = tflite_signature(body)
    found = run(image=pictures[:1])
    np.testing.assert_allclose(found["logits"], heads["classification"], atol=1e-4)
    np.testing.assert_allclose(found["codes"], heads["box"], atol=1e-5)
    boxes, scores = task.candidates(model)(pictures[:1])
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-np.asarray(heads["classification"], np.float64))), atol=1e-6)
    np.testing.assert_allclose(boxes, DELTAS.decode(heads["box"], model.starts, SIZE), atol=1e-4)


def tflite_signature(content: bytes):
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_content=content).get_signature_runner()


def test_the_card_s_figures_are_those_of_the_file(detector, squares):
    card = read_card(detector)
    held_out = split_for_selection(squares)[1]
    for file in ("model_int8.tflite", "saved_model"):
        runner = load_runner(detector / file)
        report = get_trained_task("detection").evaluate(runner, held_out, batch_size=2, quiet=True)
        for name, value in card.files[file]["metrics"].items():
            assert report.scalars[name] == pytest.approx(value, abs=1e-6), name
        classes = [report.class_scalars[name]["threshold"] for name in CLASS_NAMES]
        assert card.files[file]["thresholds"]["per_class"] == pytest.approx(classes)


def test_a_run_gives_its_own_thresholds(detector_run):
    runner = load_runner(detector_run)
    assert (runner.kind, runner.threshold, runner.threshold_origin) == ("keras", 0.3, "run")
    assert runner.thresholds == (0.4, 0.3), "the class that was never found takes the threshold of all"
    assert (runner.class_names, runner.resizing) == (CLASS_NAMES, "pad")


def test_the_page_s_programs_run(detector, squares, tmp_path, monkeypatch, capsys):
    page = (detector / "README.md").read_text()
    for text in ("red, blue", "CC0", "metricfit export", "serving_default", "oLRP", *read_card(detector).files):
        assert text in page
    runner = load_runner(detector)

    def is_clear(example):
        scores = runner(runner.fit(example.image)[None])[1][0, : len(example.boxes)]
        return len(scores) == 2 and scores.min() > max(runner.thresholds) + 0.02

    example = next(example for example in map(squares.load, range(len(squares))) if is_clear(example))
    photo = Image.fromarray(example.image)
    monkeypatch.chdir(detector)
    photo.save("photo.jpg", format="png")
    blocks = re.findall(r"(?:^    .*\n|^\n)+", page, re.MULTILINE)
    for part in ("metricfit.load", "ai_edge_litert"):
        (program,) = [textwrap.dedent(block) for block in blocks if part in block and "import" in block]
        exec(program, {})
        lines = capsys.readouterr().out.strip().splitlines()
        assert len(lines) == len(example.boxes), part
        for line in lines:
            name, score, box = line.split(maxsplit=2)
            box = np.array(box.strip("[]").split(), float)
            near = np.abs(example.boxes - box).max(axis=1)
            assert near.min() < 4, f"{part}: {line}"
            assert CLASS_NAMES[example.classes[near.argmin()]] == name
            assert float(score) > 0.6
    # Of the last program, which knows nothing of this package: what the predictor gives, whichever way it resizes.
    predict = load_predictor(detector)
    for size in ((203, 151), (37, 51), (131, 43)):
        photo.resize(size).save("photo.jpg", format="png")
        names = {}
        exec(program.replace("score >= thresholds[index]", "score >= 0.01"), names)
        expected = predict("photo.jpg").at(0.01).shown
        lines = [line.split(maxsplit=2) for line in capsys.readouterr().out.replace("\n ", " ").strip().splitlines()]
        assert [float(score) for _, score, _ in lines] == pytest.approx(expected.scores)
        boxes = np.array([box.strip("[]").split() for *_, box in lines], float)
        np.testing.assert_allclose(boxes, expected.boxes, atol=1e-3)
        assert len(boxes)
        np.testing.assert_array_equal(names["pixels"][0], fit_image(np.asarray(photo.resize(size)), SIZE, "pad"))


def test_the_table_shows_what_each_file_is_judged_by(detector, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")  # in which all columns have room
    heading, *rows = files_table(ExportResult(detector, read_card(detector))).splitlines()
    assert "AP diff." in heading
    assert "largest score diff." in heading
    rows = {row.split()[0]: row.split() for row in rows}
    assert "-" not in rows["model_float32.tflite"]
    assert rows["model_int8.tflite"].count("-") == 2, "the largest differences are for float files"


def with_shifted_anchors(content: bytes) -> bytes:
    """A .tflite file whose boxes lie 0.6 pixels beside where they should."""
    model = unpacked(content)
    anchors = square_detector().starts
    changed = 0
    for tensor in model.subgraphs[0].tensors:
        buffer = model.buffers[tensor.buffer]
        if tensor.type == schema.TensorType.FLOAT32 and buffer.data is not None and len(buffer.data) == anchors.nbytes:
            values = np.asarray(buffer.data, np.uint8).view(np.float32)
            buffer.data = (values + 0.6).astype(np.float32).view(np.uint8)
            changed += 1
    assert changed == 1
    return packed(model, len(content))


def without_suppression(content: bytes) -> bytes:
    """A .tflite file that keeps all doubles."""
    model = unpacked(content)
    (graph,) = model.subgraphs
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        if max(code.builtinCode, code.deprecatedBuiltinCode) == schema.BuiltinOperator.NON_MAX_SUPPRESSION_V5:
            # The converter shares constants: the decoding may use the threshold's tensor, too.
            tensor, buffer = copy.copy(graph.tensors[operator.inputs[3]]), schema.BufferT()
            buffer.data = np.array([1.0], np.float32).view(np.uint8)
            model.buffers.append(buffer)
            tensor.buffer = len(model.buffers) - 1
            graph.tensors.append(tensor)
            operator.inputs = [*operator.inputs[:3], len(graph.tensors) - 1, *operator.inputs[4:]]
    return packed(model, len(content))


@pytest.mark.parametrize(
    ("edit", "says"),
    [(with_shifted_anchors, "difference of a box"), (without_suppression, "number of doubled boxes"), (bytes, "")],
)
def test_a_file_that_disagrees_fails_the_export(edit, says, detector, detector_run, tmp_path, monkeypatch):
    def convert(model, folder, variants, pictures=None, *, task):
        for variant in variants:
            (folder / variant.file).write_bytes(edit((detector / variant.file).read_bytes()))
        return {}

    monkeypatch.setattr(tflite_converter, "convert", convert)
    options = {"formats": ("tflite",), "quantize": ("none",), "calibration": "none", "quiet": True}
    if edit is bytes:
        export_run(detector_run, tmp_path / "out", **options)
        return
    with pytest.raises(MetricfitError, match=f"model_float32.tflite does not agree .*{says}"):
        export_run(detector_run, tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


BOXES = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [30, 30, 50, 50], [30.2, 30, 50.2, 50]], np.float32)
SCORES = np.array([[0.9, 0.1], [0.8999, 0.1], [0.2, 0.7], [0.2, 0.6999]], np.float32)


def agreement(*found, reference=((0, 0), (2, 1))):
    """Compare lists of (candidate, class), scores as the candidates have them, under a limit of 100 detections."""

    def picked(chosen):
        index, kind = (np.array(part, int) for part in zip(*chosen))
        return BOXES[index], SCORES[index, kind], kind

    measured = BoxAgreement()
    measured.update((BOXES, SCORES), picked(reference), picked(found), limit=100)
    return measured


def test_either_of_two_equally_good_boxes_is_right():
    same, other = agreement((0, 0), (2, 1)), agreement((1, 0), (3, 1))
    for measured in (same, other):
        assert (measured.score, measured.box, measured.missing, measured.doubled) == (0, 0, 0, 0)
    assert np.mean(same.boxes) == 0
    assert np.mean(other.boxes) == pytest.approx(0.3)


def test_missing_doubled_moved_and_renamed_boxes_are_noticed():
    assert agreement((0, 0), (3, 1), (2, 1)).doubled == 1
    assert agreement((0, 0)).missing == 1
    assert agreement((0, 0), (2, 0)).missing == 1, "another class is another object"
    measured = BoxAgreement()
    moved = (BOXES[[0]] + np.float32([0, 0, 0, 2]), SCORES[[0], 0], np.array([0]))
    measured.update((BOXES, SCORES), (BOXES[[0]], SCORES[[0], 0], np.array([0])), moved, limit=100)
    assert (measured.box, measured.missing) == (2, 0)
    measured = BoxAgreement()
    surer = (BOXES[[0]], SCORES[[0], 0] + np.float32(0.05), np.array([0]))
    measured.update((BOXES, SCORES), (BOXES[[0]], SCORES[[0], 0], np.array([0])), surer, limit=100)
    assert measured.score == pytest.approx(0.05, abs=1e-4)
    measured = BoxAgreement()
    near = (BOXES[[0]], SCORES[[1], 0], np.array([0]))
    measured.update((BOXES, SCORES), (BOXES[[0]], SCORES[[0], 0], np.array([0])), near, limit=100)
    assert measured.box == 0, "a candidate elsewhere that has this very score is not the one meant"
    assert measured.score == pytest.approx(1e-4, abs=1e-6)


def test_what_the_limit_cuts_off_is_not_missed():
    measured = BoxAgreement()
    both = (BOXES[[0, 2]], np.float32([0.9, 0.7]), np.array([0, 1]))
    measured.update((BOXES, SCORES), both, (BOXES[[0]], np.float32([0.9]), np.array([0])), limit=1)
    assert measured.missing == 0


def test_files_that_do_not_fit_are_not_joined(detector):
    content = (detector / "model_float32.tflite").read_bytes()
    with pytest.raises(MetricfitError, match=r"gives \[b'boxes'.* takes \[b'image'\]"):
        join(content, {"serving_default": content})


def test_a_detector_runs_without_tensorflow(detector):
    code = (
        "import sys, numpy as np; from metricfit.export import load_runner; "
        "from metricfit.app.predictor import Predictor; "
        f"p = Predictor(load_runner({str(detector)!r})); p(np.zeros((40, 50, 3), np.uint8)); "
        "print(p.runner.kind, 'tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["tflite", "False"]


def test_predict_writes_what_coco_s_tools_measure_like_the_card(detector, squares, tmp_path):
    held_out = range(9, 30, 10)
    for index in held_out:
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.fromarray(squares.load(index).image).save(tmp_path / "in" / squares.names[index])
    options = PredictOptions(model=str(detector), inputs=(str(tmp_path / "in"),), out=tmp_path / "out", quiet=True)
    results = predict(options)
    found = json.loads((tmp_path / "out/detections.json").read_text())
    truth = {"images": found["images"], "categories": found["categories"], "annotations": []}
    for number, index in enumerate(held_out, 1):
        example = squares.load(index)
        assert found["images"][number - 1]["file_name"].endswith(squares.names[index])
        for box, kind in zip(example.boxes, example.classes):
            x0, y0, x1, y1 = map(float, box)
            entry = {
                "id": len(truth["annotations"]) + 1,
                "image_id": number,
                "category_id": int(kind) + 1,
                "iscrowd": 0,
            }
            truth["annotations"].append(entry | {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)})
        shown = results["pictures"][number - 1]["objects"]
        assert len(shown) == len(example.boxes)
    assert [category["name"] for category in found["categories"]] == list(CLASS_NAMES)
    for name, content in (("truth", truth), ("found", found["annotations"])):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    COCO(str(tmp_path / "out/detections.json"))
    coco = COCO(str(tmp_path / "truth.json"))
    judge = COCOeval(coco, coco.loadRes(str(tmp_path / "found.json")), "bbox")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    assert judge.stats[0] == pytest.approx(read_card(detector).files["model_int8.tflite"]["metrics"]["ap"], abs=1e-3)
    assert set(results["thresholds"]) == set(CLASS_NAMES)


def test_the_predictor_keeps_the_shape_of_pictures(detector, squares):
    predict = Predictor(load_runner(detector / "model_float32.tflite"))
    for index in range(8):
        example = squares.load(index)
        found = predict(example.image).above(np.array([0.6, 0.6]))
        assert sorted(found.classes.tolist()) == sorted(example.classes.tolist())
        wanted = example.boxes[np.lexsort(example.boxes.T)]
        boxes = found.boxes[np.lexsort(np.rint(found.boxes).T)]
        scale = max(example.image.shape[:2]) / SIZE
        np.testing.assert_allclose(boxes, wanted, atol=1.5 * scale)
        assert [found.name(kind) for kind in found.classes] == [CLASS_NAMES[kind] for kind in found.classes]


def test_loading_tells_the_tasks_apart(detector_run, run_folder):
    assert load_keras(detector_run / "model.keras")[1].name == "detection"
    assert load_keras(run_folder / "model.keras")[1].name == "saliency"
    assert load_runner(run_folder).task == "saliency"


def test_the_documented_program_runs(detector, squares, tmp_path, monkeypatch, capsys):
    document = (Path(__file__).parents[2] / "docs/deploying.md").read_text()
    (program,) = [
        block for block in re.findall(r"(?:^    .*\n|^\n)+", document, re.MULTILINE) if "thresholds[" in block
    ]
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports/cells").symlink_to(detector)
    example = squares.load(2)
    Image.fromarray(example.image).save(tmp_path / "photo.jpg", format="png")
    monkeypatch.chdir(tmp_path)
    exec(textwrap.dedent(program).replace("score >= thresholds[index]", "score >= 0.6"), {})
    (line,) = capsys.readouterr().out.splitlines()
    (kind,), (box,) = example.classes, example.boxes
    assert line.startswith(f"{CLASS_NAMES[kind]} 0.")
    np.testing.assert_allclose(np.array(line.split("[")[1].strip("]").split(), int), box, atol=2)


@pytest.mark.parametrize(("found", "passes"), [(0.5, True), (0.9, True), (0.495, True), (0.485, False)])
def test_8_bit_files_may_be_better_than_the_model_and_hardly_worse(found, passes):
    measured, nothing = agreement((0, 0), (2, 1)), (BOXES[:0], SCORES[:0, 0], np.zeros(0, int))
    measured.update((BOXES, SCORES), nothing, nothing, limit=9)
    metrics = {"ap": found - 0.5}
    counts = draws(2, count=50)
    limits = measured.limits(VARIANTS["int8"], metrics, Resampled([counts], {"ap": np.full(50, found - 0.5)}))
    verdict = judged("model_int8.tflite", VARIANTS["int8"], limits)
    said = re.search(r"loss of AP .* must be at most 0\.01, got 0\.015", verdict.refusal)
    assert verdict.refusal == "" if passes else said


@pytest.mark.parametrize(("hit", "refused", "warned"), [(0, False, False), (1, False, True), (13, True, False)])
def test_a_loss_on_one_picture_may_be_chance_and_one_on_all_is_not(hit, refused, warned):
    """Of 13 pictures with two boxes each, the file misses one box in so many."""
    judges = [BoxJudge(("cell",), by_picture=True) for _ in range(2)]
    measured = BoxAgreement()
    true = BOXES[[0, 2]]
    for picture in range(13):
        example = Example(np.zeros((60, 60, 3), np.uint8), boxes=true, classes=np.zeros(2, int), name=f"{picture}")
        for judge, boxes in zip(judges, (true, true[:1] if picture < hit else true)):
            scores = 0.9 - 0.01 * picture - 0.001 * np.arange(len(boxes))
            judge.update(example, Found(boxes, scores, np.zeros(len(boxes), int)))
        measured.update((BOXES, SCORES), *[(true[:1], SCORES[:1, 0], np.zeros(1, int))] * 2, limit=100)
    reports = [judge.result().scalars for judge in judges]
    of_keras, of_file = (Measured(scalars, {}, measured, judge) for scalars, judge in zip(reports, judges))
    verdict = check(get_task("detection"), "model_int8.tflite", VARIANTS["int8"], of_keras, of_file)
    assert verdict.differences["ap_difference"] == pytest.approx(reports[1]["ap"] - reports[0]["ap"])
    assert (verdict.refusal != "", verdict.warnings != []) == (refused, warned)
    assert check(get_task("detection"), "model_int8.tflite", VARIANTS["int8"], of_keras, of_file) == verdict
