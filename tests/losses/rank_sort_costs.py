"""What Rank & Sort costs beside all pairs: `python -m metricfit.tests.losses.rank_sort_costs [POSITIVES ...]`.

Prints milliseconds of value and gradients of the whole loss in graph mode, in turn, the best of several, and the memory
at the peak above what was held before; the pairs are left out where they would take minutes.
"""

import resource
import sys
import time

import numpy as np
import tensorflow as tf

from metricfit import losses
from metricfit.losses.ranking import rank_sort

ENTRIES, MOST = 100_000, 20_000


def all_pairs(ranking, quality):
    """Do what `rank_sort._sort` does with all pairs, in pieces of 2^19."""
    slots = tf.size(quality)
    chunk = tf.minimum(tf.maximum(2**19 // tf.maximum(slots, 1), 1), slots)

    def body(start, excesses, gradient):
        places = start + tf.range(chunk)
        rows, counted = tf.minimum(places, slots - 1), places < slots
        score, own = tf.gather(ranking.scores, rows)[:, tf.newaxis], tf.gather(quality, rows)[:, tf.newaxis]
        above = tf.cast(ranking.valid, tf.float32) * tf.clip_by_value(ranking.scores - score + 0.5, 0, 1)
        missorted = tf.where(quality < own, above, 0)
        rightly, weight = above - missorted, tf.reduce_sum(missorted, axis=1)
        mean = tf.math.divide_no_nan(tf.linalg.matvec(rightly, quality), tf.reduce_sum(rightly, axis=1))
        excess = tf.reduce_sum(missorted * (mean[:, tf.newaxis] - quality), axis=1) / tf.reduce_sum(above, axis=1)
        push = tf.where(counted & (weight > rank_sort.PROPERLY_RANKED), excess, 0)
        gradient += tf.linalg.matvec(missorted, tf.math.divide_no_nan(push, weight), transpose_a=True)
        excesses = tf.tensor_scatter_nd_add(excesses, rows[:, tf.newaxis], tf.where(counted, excess, 0))
        return start + chunk, excesses, tf.tensor_scatter_nd_add(gradient, rows[:, tf.newaxis], -push)

    begin = tf.constant(0), tf.zeros_like(quality), tf.zeros_like(quality)
    return tf.while_loop(lambda start, *_: tf.cast(start, tf.float32) < ranking.count, body, begin)[1:]


def compiled(sorting, positives):
    """Trace value and gradients with one way to sort."""

    @tf.function(autograph=False)
    def step(labels, scores, quality):
        rank_sort._sort = sorting
        with tf.GradientTape() as tape:
            tape.watch(scores)
            loss = sum(losses.rank_sort_loss(labels, scores, quality, max_positives=positives))
        return loss, tape.gradient(loss, scores)

    return step


def main(numbers):
    """Print a line for each number of positives."""
    ours = rank_sort._sort
    print("positives, ms, ms of all pairs, ratio, difference of gradients, MB at the peak of the former")
    for positives in numbers:
        entries = max(ENTRIES, 2 * positives)
        rng = np.random.default_rng(0)
        labels = np.zeros(entries, np.int8)
        labels[rng.permutation(entries)[:positives]] = 1
        scores = (rng.normal(-5, 1.5, entries) + 3 * labels).astype(np.float32)
        batch = [tf.constant(each) for each in (labels, scores, rng.random(entries).astype(np.float32))]
        ways = {"ours": compiled(ours, positives), "pairs": compiled(all_pairs, positives)}
        if positives > MOST:
            del ways["pairs"]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found, times = {}, dict.fromkeys(ways, np.inf)
        for turn in range(1 + (3 if positives > 4000 else 15)):
            for name, step in ways.items():
                start = time.perf_counter()
                found[name] = [each.numpy() for each in step(*batch)]
                if turn:
                    times[name] = min(times[name], time.perf_counter() - start)
                elif name == "ours":
                    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        line = f"{positives}, {1e3 * times['ours']:.2f}"
        if "pairs" in ways:
            gradient, other = found["ours"][1], found["pairs"][1]
            far = np.abs(gradient - other).sum() / np.abs(other).sum()
            line += f", {1e3 * times['pairs']:.2f}, {times['ours'] / times['pairs']:.3f}, {far:.0e}"
        else:
            line += ", , , "
        print(f"{line}, {peak:.0f}", flush=True)


if __name__ == "__main__":
    main([int(number) for number in sys.argv[1:]] or [1, 10, 100, 300, 1000, 3000, 8000, 16_384, 65_536, 131_072])
