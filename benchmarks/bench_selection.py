"""`select` on made signals of many documents: time, memory and bytes sent a document, by step.

Run `python benchmarks/bench_selection.py --documents 10000000 [--workers 2] [--folder DIR] [--exchange files|engine] [BEAM'S OPTIONS]`.
The signals are those of one real
text, with made identities, hashes, codes and bands, written as `measure` writes them, so that nothing of `select` is left
out: rules of the profile `web`, exact and near-duplicates, decisions. How copies are distributed, of N documents:

    20 %    copies of a document that is drawn with density c^(-2/3): clusters by a power law, the largest of some N^(2/3) / 5;
            a quarter of them exact, the others with a share of codes changed that is even over 0 to 40 %
     1 %    in chains of 1,000, each like the next at .95 and unlike the fifth
    10 %    (at most 10^6) in one bucket: pages of one template that share one band and nothing else

With `--lines N` also lines that documents share: N of each document, of which one is the same in all of them, two are the same in
the 200 documents of a site, and the others are its own.

Checked before anything is printed: every document has a decision; the sums; G1 of a sample (a removed document names a kept
one). The signals take 0.3 kB a document, what is sent up to 0.4 kB more.
"""

import argparse
import dataclasses
import os
import shutil
import tempfile
import threading
import time
from multiprocessing import get_context
from pathlib import Path

import numba
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from corpus import schema
from corpus.columns import booleans, fixed_binary, numbers
from corpus.recipe import Recipe
from corpus.recipe.parsing import parse_recipe
from corpus.storage import ipc
from corpus.storage.run_directory import ItemRecord, RunDirectory, Stage
from corpus.unicode.segmentation import mix64
from filters.copies import duplicates, minhash, shared_lines
from filters.copies.duplicates import RankedEdges
from filters.copies.resolution import News, OpenEdges, concatenate_removals, never_losing, settle, without_gone
from filters.quality.rules import judge, load_profiles
from pipelines.running.runners import pipeline_options, quiet_workers, run_pipeline
from pipelines.selection import decision_settings as selection
from pipelines.selection.decision_settings import ExchangeName, LineInputs, SelectSettings
from pipelines.selection.exchanges import default_exchange
from pipelines.selection.step_context import edges_url
from pipelines.selection.step_order import step_files, steps_of
from pipelines.selection.steps import Select

ITEM_DOCUMENTS = 250_000
CHAIN = 1000
RENEWED = 20  # steps of a chain after which no value is what it was

TEXT = """The harbour was built in the last century, when ships that carried grain and timber had to wait for the tide to enter.
Its walls are of granite, which was brought by rail from quarries that are some forty miles to the north of the town.
Since then it has been made wider and deeper three times, and it is now the second largest of the country by tonnage.
Most of the people who live here work in the yards, in the offices of the shipping companies, or in the fish market.
Every morning at five the boats return, and what they have caught is sold before the sun is over the roofs of the houses.
Visitors like to come in summer, but those who know the place prefer the storms of November, with the waves over the pier.
"""


def recipe_of(dedup: dict[str, object] | None = None) -> Recipe:
    sources = [{"name": "web", "inputs": ["made"]}]
    return parse_recipe({"run": {"name": "made", "languages": ["en"]}, "source": sources, "dedup": dedup or {}}, "made")


def one_row(recipe: Recipe) -> dict[str, pa.Scalar]:
    """The signals of the text that do not differ from document to document; it passes the rules."""
    from filters.quality import signals

    texts = pa.array([TEXT], pa.large_string())
    values = {name: pa.array(column) for name, column in signals.measure(texts, ["en"]).items()}
    values |= {"source": pa.array(["web"]), "language": pa.array(["en"]), "script": pa.array([""])}
    values |= {"language_score": pa.array([1.0], pa.float32()), "second_language": pa.array([""])}
    reasons = judge(pa.record_batch(values), load_profiles(recipe), recipe.run.wants).to_pylist()
    if reasons != [""]:
        raise SystemExit(f"the text must pass the rules: {reasons}")
    return {name: column[0] for name, column in values.items()}


