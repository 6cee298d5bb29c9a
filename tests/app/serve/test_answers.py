"""What the server answers is what the predictor gives; whatever is at fault is said in one sentence."""

import asyncio
import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from metricfit.app.predictor import Predictor
from metricfit.app.serve.work.pictures import FORMATS

from ..fakes import BrightnessRunner, disc
from .clients import RUNNERS, ask, asked, encoded, form, service_of

PICTURE = encoded()


def pixels(body: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(body)))


@pytest.mark.parametrize("task", RUNNERS)
def test_json_is_what_the_result_gives(task):
    reply = ask(service_of(task), body=PICTURE)
    found = Predictor(RUNNERS[task]())(disc())
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    said = reply.json
    assert said.pop("threshold") == found.threshold.value
    assert said.pop("repaired") == []
    assert said == json.loads(json.dumps(found.to_dict()))
    at = ask(service_of(task), body=PICTURE, query="threshold=0.95").json
    assert at["threshold"] == 0.95
    assert at["objects"] == json.loads(json.dumps(found.at(0.95).to_dict()))["objects"]


@pytest.mark.parametrize("task", RUNNERS)
def test_every_view_is_what_the_result_draws(task):
    service, found = service_of(task), Predictor(RUNNERS[task]())(disc())
    for view in found.views:
        reply = ask(service, body=PICTURE, query=f"output=overlay&view={view}&format=png&objects=true")
        assert reply.headers["content-type"] == "image/png"
        assert reply.body == found.encode(".png", view, objects=True), view
    reply = ask(service, body=PICTURE, query="output=overlay")
    assert (reply.headers["content-type"], reply.body) == ("image/jpeg", found.encode(".jpg"))


def test_masks_keep_their_values():
    found = Predictor(RUNNERS["saliency"]())(disc())
    reply = ask(service_of("saliency"), body=PICTURE, query="output=mask")
    np.testing.assert_array_equal(pixels(reply.body), found.mask)
    reply = ask(service_of("segmentation"), body=PICTURE, query="output=mask&threshold=0.97")
    labels = pixels(reply.body)
    assert set(np.unique(labels)) == {1, 255}
    assert Image.open(io.BytesIO(reply.body)).mode == "P"
    reply = ask(service_of("detection"), body=PICTURE, query="output=mask")
    assert reply.status == 400
    assert "boxes and no mask" in reply.json["error"]


def test_a_cut_out_is_transparent_also_where_the_picture_was():
    picture = np.dstack([disc(), np.full((120, 160), 255, np.uint8)])
    picture[:, 80:, 3] = 0
    reply = ask(service_of(), body=encoded(picture), query="output=overlay&view=cutout")
    assert reply.headers["content-type"] == "image/png"
    assert pixels(reply.body)[60, 60:100:39, 3].tolist() == [255, 0]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("image/png", "image/png"),
        ("image/jpeg, image/png;q=0.5", "image/jpeg"),
        ("image/png;q=0.5, application/json;q=0.9", "application/json"),
        ("image/*", "image/jpeg"),
        ("text/html, image/png;q=0", "refused"),
        ("text/csv", "refused"),
    ],
)
def test_the_output_follows_what_is_accepted(accept, kind):
    reply = ask(service_of(), body=PICTURE, headers={"accept": accept})
    if kind == "refused":
        assert reply.status == 406
        assert "expected an Accept header" in reply.json["error"]
    else:
        assert (reply.status, reply.headers["content-type"]) == (200, kind)
        assert reply.headers["vary"] == "accept"


def test_the_query_goes_before_what_is_accepted():
    reply = ask(service_of(), body=PICTURE, query="output=json", headers={"accept": "image/png"})
    assert reply.headers["content-type"] == "application/json"


