"""What a trainer reads: `corpus.feed.open(run, phase=…)`, the batches of a phase by step (corpus.feed.loader)."""

from corpus.feed.loader import Batch, Feed
from corpus.feed.loader import open_feed as open

__all__ = ["Batch", "Feed", "open"]
