"""What smoothing from frame to frame is worth, and what its numbers should be: on clips whose motion is known.

    python -m tests.soak.smoothing --times 12 --seed 0

Each of so many pictures of scenes:val, chosen by the seed, is a clip along which a camera goes (clips:) and one of
noisy views (views:). A table says flicker, blink and F at the model's threshold for each share that is kept and each
`SIGMA`; the first row is without smoothing. It fails where the share that the help names, 0.8, leaves more than .65 of
the flicker of clips, or costs more than .002 of F on either.
"""

import argparse
import sys
import time
from itertools import product

import numpy as np

from metricfit.app.predictor import load_predictor
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.data.subset import Subset
from metricfit.trainers.data.targets import TARGETS
from metricfit.trainers.judge.clips import smoothing
from metricfit.trainers.judge.clips.steadiness import SteadinessJudge
from metricfit.trainers.metrics import FMeasureCurve

USUAL = 0.8
SIGMA = smoothing.SIGMA
LOST, LEFT = 0.002, 0.65


def measured(predictor, examples, images, scores, keep, sigma):
    """Give flicker, blink and F of clips at the model's threshold, and the milliseconds of a core for each frame."""
    smoothing.SIGMA, begun = sigma, time.process_time()
    found = smoothing.Smoother(keep).over(scores, images, examples) if keep else scores
    milliseconds = 1e3 * (time.process_time() - begun) / len(examples)
    threshold, runner = predictor.threshold.value, predictor.runner
    judge, curve = SteadinessJudge("mask", threshold=threshold), FMeasureCurve()
    for example, one in zip(examples, found, strict=True):
        saliency = TARGETS["mask"].unfit(one, runner.size, runner.resizing, example.size).clip(0, 1)
        judge.update(example, saliency)
        curve.update(saliency, example.mask)
    scalars, result = judge.result().scalars, curve.result()
    return scalars["flicker"], scalars["blink"], float(result.f[round(255 * threshold)]), milliseconds


def main() -> int:
    """Measure, say what was found, and give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=12, help="how many pictures")
    parser.add_argument("--seed", type=int, default=0, help="which pictures")
    parser.add_argument("--model", default="saliency_mobile", help="a model of saliency")
    parser.add_argument("--keep", type=float, nargs="*", default=[0.6, USUAL, 0.9], help="shares to try")
    parser.add_argument("--sigma", type=float, nargs="*", default=[8.0, SIGMA, 24.0], help="grey levels to try")
    options = parser.parse_args()
    predictor, good = load_predictor(options.model), True
    for kind in ("clips", "views"):
        whole = open_source(f"{kind}:scenes:val")
        frames = len(whole) // 200
        chosen = np.sort(np.random.default_rng(options.seed).permutation(200)[: options.times])
        source = Subset(whole, (chosen[:, None] * frames + np.arange(frames)).ravel())
        examples = [source.load(index) for index in range(len(source))]
        images = np.stack([predictor.fit(example.image) for example in examples])
        scores = np.stack([predictor.find(image[None])[0] for image in images])
        plain = measured(predictor, examples, images, scores, 0.0, SIGMA)
        print(f"{kind:6}  {'keep':>4}  sigma  flicker   blink       F    ms")
        print(f"{'':6}     0      -  {plain[0]:.4f}  {plain[1]:.3%}  {plain[2]:.4f}", flush=True)
        for keep, sigma in product(options.keep, options.sigma):
            flicker, blink, f, milliseconds = measured(predictor, examples, images, scores, keep, sigma)
            print(f"{'':6}  {keep:4g}  {sigma:5g}  {flicker:.4f}  {blink:.3%}  {f:.4f}  {milliseconds:.2f}", flush=True)
            if (keep, sigma) == (USUAL, SIGMA):
                good &= plain[2] - f <= LOST and (kind == "views" or flicker <= LEFT * plain[0])
    if not good:
        print(f"keeping {USUAL} leaves more than {LEFT} of the flicker of clips, or costs more than {LOST} of F")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