def test_json_holds_the_drawing_where_asked():
    said = ask(service_of(), body=PICTURE, query="embed=true&view=blur").json
    head, _, data = said["overlay"].partition(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(data) == Predictor(BrightnessRunner())(disc()).encode(".jpg", "blur")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("output=svg", "expected output=json|mask|overlay, got 'svg'"),
        ("threshold=1.5", "expected a threshold from 0 to 1, got '1.5'"),
        ("threshold=nan", "expected a threshold from 0 to 1, got 'nan'"),
        ("threshold=half", "expected a threshold from 0 to 1"),
        ("threshold=", "expected a threshold from 0 to 1"),
        ("view=boxes", "expected view=overlay|cutout|blur|map, got 'boxes'"),
        ("format=gif", "expected format=png or jpeg"),
        ("objects=perhaps", "expected objects=true or false"),
        ("thresold=0.5", "did you mean threshold?"),
        ("zzz=1", "there are output, threshold"),
        ("threshold=0.1&threshold=0.2", "given twice"),
        ("output=mask&view=blur", "a mask is a PNG"),
        ("output=mask&format=jpeg", "a mask is a PNG"),
        ("output=overlay&embed=true", "embed puts the overlay into JSON"),
    ],
)
def test_wrong_parameters_are_refused_before_anything_is_read(query, said):
    reply = ask(service_of(), query=query, body=PICTURE)
    assert reply.status == 400
    assert said in reply.json["error"]
    assert set(reply.json) == {"error"}


def test_forms_bring_the_picture_and_parameters():
    body, headers = form(("threshold", None, b"0.9"), ("anything", "../../etc/passwd", PICTURE))
    reply = ask(service_of(), body=body, headers=headers)
    assert (reply.status, reply.json["threshold"]) == (200, 0.9)
    for size in (1, 7, 1000):
        chunks = [body[start : start + size] for start in range(0, len(body), size)]
        assert ask(service_of(), chunks=chunks, headers=headers).json == reply.json


@pytest.mark.parametrize(
    ("parts", "status", "said"),
    [
        ([("a", "a.png", PICTURE), ("b", "b.png", PICTURE)], 400, "several files"),
        ([("threshold", None, b"0.5")], 422, "got none"),
        ([("picture", None, PICTURE)], 400, "a picture must be a file"),
        ([("a", "a.png", b"")], 422, "got none"),
        ([("thresold", None, b"1"), ("a", "a.png", PICTURE)], 400, "did you mean threshold?"),
        ([(f"f{number}", None, b"1") for number in range(30)], 400, "more than 20 fields"),
    ],
)
def test_forms_at_fault(parts, status, said):
    body, headers = form(*parts)
    reply = ask(service_of(), body=body, headers=headers)
    assert reply.status == status
    assert said in reply.json["error"]


def test_forms_that_are_none():
    body, headers = form(("a", "a.png", PICTURE))
    service = service_of()
    assert ask(service, body=body[:-9], headers=headers).status == 400
    assert ask(service, body=b"nonsense", headers=headers).status == 400
    assert ask(service, body=body, headers={"content-type": "multipart/form-data"}).status == 400
    assert ask(service, body=body, headers={"content-type": f"multipart/form-data; boundary={'x' * 999}"}).status == 400


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "got none"),
        (b"no picture at all", "reads: send JPEG"),
        (b"<!doctype html><html></html>", "a web page"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "a drawing, EPS"),
        (PICTURE[:60], "cannot be read"),
        (encoded(kind="JPEG")[:900], "cannot be read"),
        (encoded(np.random.default_rng(0).integers(0, 256, (99, 99, 3), np.uint8))[:9000], "cannot be read"),
    ],
)
def test_broken_pictures_are_the_client_s_fault(body, said, caplog):
    reply = ask(service_of(), body=body)
    assert reply.status == 422
    assert said in reply.json["error"]
    assert "0x" not in reply.json["error"], "no address of an object"
    assert "/" not in reply.json["error"].replace("image/", ""), "no path"


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "DIB"])
def test_kinds_of_pictures(kind):
    assert ask(service_of(), body=encoded(kind=kind)).status == 200


def test_kinds_that_would_run_programs_are_not_opened():
    for kind in ("EPS", "PCX", "TGA", "ICO", "SGI", "PDF"):
        assert ask(service_of(), body=encoded(disc(64, 64, 32, 20), kind=kind)).status == 422, kind


def test_what_was_mended_is_said():
    frames = [Image.fromarray(disc()), Image.fromarray(255 - disc())]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    assert ask(service_of(), body=file.getvalue()).json["repaired"] == ["file of several pictures, the first one taken"]
    reply = ask(service_of(), body=file.getvalue(), query="output=mask")
    assert reply.headers["x-repaired"] == "file of several pictures, the first one taken"


def test_pictures_are_turned_as_their_exif_says():
    exif = Image.Exif()
    exif[0x0112] = 6
    said = ask(service_of(), body=encoded(kind="JPEG", exif=exif)).json
    assert (said["width"], said["height"]) == (120, 160)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (2, 65500)])
