"""Losses on several replicas at length: all checks of tests/losses/replicated.py, and two processes.

python -m tests.soak.replicas --times 1 --seed 0
"""

import argparse
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
# what two workers compare with one: losses that gather, that count, and both
LOSSES = (
    "alrp",
    "rank_sort",
    "cross_entropy_ohem",
    "lovasz_softmax",
    "softmax_cross_entropy",
    "balanced_cross_entropy",
)
WORKERS = 2
HERE = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind((HERE, 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def work(seed: int) -> None:
    """Be one worker of `TF_CONFIG`: print, as JSON, its share of each loss, and its pictures' gradients."""
    import tensorflow as tf

    from metricfit.tests.losses import replicated

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
    found = {}
    for name in LOSSES:
        loss, batch = replicated.made(name, **settings_of(name)), example(name, seed)
        own = [tf.constant(array[part_of(index)]) for array in batch]
        results = tf.function(lambda own, loss=loss: strategy.run(lambda: replicated.step(loss, *own)))(own)
        found[name] = [np.asarray(one, np.float64).tolist() for one in results]
    print(json.dumps(found), flush=True)


def settings_of(name: str) -> dict:
    """Let one Lovász loss sort, so that all errors are gathered, and the other count those of the batch."""
    return {"lovasz_softmax": {"method": "exact"}, "lovasz_hinge": {"per_image": False}}.get(name, {})


def part_of(index: int) -> slice:
    """Tell which pictures of six a worker has: two and four."""
    return slice(0, 2) if index == 0 else slice(2, None)


def example(name: str, seed: int) -> tuple:
    """Make up a batch, whose pictures are in an order of the seed."""
    from metricfit.tests.losses import replicated

    order = np.random.default_rng(seed).permutation(6)
    return tuple(array[order] for array in replicated.example(name))


def two_workers(seed: int, tolerance: float = 1e-6) -> str:
    """Compare two processes with one device; give what is wrong, empty if nothing is."""
    import tensorflow as tf

    from metricfit.tests.losses import replicated

    addresses = [f"{HERE}:{port}" for port in free_ports(WORKERS)]
    workers = []
    for index in range(WORKERS):
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = {**os.environ, "TF_CONFIG": json.dumps(config), "CUDA_VISIBLE_DEVICES": ""}
        command = [sys.executable, "-m", "tests.soak.replicas", "--work", "--seed", str(seed)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        workers.append(subprocess.Popen(command, cwd=ROOT, env=environment, **pipes))
    try:
        said = [worker.communicate(timeout=600) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    if any(worker.returncode for worker in workers):
        return f"a worker failed: {said[0][1][-1000:]} {said[1][1][-1000:]}"
    found = [json.loads(out.strip().splitlines()[-1]) for out, _ in said]
    for name in LOSSES:
        alone = replicated.step(replicated.made(name, **settings_of(name)), *map(tf.constant, example(name, seed)))
        value, *gradients = (np.asarray(one, np.float64) for one in alone)
        shares = [one[name][0] for one in found]
        if shares[0] != shares[1] or abs(sum(shares) - value) > tolerance * max(abs(value), 1e-3):
            return f"{name}: {shares} do not make {value}"
        for place, gradient in enumerate(gradients, 1):
            parts = [np.reshape(one[name][place], (-1, *gradient.shape[1:])) for one in found]
            far = np.abs(np.concatenate(parts) - gradient).max() / max(np.abs(gradient).max(), 1e-3)
            if far > tolerance:
                return f"{name}: a gradient is off by {far:.1e}"
    return ""


def on_devices(name: str) -> str:
    """Run one check of four devices in a process of its own; give what is wrong, empty if nothing is."""
    command = [sys.executable, "-m", "metricfit.tests.losses.replicated", name]
    done = subprocess.run(command, cwd=ROOT.parent, capture_output=True, text=True)
    if done.returncode:
        return done.stderr[-1000:]
    return json.loads(done.stdout.strip().splitlines()[-1])[name]


def main() -> None:
    """Try everything, so many times; say one line a try, and how many passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=1, help="how often two processes are tried, each with other data")
    parser.add_argument("--seed", type=int, default=0, help="of the data")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.seed)
        return
    from metricfit.tests.losses import replicated

    tries = {name: (on_devices, name) for name in replicated.CHECKS}
    tries |= {f"two processes, seed {seed}": (two_workers, seed) for seed in seeds(options)}
    failed = 0
    for what, (function, argument) in tries.items():
        wrong = function(argument)
        failed += bool(wrong)
        print(f"{what}: {wrong or 'passed'}", flush=True)
    print(f"replicas: tried {len(tries)}, passed {len(tries) - failed}, failed {failed}")
    sys.exit(1 if failed else 0)


def seeds(options: argparse.Namespace) -> range:
    """Give the seeds of the tries of two processes."""
    return range(options.seed, options.seed + options.times)


if __name__ == "__main__":
    main()
