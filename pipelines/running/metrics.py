"""Beam counters of the records that work items write, namespaced by stage; a runner's own display shows them."""

from apache_beam.metrics import Metrics

from corpus.storage.run_directory import ItemRecord


def count(stage: str, record: ItemRecord) -> None:
    """Adds an item's counts to the counters of its stage."""
    for name, number in record.counts.items():
        Metrics.counter(stage, name).inc(number)
