"""Who takes a training's steps: one device, several of this machine, or several processes; and which of them writes."""

import contextlib
import dataclasses
import functools
import json
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import tensorflow as tf

from ...data.batches.share import WHOLE, Share
from ...errors import MetricfitError, UsageError, first_line
from ...stopping import ASKS_TO_END
from ...text import counted
from ..config import RunConfig
from ..config_files import NOT_PART_OF_A_RUN
from ..run_folder import versions
from .exchange import Exchange
from .keras_replicas import check_keras
from .meeting import meet, read_cluster

log = logging.getLogger("metricfit")

ConfigT = TypeVar("ConfigT", bound=RunConfig)

# which machines may have in other folders
_PLACES = ("out", "data", "val", "init", "teacher", "weights", "scan_cache", "config")


@dataclass(frozen=True)
class Distribution:
    """What a training is spread over.

    Attributes:
        strategy: of TensorFlow; None where there is one device, and everything is as without any.
        share: which part of each batch this process prepares.
        name: as typed after `--strategy`.
    """

    strategy: tf.distribute.Strategy | None = None
    share: Share = WHOLE
    name: str = "one"

    @functools.cached_property
    def exchange(self) -> Exchange:
        """What its processes tell each other by."""
        return Exchange(self.strategy, self.share.worker, self.share.workers)

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Give the context in which a model, its optimizer and metrics are to be made."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def dealt(self, make: Callable[[Share], tf.data.Dataset]) -> Any:
        """Make batches of this process' share, and deal them out among its devices."""
        if self.strategy is None:
            return make(self.share)
        return self.strategy.distribute_datasets_from_function(lambda context: make(self.share))

    def described(self) -> dict[str, Any]:
        """Tell what it is, JSON-able, for the run's record."""
        return {"strategy": self.name, "replicas": self.share.replicas, "workers": self.share.workers}


ONE = Distribution()


def distribution_of(config: RunConfig) -> Distribution:
    """Find the devices that a configuration asks for; says where there is but one. UsageError where there are none."""
    if config.strategy != "one":
        check_keras()
    found = _MAKERS[config.strategy](config)
    found.share.of_a_device(config.batch_size)
    return found


def _mirrored(config: RunConfig) -> Distribution:
    devices = _devices(config.devices)
    if len(devices) == 1:
        log.info("--strategy mirrored: this machine has one device (%s), which trains as with --strategy one", *devices)
        return ONE
    # Collectives between parts of one CPU would wait for each other.
    on_cpu = devices[0].startswith("CPU")
    reduction = tf.distribute.ReductionToOneDevice() if on_cpu else None
    log.info("%s take each step together: %s", counted(len(devices), "device"), ", ".join(devices))
    strategy = tf.distribute.MirroredStrategy(devices, reduction)
    return Distribution(strategy, Share(devices=len(devices)), "mirrored")


def _devices(wanted: int | None) -> list[str]:
    """Give the GPUs, or the parts of a CPU that stand in for them."""
    gpus = len(tf.config.list_physical_devices("GPU"))
    kind, there = ("GPU", gpus) if gpus else ("CPU", _cpu_parts(wanted or 1))
    if wanted and wanted > there:
        raise UsageError(f"--devices {wanted}: this machine has {counted(there, kind)}: give fewer")
    return [f"{kind}:{index}" for index in range(wanted or there)]


def _cpu_parts(wanted: int) -> int:
    """Cut the CPU into so many devices, as long as TensorFlow has not begun to use it; gives how many there are."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    with contextlib.suppress(RuntimeError):  # it is in use: what there is then counts
        if len(tf.config.get_logical_device_configuration(cpu) or [cpu]) < wanted:
            parts = [tf.config.LogicalDeviceConfiguration() for _ in range(wanted)]
            tf.config.set_logical_device_configuration(cpu, parts)
    there = len(tf.config.list_logical_devices("CPU"))
    if wanted > there:
        raise UsageError(
            f"--devices {wanted}: TensorFlow runs already in this process, with {counted(there, 'CPU')}: ask for "
            "several before anything is computed, in a fresh process"
        )
    return there


def _multi_worker(config: RunConfig) -> Distribution:
    cluster = read_cluster(os.environ.get("TF_CONFIG"))
    if len(cluster.addresses) == 1:
        log.info("--strategy multi_worker: TF_CONFIG lists one worker, which trains as with --strategy mirrored")
        return _mirrored(config)
    meet(cluster, _compared(config), 60 * config.wait_minutes)
    with _handlers_kept():
        try:
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
        except RuntimeError as error:
            raise UsageError(
                "--strategy multi_worker: TensorFlow runs already in this process: train in a fresh one"
            ) from error
        except tf.errors.OpError as error:
            raise MetricfitError(f"the workers of TF_CONFIG do not reach each other ({first_line(error)})") from error
    workers = len(cluster.addresses)
    share = Share(cluster.worker, workers, strategy.num_replicas_in_sync // workers)
    log.info("this is worker %d of %d, with %s", share.worker, workers, counted(share.devices, "device"))
    return Distribution(strategy, share, "multi_worker")


def _tpu(config: RunConfig) -> Distribution:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=os.environ.get("TPU_NAME", "local"))
        if resolver.get_tpu_system_metadata().num_cores == 0:
            raise ValueError("it has no cores")
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        strategy = tf.distribute.TPUStrategy(resolver)
    except (ValueError, RuntimeError, OSError, tf.errors.OpError) as error:
        raise UsageError(
            f"--strategy tpu: no TPU was found ({first_line(error)}): set TPU_NAME to one that is reached from here, "
            "or train with --strategy mirrored or one"
        ) from error
    return Distribution(strategy, Share(devices=strategy.num_replicas_in_sync), "tpu")


def as_the_chief(config: RunConfig, of_chief: ConfigT) -> ConfigT:
    """Take over what the chief has settled; where files lie is each machine's own."""
    settings = vars(config)
    own = [name for name in _PLACES if name in settings and (name, settings[name]) != ("weights", "auto")]
    return dataclasses.replace(of_chief, **{name: settings[name] for name in own})


def _compared(config: RunConfig) -> dict[str, str]:
    """Give what all processes must share, as text: settings, versions, and how many devices each of them has."""
    own = {*NOT_PART_OF_A_RUN, *_PLACES, "skip_bad", "strict"} - {"strategy"}
    settings = dataclasses.asdict(config)
    shared = {name: json.dumps(value, sort_keys=True) for name, value in settings.items() if name not in own}
    gpus = len(tf.config.list_physical_devices("GPU"))
    there = {f"version of {name}": versions()[name] for name in ("metricfit", "tensorflow", "keras")}
    return {**shared, **there, "GPUs": str(gpus)}


@contextlib.contextmanager
def _handlers_kept() -> Iterator[None]:
    """Set Python's handlers of signals again after TensorFlow's runtime has put its own over them."""
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in ASKS_TO_END} if main else {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


_MAKERS: dict[str, Callable[[RunConfig], Distribution]] = {
    "one": lambda config: ONE,
    "mirrored": _mirrored,
    "multi_worker": _multi_worker,
    "tpu": _tpu,
}