@pytest.mark.parametrize("task", RUNNERS)
def test_pictures_of_odd_shapes(shape, task):
    body = encoded(np.full((*shape, 3), 250, np.uint8))
    service = service_of(task)
    assert ask(service, body=body).status == 200
    for view in service.predictor.task.result.views:
        reply = ask(service, body=body, query=f"output=overlay&view={view}&objects=1&format=png")
        assert reply.status == 200
        assert pixels(reply.body).shape[:2] == shape
    assert ask(service, body=body, query="output=overlay").status == 200


class Failing(BrightnessRunner):
    """Fails on dark pictures, says no numbers of grey ones, and is told how many come at a time."""

    def __init__(self):
        super().__init__()
        self.sizes, self.ready = [], False

    def __call__(self, images):
        found = super().__call__(images)
        if self.ready:
            self.sizes.append(len(images))
            if (images.max(axis=(1, 2, 3)) < 50).any():
                raise RuntimeError("dark: /secret/path")
            found[(images.max(axis=(1, 2, 3)) < 150)] = np.nan
        return found


def test_a_picture_on_which_the_model_fails_fails_alone(caplog):
    runner = Failing()
    service = service_of(runner=runner, batch=8, batch_seconds=0.2)
    runner.ready = True
    dark, grey = (encoded(np.full((64, 64, 3), value, np.uint8)) for value in (10, 120))

    async def together():
        bodies = [PICTURE, dark, PICTURE, grey, PICTURE]
        return await asyncio.gather(*(asked(service, body=body) for body in bodies))

    replies = asyncio.run(together())
    assert [reply.status for reply in replies] == [200, 500, 200, 500, 200]
    assert replies[0].json == replies[2].json == ask(service_of(), body=PICTURE).json
    for reply in (replies[1], replies[3]):
        assert reply.json["error"].startswith("the model failed on this picture (")
        assert "secret" not in reply.json["error"]
    assert runner.sizes[0] == 5, "they came together"
    assert "dark: /secret/path" in caplog.text, "the log says why"


def test_places_and_methods_that_there_are_not():
    service = service_of()
    reply = ask(service, "/nowhere", method="GET")
    assert reply.status == 404
    assert "POST /predict" in reply.json["error"]
    reply = ask(service, "/predict", method="GET")
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert ask(service, "/health", method="POST", body=b"x" * 99).status == 405
    assert ask(service, "/../../etc/passwd", method="GET").status == 404
    assert ask(service, "/predict/", body=PICTURE).status == 404


@pytest.mark.parametrize("task", RUNNERS)
def test_the_model_is_described(task):
    said = ask(service_of(task, name="mine", rate=3.0), "/model", method="GET").json
    assert (said["name"], said["task"], said["input_size"]) == ("mine", task, 64)
    assert said["views"] == dict(Predictor(RUNNERS[task]()).task.result.titles)
    assert ("mask" in said["outputs"]) == (task != "detection")
    assert said["threshold_explained"] == Predictor(RUNNERS[task]()).threshold.explained != ""
    assert said["limits"]["requests_a_second"] == 3.0


def test_health_and_metrics():
    service = service_of(name="mine")
    assert ask(service, "/health", method="GET").json == {"status": "ready"}
    ask(service, body=PICTURE)
    ask(service, body=b"nonsense")
    ask(service, "/../a\nsecret", method="GET")
    text = ask(service, "/metrics", method="GET").body.decode()
    for line in (
        'metricfit_requests_total{path="/predict",status="200"} 1.0',
        'metricfit_requests_total{path="/predict",status="422"} 1.0',
        'metricfit_requests_total{path="other",status="404"} 1.0',
        "metricfit_batch_size_count 1.0",
        "metricfit_queue_length 0.0",
        "metricfit_in_flight 1.0",  # this very request
        "metricfit_draining 0.0",
        'metricfit_model_info{name="mine",task="saliency"} 1.0',
        'metricfit_request_seconds_count{path="/predict"} 2.0',
    ):
        assert line in text
    assert "secret" not in text
    service.state.draining = True
    reply = ask(service, "/health", method="GET")
    assert (reply.status, reply.json) == (503, {"status": "draining"})


def test_nothing_may_be_read_by_other_pages_or_kept():
    for reply in (ask(service_of(), body=PICTURE), ask(service_of(), body=b"x"), ask(service_of(), "/", method="GET")):
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cross-origin-resource-policy"] == "same-origin"
        assert not [name for name in reply.headers if name.startswith("access-control")]
