"""What a service tells Prometheus."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

_SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_PICTURES = (1, 2, 4, 8, 16, 32)


class Metrics:
    """Counts and times of one service. Labels are names of its models, never what clients send."""

    def __init__(self) -> None:
        registry, model = CollectorRegistry(), ["model"]
        self._registry = registry
        self.answers = Counter(
            "stylenet_answers",
            "Photos answered, by status.",
            ["model", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "stylenet_answer_seconds",
            "From a request's first byte to its answer, where it is a picture.",
            model,
            registry=registry,
            buckets=_SECONDS,
        )
        self.net_seconds = Histogram(
            "stylenet_net_seconds", "Runs of the net.", model, registry=registry, buckets=_SECONDS
        )
        self.batches = Histogram(
            "stylenet_net_pictures",
            "Pictures in a run of the net.",
            model,
            registry=registry,
            buckets=_PICTURES,
        )
        self.pixels = Counter("stylenet_pixels", "Pixels stylised.", model, registry=registry)
        self.in_service = Gauge(
            "stylenet_photos_in_service",
            "Photos that wait or are at work.",
            model,
            registry=registry,
        )
        ProcessCollector(registry=registry)

    def ran(self, model: str, pictures: int, seconds: float) -> None:
        """Count a run of a net."""
        self.net_seconds.labels(model).observe(seconds)
        self.batches.labels(model).observe(pictures)

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)