@numba.njit(cache=True, nogil=True)
def _values(
    first: int, count: int, total: int, permutations: int, hot: int
) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
    """(signatures (count, permutations), number that stands for each document's text)."""
    signatures = np.empty((count, permutations), np.uint32)
    text = np.empty(count, np.uint64)
    for row in range(count):
        number = first + row
        own = mix64(np.uint64(number) + np.uint64(1 << 62))
        block = number // CHAIN
        chained = mix64(np.uint64(block) + np.uint64(1 << 61)) % np.uint64(100) == 0
        base, changed = np.uint64(number), 0
        if not chained and _draw(own, 1) < 0.2:
            centre = _draw(own, 2)
            base = np.uint64(int(centre * centre * centre * total))
            level = _draw(own, 3)
            changed = 0 if level < 0.25 else int(1 + 0.4 * permutations * (level - 0.25) / 0.75)
        template = not chained and base == np.uint64(number) and _draw(own, 4) * total * 0.8 < hot
        for step in range(permutations):
            place = (step * 37) % permutations  # what is changed lies in all bands
            seed = base
            if chained:
                seed = mix64(np.uint64(block)) + np.uint64((number % CHAIN + step) // RENEWED)
            elif template and place < 8:
                seed = np.uint64(1 << 60)
            elif step < changed:
                seed = own
            value = mix64(seed * np.uint64(0x9E3779B97F4A7C15) + np.uint64(place))
            signatures[row, place] = np.uint32(value >> np.uint64(32))
        text[row] = base if changed == 0 and not chained else own | np.uint64(1 << 63)
    return signatures, text


@numba.njit(cache=True, nogil=True)
def _draw(own: np.uint64, which: int) -> float:
    """A number of [0, 1), one of those of a document."""
    return np.float64(mix64(own + np.uint64(which)) >> np.uint64(11)) / 9007199254740992.0


def write_item(stage: Stage, item: int, total: int, constant: dict[str, pa.Scalar]) -> None:
    """The signals of a work item, and its record."""
    recipe = recipe_of()
    dedup = recipe.dedup
    first = item * ITEM_DOCUMENTS
    count = min(ITEM_DOCUMENTS, total - first)
    signatures, texts = _values(first, count, total, dedup.permutations, min(total // 10, 1_000_000))
    numbers_ = np.arange(first, first + count, dtype=np.uint64)
    own = minhash.bands(signatures, bands=dedup.bands, rows=dedup.rows)
    hashes = np.stack([texts, texts ^ np.uint64(0x5555)], axis=1).view(np.uint8).reshape(count, 16)
    keys = np.stack([numbers_ * np.uint64(0x9E3779B97F4A7C15), numbers_], axis=1).view(np.uint8).reshape(count, 16)
    of = schema.signals_schema(permutations=dedup.permutations, bands=dedup.bands)
    made = {
        "doc_id": pa.array((np.uint64(item) << np.uint64(schema.ROW_BITS)) + np.arange(count, dtype=np.uint64)),
        "key": fixed_binary(keys),
        "text_hash": fixed_binary(hashes),
        "characters": pa.array((2000 + numbers_ * np.uint64(2654435761) % np.uint64(4001)).astype(np.uint32)),
        "date": pa.array((numbers_ % np.uint64(10**9)).astype(np.int64)).cast(pa.timestamp("s", tz="UTC")),
        "shingles": pa.array(np.full(count, 500, np.uint32)),
        "codes": fixed_binary(minhash.codes_of(signatures)),
        "bands": pa.FixedSizeListArray.from_arrays(pa.array(own.ravel()), type=of.field("bands").type),
    }
    columns = []
    for field in of:
        if field.name in made:
            columns.append(made[field.name])
        elif field.name in constant:
            columns.append(pa.repeat(constant[field.name].cast(field.type), count))
        elif field.nullable:
            columns.append(pa.nulls(count, field.type))
        else:
            empty: object = (
                [] if pa.types.is_list(field.type) else {"string": "", "bool": False}.get(str(field.type), 0)
            )
            columns.append(pa.repeat(pa.scalar(empty, field.type), count))
    batch = pa.RecordBatch.from_arrays(columns, schema=of)
    pieces = (batch.slice(begin, 10_000) for begin in range(0, count, 10_000))
    written = ipc.write_batches(stage.output("signals", item), of, pieces)
    stage.finish(ItemRecord(item, {"signals": written}, {"documents": count}))


class Watch(threading.Thread):
    """Looks now and then at the processes' memory and at the files that were sent."""

    def __init__(self, exchange: Path) -> None:
        super().__init__(daemon=True)
        self._exchange = exchange
        self.peak_bytes = self.most_bytes = 0
        self.sent: dict[str, int] = {}
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.5):
            self.peak_bytes = max(self.peak_bytes, sum(_memory(pid) for pid in _family(os.getpid())))
            there = {}
            for path in self._exchange.rglob("*.rows"):
                try:
                    there[f"{path.parent.name}/{path.name}"] = path.stat().st_size
                except FileNotFoundError:
                    continue
            self.sent |= there
            self.most_bytes = max(self.most_bytes, sum(there.values()))


def _family(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += (task / "children").read_text().split()
    except OSError:
        return []
    return [pid] + [below for child in sorted(set(children)) for below in _family(int(child))]


def _memory(pid: int) -> int:
    """Bytes of a process that no file holds: mapped files are the page cache's, which gives way."""
    try:
        fields = dict(line.split(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    except OSError:
        return 0
    return sum(int(fields.get(name, "0 kB").split()[0]) * 1024 for name in ("RssAnon", "RssShmem"))


def check(stage: Stage, settings: SelectSettings, items: int) -> dict[str, int]:
    """The counts of all items; ends the script where they do not hold."""
    totals: dict[str, int] = {}
    for record in stage.records():
        for name, number in record.counts.items():
            totals[name] = totals.get(name, 0) + number
    decisions = [
        ipc.open_table(stage.output("decisions", item), schema.DECISIONS)
        for item in range(0, items, max(1, items // 8))
    ]
    kept = {item: booleans(ipc.open_table(stage.output("decisions", item))["kept"]) for item in range(items)}
    for table in decisions:
        copies = numbers(table["representative"])[~booleans(table["kept"])]
        for doc in copies[:2000].tolist():
            if not kept[doc >> schema.ROW_BITS][doc & ((1 << schema.ROW_BITS) - 1)]:
                raise SystemExit(f"document {doc} stands for another and is not kept")
    if totals["documents"] != settings.documents or totals["kept"] + totals["dropped"] != settings.documents:
        raise SystemExit(f"sums do not hold: {totals}")
    return totals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--lines", type=int, default=0, help="of a document, to be compared; 0: none are")
    parser.add_argument("--folder", type=Path, help="of the made signals; kept and used again")
    parser.add_argument("--exchange", choices=["files", "engine"], help="default: what suits the runner")
    arguments, beam_args = parser.parse_known_args()
    total = arguments.documents
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        run = RunDirectory(str(folder / f"made-{total}"))
        extracted, stage = run.stage("measure", "made"), run.stage("select", "made")
        items = -(-total // ITEM_DOCUMENTS)
        missing = sorted(set(range(items)) - set(extracted.finished()))
        with get_context("spawn").Pool(arguments.workers) as pool:
            constant = one_row(recipe_of())
            pool.starmap(write_item, [(extracted, item, total, constant) for item in missing], chunksize=1)
        for name in ("decisions", "edges", "exchange", "stages/select"):
            shutil.rmtree(Path(run.path(name)), ignore_errors=True)
        compared = run.stage("lines", f"{arguments.lines}") if arguments.lines else None
        for item in range(items) if compared is not None else ():
            write_lines(compared, item, total, arguments.lines)
        measure(extracted, stage, items, total, arguments.workers, compared, beam_args, arguments.exchange)


def left_by_rounds(edges: RankedEdges, *, parts: int = 64) -> int:
    """Edges that are open after the rounds of a very large run, were documents divided at random; all are there, as a check."""
    winners = np.unique(edges.winner)
    rows = [np.flatnonzero(mix64(edges.loser) % np.uint64(parts) == part) for part in range(parts)]
    mine = [RankedEdges(edges.loser[each], edges.winner[each], edges.similarity[each]) for each in rows]
    of_winner = mix64(winners) % np.uint64(parts)
    open_edges = [OpenEdges.of(each) for each in mine]
    heard = [never_losing(winners[of_winner == part], mine[part]) for part in range(parts)]
    gone = []
    told = News.of(*((each.doc_id, each.stays) for each in heard))
    for _ in range(selection.ROUNDS):
        settled = [settle(*each) for each in zip(open_edges, heard, strict=True)]
        open_edges = [each for each, _, _ in settled]
        gone += [removals for _, removals, _ in settled]
        told = News.of((told.doc_id, told.stays), *((news.doc_id, news.stays) for _, _, news in settled))
        heard = [told] * parts  # what was heard before says nothing new
    left = [without_gone(*each).ranked for each in zip(open_edges, heard, strict=True)]
    columns = [np.concatenate([getattr(each, name) for each in left]) for name in ("loser", "winner", "similarity")]
    order = np.argsort(columns[0], kind="stable")
    rest = RankedEdges(*(column[order] for column in columns))
    found, expected = concatenate_removals([*gone, duplicates.resolve(rest)]), duplicates.resolve(edges)
    if not all(np.array_equal(getattr(found, name), getattr(expected, name)) for name in ("doc_id", "representative")):
        raise SystemExit("rounds decide otherwise than one pass")
    return len(rest.loser)


def write_lines(stage: Stage, item: int, total: int, each: int) -> None:
    """The lines of a work item's documents: of 20 characters, with a line feed between them."""
    first = item * ITEM_DOCUMENTS
    count = min(ITEM_DOCUMENTS, total - first)
    document = np.arange(first, first + count, dtype=np.uint64)
    line = np.arange(each, dtype=np.uint64)
    mixed = shared_lines.mixed_with(np.repeat(document, each), np.tile(line, count)).reshape(count, each)
    site = document // np.uint64(200)
    mixed[:, 0], mixed[:, 1], mixed[:, 2] = 7, 2 * site, 2 * site + np.uint64(1)
    places = [
        21 * line,
        21 * line + np.uint64(20),
        np.minimum(line, np.uint64(1)),
        np.minimum(line[::-1], np.uint64(1)),
    ]
    columns = [np.tile(place.astype(np.uint32), count) for place in places]
    columns.append(np.full(count * each, 20, np.uint32))
    of = schema.LINES.field("lines").type
    flat = pa.StructArray.from_arrays([pa.array(mixed.ravel()), *map(pa.array, columns)], fields=list(of.value_type))
    lists = pa.ListArray.from_arrays(pa.array(np.arange(0, count * each + 1, each, dtype=np.int32)), flat, of)
    ids = (np.uint64(item) << np.uint64(schema.ROW_BITS)) + np.arange(count, dtype=np.uint64)
    batch = pa.RecordBatch.from_arrays([pa.array(ids), pa.array(site + np.uint64(1)), lists], schema=schema.LINES)
    written = ipc.write_batches(stage.output("lines", item), schema.LINES, [batch])
    stage.finish(ItemRecord(item, {"lines": written}, {"documents": count, "lines": count * each}))


def measure(
    extracted: Stage,
    stage: Stage,
    items: int,
    total: int,
    workers: int,
    compared: Stage | None,
    beam_args: list[str],
    exchange: ExchangeName | None,
) -> None:
    recipe = recipe_of({"lines": {}} if compared is not None else {})
    documents = [min(ITEM_DOCUMENTS, total - item * ITEM_DOCUMENTS) for item in range(items)]
    of_items = {"item_of_split": np.arange(items), "source_of_split": ["web"]}
    settings = SelectSettings.over(recipe, extracted, documents, **of_items)
    parts = settings.parts
    if compared is not None:
        lines = LineInputs.divide(compared, [record.counts["lines"] for record in compared.records()], parts)
        settings = dataclasses.replace(settings, lines=lines)
    duplicates.warm_up()
    shared_lines.warm_up()
    watch = Watch(Path(stage.run.path("exchange")))
    watch.start()
    wall, started = time.time(), time.monotonic()
    options = pipeline_options(beam_args, workers=workers, pending=len(parts))
    exchange = exchange or default_exchange(options)
    of_steps = step_files(stage, settings, exchange)
    with quiet_workers(), of_steps.swept():
        run_pipeline(Select(stage, settings, exchange), options, name="select")
    seconds = time.monotonic() - started
    watch.done.set()
    totals = check(stage, settings, items)
    tables = pa.concat_tables(ipc.open_table(edges_url(settings, stage, part)) for part in range(len(parts)))
    edges = RankedEdges(*(numbers(tables.combine_chunks()[name]) for name in schema.EDGES.names))
    spent = os.times()
    cpu = spent.user + spent.system + spent.children_user + spent.children_system
    print(f"{total:,} documents, {len(parts)} parts, {settings.ranges} ranges, {workers} workers, exchange: {exchange}")
    print(f"  {len(edges.loser):,} edges, of which {selection.ROUNDS} rounds would leave {left_by_rounds(edges):,}")
    print(
        f"  kept {totals['kept']:,}",
        *(f"{name} {totals[name]:,}" for name in sorted(totals) if name.startswith(("dropped.", "line_cut"))),
    )
    print(
        f"  {seconds:.1f} s, {1e6 * seconds / total:.2f} us a document; {cpu:.0f} s of CPU with making what was missing"
    )
    print(f"  peak memory of all processes {watch.peak_bytes / 2**30:.2f} GiB")
    sent = sum(watch.sent.values())
    print(
        f"  sent {sent / 2**30:.2f} GiB, {sent / total:.0f} bytes a document; most on disk at once {watch.most_bytes / 2**30:.2f} GiB"
    )
    number, before = 0, wall
    for step in steps_of(settings):
        units = range(number, number := number + step.units)
        ended = max(Path(of_steps.records.file(f"{unit:05d}.json")).stat().st_mtime for unit in units)
        print(f"    {step.name:<16}{len(units):>6} units {ended - before:8.1f} s")
        before = ended


if __name__ == "__main__":
    main()
