"""Exports of a tiny detector of two stages: one file with both inside, each of which agrees with that of Keras."""

import copy
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from metricfit.app import cli
from metricfit.export import export_run, load_runner, read_card
from metricfit.export.candidates import Candidates
from metricfit.export.formats import float16, tflite_converter
from metricfit.export.formats.functions import write_stages
from metricfit.export.formats.tflite import VARIANTS, TFLite
from metricfit.export.formats.tflite_graphs import chain, join, packed, unpacked, without_signature
from metricfit.export.parity.agreement import Resampled, judged
from metricfit.export.parity.comparison import check, compare
from metricfit.export.signatures import IMAGE, PROPOSALS, SIGNATURE, Stages
from metricfit.export.tasks import get_task
from metricfit.trainers.data.fit import fit_image
from metricfit.trainers.errors import MetricfitError
from metricfit.trainers.geometry import box_iou
from metricfit.trainers.models.detector.two_stage.proposals import PROPOSAL_IOU, candidate_count

from .conftest import converting_here, networks_alone
from .small_detector import SIZE, make_detector_run
from .small_two_stages import PROPOSALS as COUNT
from .small_two_stages import square_two_stages

FILES = {"none": "model_float32.tflite", "float16": "model_float16.tflite", "int8": "model_int8.tflite"}
TASK = get_task("detection")
pytestmark = pytest.mark.filterwarnings(r"ignore:\s*Warning. tf.lite.Interpreter is deprecated")  # TensorFlow's own use
NOTHING = Resampled((), {})


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory, squares):
    return make_detector_run(tmp_path_factory.mktemp("two-stages") / "run", square_two_stages())


@pytest.fixture(scope="module")
def exported(run_folder, tmp_path_factory):
    """An export, and the float32 file as it was compared, with what it proposes."""
    folder = tmp_path_factory.mktemp("two-stages")
    convert = tflite_converter.convert

    def kept(model, into, *arguments, **options):
        refused = convert(model, into, *arguments, **options)
        shutil.copy(into / FILES["none"], folder / "compared.tflite")
        return refused

    with pytest.MonkeyPatch.context() as patch, networks_alone(), converting_here():
        patch.setattr(tflite_converter, "convert", kept)
        export_run(run_folder, folder / "out", quantize=tuple(FILES), test=("squares:other",), quiet=True)
    return folder


@pytest.fixture(scope="module")
def keras(run_folder):
    return load_runner(run_folder)


@pytest.fixture(scope="module")
def between(keras):
    return TASK.candidates(keras.model)


@pytest.fixture(scope="module")
def pictures(squares):
    return np.stack([fit_image(squares.load(index).image, SIZE, "pad") for index in (9, 19, 29)])


def test_every_file_agrees_and_is_of_built_in_operators(exported):
    card = read_card(exported / "out")
    assert card.refused == {}
    assert set(card.files) == {"saved_model", *FILES.values()}
    for name, entry in card.files.items():
        assert [output["name"] for output in entry["outputs"]] == ["boxes", "scores", "classes", "count"]
        assert entry["calibration"]["method"] == "isotonic"
        assert entry["tests"]["squares:other"]["images"] == 30, "measured once what it proposes was taken out"
        if name == FILES["int8"]:
            assert set(entry["intervals"]) == {"mean difference of a score", "loss of AP"}
        else:
            assert entry["parity"]["largest_score_difference"] < 1e-5
            assert entry["parity"]["largest_box_difference"] < 1e-3
    for name in FILES.values():
        operators = card.files[name]["operators"]
        assert operators["NON_MAX_SUPPRESSION_V5"] == 2, "that of proposals and that of boxes"
        assert not {"WHILE", "IF", "CALL"} & set(operators)
        assert not [one for one in operators if one.startswith(("CUSTOM", "FLEX"))]
    (signature,) = card.files["saved_model"]["signatures"].items()
    assert signature[0] == PROPOSALS
    shapes = {one["name"]: one["shape"] for one in signature[1]["outputs"]}
    assert shapes == {"proposals": [None, COUNT, 4], "objectness": [None, COUNT], "proposal_count": [None]}


def kinds_of(path):
    """Names of the operators of a .tflite file with one graph, each with the types of its inputs."""
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
    types = {code: name for name, code in vars(schema.TensorType).items() if isinstance(code, int)}
    model = unpacked(path.read_bytes())
    (graph,) = model.subgraphs
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        name = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        yield name, {types[graph.tensors[index].type] for index in operator.inputs if index >= 0}


