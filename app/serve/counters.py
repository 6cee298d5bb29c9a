"""What the server counts, as Prometheus reads it."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.exposition import choose_encoder

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64)


class Counters:
    """The counters of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "metricfit_requests", "Requests that ended, by place and status (499: the client left).",
            ("path", "status"), registry=self.registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "metricfit_request_seconds", "Seconds from a request's headers to the end of its answer.", ("path",),
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self.model = Histogram(
            "metricfit_model_seconds", "Seconds that the model took for a batch.", buckets=_SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.batches = Histogram(
            "metricfit_batch_size", "Pictures that the model computed at once.", buckets=_SIZES, registry=self.registry
        )
        self.in_flight = Gauge("metricfit_in_flight", "Requests that are being answered.", registry=self.registry)
        self.received = Counter("metricfit_received_bytes", "Bytes of pictures received.", registry=self.registry)
        self.sent = Counter("metricfit_sent_bytes", "Bytes of answers sent.", registry=self.registry)
        self._model = Info("metricfit_model", "What is served.", registry=self.registry)
        self._queue = Gauge("metricfit_queue_length", "Pictures that wait for their turn.", registry=self.registry)
        self._draining = Gauge("metricfit_draining", "1 once the server was asked to end.", registry=self.registry)

    def watch(self, queue: Callable[[], int], draining: Callable[[], bool], **model: str) -> None:
        """Say where to look for what is not counted here, and what is served."""
        self._queue.set_function(queue)
        self._draining.set_function(lambda: float(draining()))
        self._model.info(model)

    def text(self, accept: str) -> tuple[bytes, str]:
        """Give all of them, and their media type, in the format that the client likes."""
        encode, kind = choose_encoder(accept)
        return encode(self.registry), kind
