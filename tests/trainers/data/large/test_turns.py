"""How much is decoded at once."""

import threading
import time

import numpy as np
import pytest
from PIL import Image

from metricfit.trainers.data import decoding, images
from metricfit.trainers.data.large.turns import TURNS, Turns
from metricfit.trainers.machine import memory


class Watched:
    """How many pixels are held at once by threads that each take some."""

    def __init__(self, room):
        self.turns, self.lock, self.now, self.most, self.order = Turns(room), threading.Lock(), 0, 0, []

    def work(self, *pictures):
        with self.turns.taken():
            for pixels in pictures:
                self.turns.take(pixels)
                with self.lock:
                    self.now += pixels
                    self.most = max(self.most, self.now)
            time.sleep(0.002)
            with self.lock:
                self.now -= sum(pictures)

    def run(self, *threads):
        started = [threading.Thread(target=self.work, args=pictures) for pictures in threads]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join(20)
        assert not any(thread.is_alive() for thread in started)


def test_threads_wait_for_room_and_all_come_to_their_turn():
    watched = Watched(100)
    watched.run(*[(40,)] * 16)
    assert watched.most == 80
    assert watched.turns._free == 100


def test_a_picture_larger_than_the_room_is_alone():
    watched = Watched(100)
    watched.run(*[(150,), (30,), (30,)] * 4)
    assert watched.most == 150


def test_a_mask_beside_its_picture_never_waits_for_other_threads():
    # Each holds its picture: would they wait for each other's, none came to its mask.
    turns, both, done = Turns(100), threading.Barrier(2), []

    def work():
        with turns.taken():
            turns.take(50)
            both.wait(20)
            turns.take(50)
            done.append(turns._free)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(done) == 2
    assert turns._free == 100


def test_an_error_gives_the_room_back_and_nothing_is_held_outside():
    turns = Turns(100)
    with pytest.raises(ZeroDivisionError), turns.taken():
        turns.take(70 // (turns._free - 100))
    with pytest.raises(TypeError), turns.taken():
        turns.take(70) + 1
    turns.take(1000)
    assert turns._free == 100


def test_decoding_takes_turns_by_pixels_and_an_outer_block_holds_them(tmp_path, monkeypatch):
    turns = Turns(10**6)
    for module in (decoding, images):
        monkeypatch.setattr(module, "TURNS", turns)
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(tmp_path / "a.jpg")
    held = []
    monkeypatch.setattr(images, "_rgb", lambda *_, **__: held.append(turns._free))
    images.read_image(tmp_path / "a.jpg")
    assert (held, turns._free) == ([10**6 - 1200], 10**6)
    with turns.taken():
        images.read_image(tmp_path / "a.jpg")
        assert turns._free == 10**6 - 1200
    assert turns._free == 10**6


def test_the_room_is_a_share_of_the_memory():
    assert TURNS._room == memory() // 48
    assert 2**26 < memory() < 2**50