def test_both_networks_are_of_8_bits_and_what_lies_between_is_not(exported):
    found = {}
    for name, types in kinds_of(exported / "out" / FILES["int8"]):
        found.setdefault(name, set()).update(types)
    for name in ("CONV_2D", "FULLY_CONNECTED"):
        assert "INT8" in found[name]
        assert "FLOAT32" not in found[name]
    for name in ("BATCH_MATMUL", "NON_MAX_SUPPRESSION_V5", "TOPK_V2", "EXP", "LOGISTIC"):
        assert "INT8" not in found[name]


def test_files_find_what_the_keras_model_makes_of_their_proposals(exported, between, pictures):
    for runner in (load_runner(exported / "out" / "saved_model"), TFLite().open(exported / "compared.tflite")):
        found, proposals = runner(pictures), runner.outputs(pictures, PROPOSALS)["proposals"]
        expected = between(pictures).at(proposals)[1]
        assert (expected[1][:, 0] > 0.8).all(), "there is something to find"
        before = runner.fitted.calibration.undone(found[1], found[2]) if runner.fitted else found[1]
        np.testing.assert_allclose(-np.sort(-before, axis=1), expected[1], atol=1e-4)
        for ours, alone in zip(found, runner(pictures[:1])):
            np.testing.assert_allclose(ours[:1], alone, atol=1e-4)
    interpreter = Interpreter(str(exported / "out" / FILES["none"]))
    assert list(interpreter.get_signature_list()) == [SIGNATURE]


def test_what_is_proposed_stays_in_the_saved_model(exported, between, pictures):
    expected = between(pictures).proposed
    found = load_runner(exported / "out" / "saved_model").outputs(pictures, PROPOSALS)
    assert set(found) == set(expected)
    assert (expected["objectness"][:, 0] > 0.9).all()
    # In another order where they are equally sure.
    np.testing.assert_allclose(found["objectness"], expected["objectness"], atol=1e-4)


def test_a_model_that_is_cut_gives_what_the_whole_one_gives():
    size = 224  # regions are read on two levels
    model = square_two_stages(size, exclusive=True)
    image = np.random.default_rng(3).integers(0, 256, (2, size, size, 3)).astype(np.float32)
    whole, parts = TASK.whole(model).serve(image), TASK.stages(model).serve(image)
    assert set(whole) == set(parts)
    assert whole["count"].numpy().min() > 10
    for name in ("scores", "count"):
        np.testing.assert_allclose(parts[name], whole[name], rtol=1e-5, atol=1e-6)


def chosen_backwards(boxes, scores):
    """Proposals of one picture, of which of several equal ones the last comes first."""
    order = np.lexsort((-np.arange(len(scores)), -np.round(scores, 4)))[: candidate_count(COUNT, len(scores))]
    kept = []
    for index in order:
        has_area = (boxes[index, 2:] > boxes[index, :2]).all()
        if has_area and not (box_iou(boxes[kept], boxes[[index]]) > PROPOSAL_IOU).any() and len(kept) < COUNT:
            kept.append(index)
    chosen, surest = np.zeros((COUNT, 4), np.float32), np.zeros(COUNT, np.float32)
    chosen[: len(kept)], surest[: len(kept)] = boxes[kept], scores[kept]
    return chosen, surest, len(kept)


def test_a_file_may_keep_others_of_equal_proposals_and_nothing_else(keras, between, pictures):
    between = between(pictures)
    parts = zip(*(chosen_backwards(*one) for one in zip(between.first[0], between.first[1][..., 0])))
    chosen = dict(zip(("proposals", "objectness", "proposal_count"), map(np.array, parts)))
    assert np.abs(chosen["proposals"] - between.proposed["proposals"]).max() > 1, "others were kept"
    _, found = between.at(chosen["proposals"])
    expected = between.at(between.proposed["proposals"])[1]

    def refusal(found, chosen):
        agreement = TASK.agreement(keras.model, VARIANTS["none"])
        agreement.add(expected, found, between, chosen)
        return judged("a file", VARIANTS["none"], agreement.limits(VARIANTS["none"], {}, NOTHING)).refusal

    assert refusal(found, chosen) == ""
    moved = {**chosen, "proposals": chosen["proposals"] + np.float32([0, 0, 1, 0])}
    assert "difference of a box in pixels among proposals" in refusal(found, moved)
    surer = {**chosen, "objectness": np.where(chosen["objectness"] > 0, chosen["objectness"] + 0.01, 0)}
    assert "difference of a score among proposals" in refusal(found, surer)
    fewer = {name: part - 1 if part.ndim == 1 else np.roll(part, -1, axis=1) for name, part in chosen.items()}
    assert "number of missing boxes among proposals" in refusal(found, fewer)
    assert "difference of a score on" in refusal((found[0], found[1] + 0.01, *found[2:]), chosen)


