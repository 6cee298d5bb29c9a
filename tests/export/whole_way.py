"""A predictor's whole way from several threads: read, predicted, cut, drawn, written, as JSON."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from metricfit.app.predictor import Predictor

THREADS, ROUNDS = 8, 3
FILLS = (40, 90, 140, 190, 240, 65, 115, 165)


def picture(number: int) -> np.ndarray:
    """A picture of its own size, with a bright and a red square in it."""
    image = np.full((50 + 7 * number, 90 - 5 * number, 3), 20, np.uint8)
    image[10:40, 8:36] = FILLS[number]
    image[20:45, 30:50] = (250, 20, 20)
    return image


def different_from_one_thread(predictor: Predictor, folder: Path) -> list[int]:
    """Give the pictures of which eight threads get other things than one."""
    task = predictor.task
    writer = task.writer(task.files, predictor.threshold, predictor.class_names, folder, objects=True)
    for number in range(THREADS):
        assert cv2.imwrite(str(folder / f"{number}.png"), picture(number)[..., ::-1])

    def work(number: int, name: str) -> tuple:
        result = predictor(folder / f"{number}.png").at(0.3 + 0.05 * number)
        entry = writer.add(result, name)
        files = [(folder / file).read_bytes() for file in entry.pop("files").values()]
        drawn = [result.resized((80, 64)).draw(view, objects=True).tobytes() for view in result.views]
        return repr(entry), files, drawn, repr(writer.kept(result)), result.encode(".png"), repr(result)

    expected = [work(number, f"alone-{number}") for number in range(THREADS)]
    together = threading.Barrier(THREADS)

    def all_at_once(number: int) -> list[tuple]:
        together.wait()
        return [work(number, f"together-{number}") for _ in range(ROUNDS)]

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(all_at_once, range(THREADS)))
    return [number for number in range(THREADS) if any(one != expected[number] for one in found[number])]
