"""Numbers as Prometheus reads them (text format 1.0.0), and the pages of several roles as one.

samples ─► families of the table ─► text          texts of roles ─► one text, family by family
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from wattwarden.protocol.spread import Spread
from wattwarden.server.metrics.families import FAMILIES, PREFIX, Family, Kind

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
# Reasons and codecs come from tables of ours; should one ever carry what a peer said, monitoring
# gets no more of it than this.
MOST_SAMPLES: Final = 500
# What a sample tells apart is named, not described.
MOST_LABEL_LETTERS: Final = 80

_HEAD: Final = "# HELP "


@dataclass(frozen=True, slots=True)
class Sample:
    """One number; ``labels`` in the order of its family's."""

    name: str
    value: float | Spread
    labels: tuple[str, ...] = ()


class _Samples(Collector):
    """Samples of a role, as the library takes them."""

    def __init__(self, role: str, samples: Iterable[Sample]) -> None:
        self._role = role
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        """Yield each family once."""
        metrics: dict[str, Metric] = {}
        for sample in self._samples:
            family = FAMILIES[sample.name]
            metric = metrics.get(sample.name)
            if metric is None:
                metric = metrics[sample.name] = _metric(family)
            if len(metric.samples) < MOST_SAMPLES:
                _add(metric, self._role, sample)
        yield from metrics.values()
        for metric in ProcessCollector(registry=None).collect():
            metric.samples = [
                one._replace(labels={"role": self._role, **one.labels}) for one in metric.samples
            ]
            yield metric


def page(role: str, samples: Iterable[Sample]) -> str:
    """Return what a role tells, its process among it.

    Raises:
        KeyError: A sample is of no family.
    """
    return generate_latest(_Samples(role, samples)).decode()


def together(pages: Iterable[str]) -> str:
    """Return pages of ``page`` as one; families must not be torn apart."""
    heads: dict[str, list[str]] = {}
    bodies: dict[str, list[str]] = {}
    for text in pages:
        name = ""
        for line in text.splitlines():
            if line.startswith(_HEAD):
                name = line.split(" ", 3)[2]
                heads.setdefault(name, [])
            if line.startswith("# ") and not bodies.get(name):
                heads[name] += [line] if line not in heads[name] else []
            elif not line.startswith("# "):
                bodies.setdefault(name, []).append(line)
    lines = (line for name in heads for line in (*heads[name], *bodies.get(name, ())))
    return "\n".join(lines) + "\n"


def of_process(text: str, role: str, process: int) -> str:
    """Return a role's page with the number of its process, where there are several.

    Two processes tell the same numbers, and each must stay one series.
    """
    # A quotation mark within a value is escaped: nothing else can look like this label.
    label = f'role="{role}"'
    return text.replace(label, f'process="{process}",{label}') if process else text


def _metric(family: Family) -> Metric:
    name, labels = f"{PREFIX}{family.name}", ("role", *family.labels)
    if family.kind is Kind.COUNTER:
        return CounterMetricFamily(name.removesuffix("_total"), family.meaning, labels=labels)
    if family.kind is Kind.GAUGE:
        return GaugeMetricFamily(name, family.meaning, labels=labels)
    return HistogramMetricFamily(name, family.meaning, labels=labels)


def _add(metric: Metric, role: str, sample: Sample) -> None:
    labels = (role, *(one[:MOST_LABEL_LETTERS] for one in sample.labels))
    if isinstance(metric, HistogramMetricFamily) and isinstance(sample.value, Spread):
        metric.add_metric(labels, list(_cumulated(sample.value)), sample.value.total)
    elif isinstance(metric, CounterMetricFamily | GaugeMetricFamily):
        metric.add_metric(labels, float(sample.value))  # type: ignore[arg-type]  # no spread here
    else:
        message = f"{sample.name} is told as something else than the table says"
        raise TypeError(message)


def _cumulated(spread: Spread) -> Iterator[tuple[str, float]]:
    seen = 0
    for bound, count in zip((*spread.bounds, float("inf")), spread.counts, strict=True):
        seen += count
        yield ("+Inf" if bound == float("inf") else str(float(bound))), seen