def operators_of(model, name):
    """The operators of one name in a file's graphs, in their order."""
    code = getattr(schema.BuiltinOperator, name)
    kinds = [max(one.builtinCode, one.deprecatedBuiltinCode) for one in model.operatorCodes]
    return [(graph, one) for graph in model.subgraphs for one in graph.operators if kinds[one.opcodeIndex] == code]


def with_constant(model, graph, operator, place, change):
    """Let one input of an operator be another constant; others may share the old one."""
    tensor, buffer = copy.copy(graph.tensors[operator.inputs[place]]), schema.BufferT()
    values = np.asarray(model.buffers[tensor.buffer].data, np.uint8).view(np.float32)
    buffer.data = change(values).astype(np.float32).view(np.uint8)
    model.buffers.append(buffer)
    tensor.buffer = len(model.buffers) - 1
    graph.tensors.append(tensor)
    operator.inputs = [*operator.inputs[:place], len(graph.tensors) - 1, *operator.inputs[place + 1 :]]


def without_suppression(model):
    """Propose all doubles."""
    for graph, operator in operators_of(model, "NON_MAX_SUPPRESSION_V5"):
        with_constant(model, graph, operator, 3, lambda values: np.where(values == np.float32(PROPOSAL_IOU), 1, values))


def with_other_head(model):
    """Have the second stage take a little more of what it sees."""
    for graph, operator in operators_of(model, "FULLY_CONNECTED"):
        if graph.tensors[operator.inputs[1]].shape[1] == 49 * 4:
            with_constant(model, graph, operator, 1, lambda values: values * 1.01)


def with_other_bins(model):
    """Read regions a little further right and down."""
    shares = (np.arange(14, dtype=np.float32) + 0.5) / 14
    for buffer in model.buffers:
        if buffer.data is not None and len(buffer.data) == 4 * len(shares):
            values = np.asarray(buffer.data, np.uint8).view(np.float32)
            if np.allclose(values, shares):
                buffer.data = (values + np.float32(0.02)).view(np.uint8)


def with_other_first_stage(model):
    """Be a little surer of all anchors."""
    for graph, operator in operators_of(model, "CONV_2D"):
        if list(graph.tensors[operator.inputs[1]].shape) == [3, 3, 3, 4]:
            with_constant(model, graph, operator, 2, lambda values: values + 0.02)


@pytest.fixture(scope="module")
def verdict_on(exported, keras, between, squares):
    """From a file's content to what its comparison with the Keras model says."""

    def verdict(content):
        files = Candidates(exported, ("tflite",), ("none",), strict=False)
        path = exported / FILES["none"]
        path.write_bytes(content)
        files.runners = {path.name: TFLite().open(path)}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(TASK), "candidates", lambda *_: between)
            expected, found = compare(TASK, keras, files, squares, {}, quiet=True, by_picture=True)
        return check(TASK, path.name, VARIANTS["none"], expected, found[path.name]).refusal

    return verdict


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda model: None, ""),
        (without_suppression, "number of doubled boxes among proposals"),
        (with_other_first_stage, "difference of a score among proposals"),
        (with_other_head, "difference of a score on"),
        (with_other_bins, "difference of a score on"),
    ],
)
def test_a_file_with_a_stage_that_disagrees_is_refused(change, says, exported, verdict_on):
    model = unpacked((exported / "compared.tflite").read_bytes())
    change(model)
    refusal = verdict_on(packed(model, 1 << 17))
    assert says in refusal
    assert bool(refusal) == bool(says)


def test_files_get_smaller_without_their_proposals(exported):
    compared = (exported / "compared.tflite").read_bytes()
    lighter = without_signature(compared, PROPOSALS)
    assert without_signature(lighter, PROPOSALS) is lighter
    assert len(unpacked(compared).subgraphs) == 2
    assert len(unpacked(lighter).subgraphs) == 1
    assert 4 * len(lighter) < 3 * len(compared)


