"""Whether promised thresholds keep what they promise, on made-up pictures whose truth is known; or on halves of data.

    python -m tests.soak.guarantees --times 40 --seed 1
    python -m tests.soak.guarantees --model saliency_mobile --data folder:ecssd --guarantee "recall >= 0.7 @ 0.95"

A try draws a thousand calibration sets of one kind of pictures and counts those whose threshold breaks the promise: as
many as promised may, and what chance adds to that once in a thousand tries. Two broken procedures must do worse.
With a model its threshold is chosen by half of the data, again and again, and looked at on the other half.
"""

import argparse
import sys

import numpy as np

from metricfit.trainers.guarantees.procedures import chosen_place
from metricfit.trainers.guarantees.promise import MEASURES, read_promise

from ..trainers.guarantees import made_up

DRAWS = 1000


def tried(seed: int) -> tuple[str, str]:
    """Try one kind of pictures and one promise; gives what it was, and what is wrong, empty where nothing is."""
    rng = np.random.default_rng(seed)
    measure, confidence = MEASURES[seed % 3], float(rng.choice([0.8, 0.9, 0.95]))
    pictures = int(rng.choice([40, 100, 400]))
    if measure == "recall":
        level, alike, objects = (
            float(rng.choice([0.7, 0.8, 0.9])),
            float(rng.choice([0, 0.5, 1])),
            int(rng.integers(1, 5)),
        )
        risks, broken_way, draws_of_broken = made_up.THRESHOLDS, made_up.by_the_mean_alone, DRAWS

        def draw():
            return made_up.missed(rng, pictures, alike, objects)
    else:
        # Nowhere, or only here and there, as good as is promised.
        curve = (float(rng.uniform(0.4, 0.6)), float(rng.choice([0, 0.2])), float(rng.choice([0, 9])))
        precision, f = made_up.true_precision(*curve)
        truth, place = (precision, 0) if measure == "precision" else (f, 1)
        level = round(float(np.nanmax(truth[:200])) + 0.001, 3)
        risks, broken_way, draws_of_broken = 1 - truth, made_up.by_the_mean_alone, DRAWS // 4

        def draw():
            return made_up.finds(rng, pictures, *curve)[place]

    promise = read_promise(f"{measure} >= {level:.3f} @ {confidence}")
    share = 1 - confidence
    broken, chosen = made_up.broken_promises(draw, risks, promise, DRAWS)
    worse, _ = made_up.broken_promises(draw, risks, promise, draws_of_broken, broken_way)
    what = f"{promise.text} by {pictures}: {broken} of {DRAWS} broken, {len(chosen)} chosen; by the mean {worse}"
    if broken > made_up.most_by_chance(DRAWS, share):
        return what, f"more than {share:.0%} and chance"
    if worse <= made_up.most_by_chance(draws_of_broken, share):
        return what, "the mean alone keeps it as well: such pictures prove nothing"
    return what, ""


def halves(model: str, data: str, text: str, times: int, seed: int) -> None:
    """Choose thresholds of a model by halves of data; print how often the other half keeps the promise."""
    from metricfit.app.predictor import load_predictor
    from metricfit.trainers.data.sources import open_source
    from metricfit.trainers.guarantees.losses import GRIDS
    from metricfit.trainers.tasks import get_task

    promise, runner = read_promise(text), load_predictor(model).runner
    task = get_task(runner.task)
    source = task.judged_source(open_source(data, needs=task.needs), runner.class_names)
    rows = []
    for index, pair in enumerate(task.found_in(runner, source, batch_size=8, quiet=True)):
        judge = task.judge(source, runner.class_names, start=index, guarantee=promise)
        judge.update(*pair)
        own = MEASURES.index(promise.measure)
        rows.append((judge.losses._losses.value[own], judge.losses._counts[own]))
    losses, counts = (np.stack(part) for part in zip(*rows))
    rng, thresholds, kept, means = np.random.default_rng(seed), GRIDS[judge.kind], 0, []
    at = []
    for _ in range(times):
        order = rng.permutation(len(losses))
        one, other = order[: len(order) // 2], order[len(order) // 2 :]
        place = chosen_place(losses[one].sum(0), counts[one].sum(0), promise)
        if place is None:
            continue
        at.append(float(thresholds[place]))
        means.append(1 - losses[other][:, place].sum() / max(1, counts[other][:, place].sum()))
        kept += means[-1] >= promise.level
    if not at:
        print(f"{promise.text}: no threshold by {len(losses) // 2} pictures")
        return
    print(
        f"{promise.text} of {model} by halves of {data} ({len(losses)}): chosen {len(at)} of {times}, kept by the "
        f"other half {kept}, its mean {np.mean(means):.3f} ({np.min(means):.3f} to {np.max(means):.3f}), thresholds "
        f"{min(at):.3f} to {max(at):.3f}"
    )


def main() -> int:
    """Try many, and say how many passed; or look at halves of data."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", help="look at this model instead")
    parser.add_argument("--data", help="on halves of these data")
    parser.add_argument(
        "--guarantee", action="append", default=[], help="what is to be promised; several times for more"
    )
    options = parser.parse_args()
    if options.model:
        for text in options.guarantee or ["recall >= 0.9 @ 0.9"]:
            halves(options.model, options.data, text, max(options.times, 1000), options.seed)
        return 0
    passed = 0
    for number in range(options.times):
        what, wrong = tried(options.seed + number)
        passed += not wrong
        print(f"seed {options.seed + number}, {what}: {wrong or 'kept'}", flush=True)
    print(f"guarantees: tried {options.times}, passed {passed}, failed {options.times - passed}")
    return 0 if passed == options.times else 1


if __name__ == "__main__":
    sys.exit(main())
