"""The lists that keep a source's URLs out: those that are blocked, and those whose publishers opted out.

Read by the driver once (corpus.urls.url_lists), stored with the run as rows of URL_LISTS, and read by each worker.
"""

import dataclasses
import functools

import pyarrow as pa
import pyarrow.compute

from corpus.reasons import Reason
from corpus.storage import ipc
from corpus.storage.digested_file import DigestedFile
from corpus.urls.block_list import BLOCKED, NOTHING_BLOCKED, BlockList

#: Of an entry that is stored as the reason, at most.
ENTRY_CHARACTERS = 150

#: A row of a list, and the reason that it gives.
URL_LISTS = pa.schema([pa.field("reason", pa.string(), nullable=False), *BLOCKED])


@dataclasses.dataclass(frozen=True)
class UrlScreen:
    """The lists of one source."""

    blocked: BlockList = NOTHING_BLOCKED
    opted_out: BlockList = NOTHING_BLOCKED

    @property
    def digest(self) -> str:
        return f"{self.blocked.digest} {self.opted_out.digest}"

    def blocked_by(self, url: str | None) -> str | None:
        """The entry of the block lists that names a URL, or None."""
        return _entry(self.blocked, url)

    def opted_out_by(self, url: str | None) -> str | None:
        """The entry of the opt-out lists that names a URL, or None."""
        return _entry(self.opted_out, url)

    def write(self, url: str) -> DigestedFile:
        """Stores the lists where workers find them."""
        tables = [
            listed.table().add_column(0, URL_LISTS.field("reason"), pa.repeat(reason.value, len(listed.table())))
            for reason, listed in self._lists()
        ]
        written = ipc.write_table(url, pa.concat_tables(tables).cast(URL_LISTS), URL_LISTS)
        return DigestedFile(url, written.digest)

    def _lists(self) -> list[tuple[Reason, BlockList]]:
        return [(Reason.BLOCKED_URL, self.blocked), (Reason.OPT_OUT, self.opted_out)]


def _entry(listed: BlockList, url: str | None) -> str | None:
    found = listed.blocks(url)
    return found[:ENTRY_CHARACTERS] if found is not None else None


NO_URL_REFUSED = UrlScreen()


@functools.lru_cache(maxsize=64)
def read_url_screen(url: str) -> UrlScreen:
    """Stored lists; once a process."""
    table = ipc.open_table(url, URL_LISTS)
    blocked, opted_out = (
        BlockList.of_table(table.filter(pa.compute.equal(table["reason"], reason.value)))
        for reason in (Reason.BLOCKED_URL, Reason.OPT_OUT)
    )
    return UrlScreen(blocked, opted_out)