def test_weights_are_halved_by_what_the_same_proposals_score():
    def found(order, scores, objectness=0.0):
        places = np.float32([[0, 0, 10, 10], [20, 20, 40, 40], [5, 0, 15, 10]])[order]
        logits = np.float32(scores)[order].reshape(1, -1, 1)
        return {"references": places[None], "logits": logits, "objectness": np.full((1, 9, 1), objectness, np.float32)}

    whole = found([0, 1], [4, -4, 0])
    assert float16._difference(whole, found([1, 0], [4, -4, 0])) == 0, "they may change places"
    assert float16._difference(whole, found([2, 1], [4, -4, 0])) == 0, "one may be another one"
    assert float16._difference(whole, found([1, 0], [4.01, -4, 0])) == pytest.approx(1.8e-4, rel=0.1)
    assert float16._difference(whole, found([1, 0], [4, -4, 0], 0.01)) == pytest.approx(2.5e-3, rel=0.1)


def test_what_a_graph_is_not_given_cannot_follow_it(exported):
    content = (exported / "out" / FILES["none"]).read_bytes()
    with pytest.raises(MetricfitError, match=r"gives \[b'boxes'.* takes \[b'image'\]"):
        chain(content, content)
    with pytest.raises(MetricfitError, match="one graph and one signature"):
        chain((exported / "compared.tflite").read_bytes(), content)


def test_a_file_that_changes_as_its_proposals_go_is_refused(exported, squares, monkeypatch):
    files = Candidates(exported, ("tflite",), ("none",), strict=False)
    path = exported / FILES["none"]
    shutil.copy(exported / "compared.tflite", path)
    files.runners = {path.name: TFLite().open(path)}

    def lighten(self, path):
        model = unpacked(path.read_bytes())
        with_other_head(model)
        path.write_bytes(packed(model, 1 << 17))
        return True

    monkeypatch.setattr(TFLite, "lighten", lighten)
    files._lighten(path.name, squares)
    assert "finds other things without its proposals" in files.refused[path.name]


def test_verbs_take_the_files(exported, squares, tmp_path, capsys):
    from PIL import Image

    (tmp_path / "in").mkdir()
    for index in (9, 12):
        Image.fromarray(squares.load(index).image).save(tmp_path / "in" / squares.names[index])
    for name in ("", FILES["none"]):
        model = str(exported / "out" / name)
        words = ["predict", model, str(tmp_path / "in"), "--out", str(tmp_path / f"p{name}")]
        assert cli.main([*words, "--quiet", *(["--tiles", "2"] if name else [])]) == 0
        found = json.loads((tmp_path / f"p{name}" / "detections.json").read_text())
        assert len(found["annotations"]) > 2
    words = ["evaluate", str(exported / "out"), "--data", "squares:other", "--out", str(tmp_path / "report"), "--quiet"]
    assert cli.main(words) == 0
    scalars = json.loads((tmp_path / "report" / "metrics.json").read_text())["scalars"]
    assert scalars["ap50"] == pytest.approx(
        read_card(exported / "out").files[FILES["int8"]]["metrics"]["ap50"], abs=0.2
    )
    capsys.readouterr()


def test_loops_find_their_graphs_once_a_signature_before_them_is_gone(tmp_path):
    def body(image):
        return {"doubled": 2 * image, "more": image + 1}

    def serve(doubled):
        return {"found": tf.while_loop(lambda one: tf.reduce_sum(one) < 100, lambda one: one * 3, [doubled])[0]}

    links = write_stages(Stages(body), tmp_path / "body", {IMAGE: tf.TensorSpec((2,), tf.float32)})
    tails = {SIGNATURE: (serve, "doubled"), PROPOSALS: (lambda more: {"proposals": more + 1}, "more")}
    for name, (tail, taken) in tails.items():
        write_stages(Stages(tail), tmp_path / name, {taken: links[taken]})
    whole, *parts = (tflite_converter._converter(tmp_path / name).convert() for name in ("body", *tails))
    joined = join(whole, dict(zip(tails, parts)))
    given = np.float32([1, 2])
    assert Interpreter(model_content=joined).get_signature_runner(PROPOSALS)(image=given)["proposals"].tolist() == [
        3,
        4,
    ]
    for content in (joined, without_signature(joined, PROPOSALS)):
        found = Interpreter(model_content=content).get_signature_runner(SIGNATURE)(image=given)["found"]
        assert found.tolist() == [54, 108]
    assert len(unpacked(content).subgraphs) == 3
