"""The verb: what it says, what it refuses, and how it ends; in a process of its own where signals matter."""

import contextlib
import http.client
import io
import json
import logging
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from metricfit.app import cli
from metricfit.app.serve import server as serving
from metricfit.app.serve import verb

from ..fakes import BrightnessRunner, load_fake_predictor
from .clients import encoded


@contextlib.contextmanager
def program(*arguments):
    """Run the verb with a small shipped model in a process; gives it, and its port."""
    command = [sys.executable, "-m", "metricfit", "serve", "saliency_mobile", "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        lines = iter(process.stdout.readline, "")
        line = next(line for line in lines if "serving" in line)
        yield process, int(re.search(r"at http://127\.0\.0\.1:(\d+)/$", line.strip())[1]), line
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def until_in_flight(port, count):
    """Wait until so many requests are being answered, besides that which asks."""
    end = time.monotonic() + 30
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        if float(re.search(r"^metricfit_in_flight (\S+)$", text, re.MULTILINE)[1]) > count:
            return
        assert time.monotonic() < end
        time.sleep(0.01)


def photo(side=2000):
    """Something that takes a while to decode and to draw."""
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (side // 8, side // 8, 3), np.uint8)
    Image.fromarray(noise).resize((side, side)).save(file, "PNG")
    return file.getvalue()


def test_a_process_ends_with_0_once_all_is_answered_and_at_once_when_asked_twice():
    with program("--quiet") as (process, port, line):
        assert line.startswith("serving saliency_mobile (model_int8.tflite, saliency, 224 px, threshold ")
        replies, body = [], photo()

        def post():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("POST", "/predict?output=overlay", body)
            reply = connection.getresponse()
            replies.append((reply.status, len(reply.read())))

        threads = [threading.Thread(target=post) for _ in range(4)]
        for thread in threads:
            thread.start()
        until_in_flight(port, 4)
        process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        assert process.wait(60) == 0
        assert [status for status, _ in replies] == [200] * 4
        assert process.stdout.read() == "", "quiet says nothing more"
    with program() as (process, port, _):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.putrequest("POST", "/predict")
        connection.putheader("Content-Length", "5000")
        connection.endheaders(b"abc")
        until_in_flight(port, 1)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.8)
        assert process.poll() is None, "it waits for the rest of the picture"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143


LOADED_WITH = []


def loaded(path, **settings):
    LOADED_WITH.append(settings)
    return load_fake_predictor(path)


@pytest.fixture
def started(monkeypatch):
    """Run `cli.main` with a fake model until the server has started; gives what was served."""
    seen = []
    monkeypatch.setattr(verb, "load_predictor", loaded)

    def run_at(self, listener):
        seen.append(self)
        self.loaded_with = LOADED_WITH.pop()
        self.should_exit = True
        self.run(sockets=[listener])

    monkeypatch.setattr(serving.Server, "run_at", run_at)
    return seen


def test_what_it_says_when_it_starts(started, capsys):
    assert cli.main(["serve", "saliency_mobile", "--port", "0"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"serving saliency_mobile \(bright\.tflite, saliency, 64 px, threshold 0\.50\) at http://127\.0\.0\.1:\d+/",
        out[0],
    )
    assert out[1].startswith("limits: 20 MB and 25 megapixels a picture, 30 s an answer, 64 waiting, 256 connections")
    assert "Ctrl-C" in out[2]
    assert out[3] == "ended"
    assert cli.main(["serve", "saliency_mobile", "--port", "0", "--quiet"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, "as before"


def test_who_listens_to_the_network_is_warned(started, capsys):
    assert cli.main(["serve", "saliency_mobile", "--port", "0", "--host", "0.0.0.0", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "anybody on the network can use this server at 0.0.0.0" in out
    assert started[0].service.limits.rate == 20


def test_the_options_reach_the_server(started, capsys):
    arguments = "--batch 3 --queue 5 --max-megabytes 2 --rate 7 --allow-host a.example --proxy 192.0.2.1 --access-log"
    arguments += " --trust --threads 3 --threshold 0.3"
    assert cli.main(["serve", "saliency_mobile", "--port", "0", *arguments.split()]) == 0
    limits, config = started[0].service.limits, started[0].config
    assert (limits.batch, limits.waiting, limits.bytes, limits.rate) == (3, 5, 2_000_000, 7.0)
    assert (config.proxy_headers, config.forwarded_allow_ips) == (True, ["192.0.2.1"])
    assert not started[0].config.access_log, "that is ours"
    assert started[0].loaded_with == {"threshold": 0.3, "threads": 3, "trust": True}
    assert cli.main(["serve", "saliency_mobile", "--port", "0"]) == 0
    assert not started[1].config.proxy_headers, "or anybody could call itself another"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no_such_model"], "no model at no_such_model"),
        (["saliency_mobile", "--port", "70000"], "expected --port from 0 to 65535, got 70000"),
        (["saliency_mobile", "--host", "no.such.invalid"], "expected a --host of this machine"),
        (["saliency_mobile", "--max-megapixels", "0"], "--max-megapixels must be above 0"),
    ],
)
def test_what_cannot_be_served(started, arguments, said, capsys):
    assert cli.main(["serve", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not started


def test_a_port_in_use_is_said_before_the_model_is_loaded(monkeypatch, capsys):
    monkeypatch.setattr(verb, "load_predictor", lambda path, **settings: pytest.fail("loaded"))
    with serving.bind("127.0.0.1", 0) as listener:
        assert cli.main(["serve", "saliency_mobile", "--port", str(listener.getsockname()[1])]) == 2
    assert "Address already in use): choose another --port" in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(monkeypatch, capsys):
    for name in ("application", "server"):
        monkeypatch.delitem(sys.modules, f"metricfit.app.serve.{name}")
    monkeypatch.setitem(sys.modules, "starlette", None)
    monkeypatch.setitem(sys.modules, "starlette.exceptions", None)
    assert cli.main(["serve", "saliency_mobile", "--port", "0"]) == 1
    assert "not installed: pip install 'metricfit[serve]'" in capsys.readouterr().err


def test_each_request_is_said_where_asked(started, capsys):
    from .clients import ask, service_of

    cli.main(["serve", "saliency_mobile", "--port", "0", "--quiet"])
    capsys.readouterr()
    ask(service_of(access_log=True), "/predict", encoded(), query="threshold=0.5")
    ask(service_of(access_log=True), "/a\nb\x1b[31m", method="GET")
    ask(service_of(), "/predict", encoded())
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 2
    assert re.fullmatch(r'192\.0\.2\.1 "POST /predict" 200 \d+ ms \d+ bytes', out[0])
    assert r'"GET /a\nb\x1b[31m" 404 ' in out[1], "on one line, without control characters"


class Broken(BrightnessRunner):
    """Fails after its first picture."""

    count = 0

    def __call__(self, images):
        self.count += 1
        if self.count > 1:
            raise OSError("the disk is gone")
        return super().__call__(images)


def test_what_the_model_failed_of_is_in_the_log_alone(caplog):
    from .clients import ask, service_of

    with caplog.at_level(logging.ERROR, "metricfit"):
        reply = ask(service_of(runner=Broken()), body=encoded())
    assert reply.status == 500
    assert json.loads(reply.body) == {"error": "the model failed on this picture (OSError)"}
    assert "the disk is gone" in caplog.text
