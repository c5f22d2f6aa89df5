"""What GET /metrics tells Prometheus: requests, latency, what waits, what was refused, tokens and characters."""

from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from seqtag.version import __version__

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
_REQUESTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The counters of one process; of several workers, all count into files that /metrics adds up."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, *, among_workers: bool = False) -> None:
        self.among_workers = among_workers
        self.registry = CollectorRegistry()
        make: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter("seqtag_requests", "Requests, by path and status.", ["path", "status"], **make)
        self.latency = Histogram(
            "seqtag_request_seconds",
            "Seconds from the head of a request to the end of its answer.",
            ["path"],
            buckets=_SECONDS,
            **make,
        )
        self.rejected = Counter("seqtag_rejected", "Requests that were refused, by reason.", ["reason"], **make)
        self.texts = Counter("seqtag_texts", "Texts and token lists that were answered.", ["model"], **make)
        self.characters = Counter("seqtag_characters", "Characters that were read.", ["model"], **make)
        self.tokens = Counter("seqtag_tokens", "Tokens that taggers have read.", ["model"], **make)
        self.batches = Histogram(
            "seqtag_batch_requests",
            "Requests that went through a model together.",
            ["model"],
            buckets=_REQUESTS,
            **make,
        )
        self.waiting = Gauge(
            "seqtag_queue_characters",
            "Characters that wait for a model.",
            ["model"],
            multiprocess_mode="livesum",
            **make,
        )
        about = Gauge("seqtag_info", "The release of seqtag.", ["version"], multiprocess_mode="livemax", **make)
        about.labels(__version__).set(1)

    def written(self) -> bytes:
        """Give all figures in the text format of Prometheus."""
        if not self.among_workers:
            return generate_latest(self.registry)
        from prometheus_client.multiprocess import MultiProcessCollector

        together = CollectorRegistry()
        MultiProcessCollector(together)
        return generate_latest(together)
