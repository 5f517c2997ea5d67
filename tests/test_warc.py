"""Reading WARC files: the same records as fastwarc, once each whatever the ranges, and every damaged byte accounted for."""

import dataclasses
import gzip
import io
import json
import time
import tracemalloc
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.reasons import BYTE_LOSSES, Reason
from corpus.sources.records import Item, Limits, Loss, NoPage, Page, Split, Text
from corpus.sources.warc import read_warc

REPOSITORY = Path(__file__).resolve().parents[1]
DEMO = sorted((REPOSITORY / "examples" / "demo").glob("docs-*.warc.gz"))
TORTURE = REPOSITORY.parent / "shared" / "data" / "torture"
LIMITS = Limits(max_record_bytes=64 << 20, max_page_bytes=16 << 20)
RELAXED = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(file: Path, begin: int = 0, end: int | None = None, limits: Limits = LIMITS) -> list[Item]:
    size = file.stat().st_size
    return list(read_warc(Split(0, "web", "warc", str(file), begin, size if end is None else end, size), limits))


def read_ranges(file: Path, cuts: list[int]) -> list[Item]:
    size = file.stat().st_size
    bounds = sorted({0, size, *(cut % (size + 1) for cut in cuts)})
    return [item for begin, end in pairwise(bounds) for item in read(file, begin, end)]


def read_bytes(folder: Path, data: bytes, limits: Limits = LIMITS) -> list[Item]:
    file = folder / "input"
    file.write_bytes(data)
    return read(file, limits=limits)


def pages(items: list[Item]) -> list[Page]:
    return [item for item in items if isinstance(item, Page)]


def losses(items: list[Item]) -> list[Loss]:
    return [item for item in items if isinstance(item, Loss)]


def urls(items: list[Item]) -> list[str]:
    return [str(page.url).rpartition("/")[2] for page in pages(items)]


def record(name: str, body: bytes = b"<p>text</p>", *, length: int | None = None, kind: str = "response") -> bytes:
    """A WARC record; `length` is what its header claims where that is wrong."""
    content = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body if kind == "response" else body
    )
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: http://a.example/{name}\r\n"
        f"WARC-Record-ID: <urn:{name}>\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n"
        f"Content-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(content) if length is None else length}\r\n\r\n"
    )
    return head.encode() + content + b"\r\n\r\n"


def members(data: bytes) -> list[tuple[int, int]]:
    """Where each gzip member lies: zlib's own word, independent of the reader."""
    found, offset = [], 0
    while offset < len(data):
        inflater = zlib.decompressobj(wbits=31)
        inflater.decompress(data[offset:])
        end = len(data) - len(inflater.unused_data)
        found.append((offset, end))
        offset = end
    return found


def oracle(data: bytes) -> Iterator[tuple[str, str, bytes]]:
    """fastwarc's responses: id, URL, payload."""
    for found in ArchiveIterator(io.BytesIO(data), record_types=WarcRecordType.response, parse_http=True):
        yield found.headers["WARC-Record-ID"], found.headers["WARC-Target-URI"], found.reader.read()


def random_page(random: np.random.Generator, size: int) -> bytes:
    return b"<p>" + bytes(random.integers(97, 123, size, np.uint8)) + b"</p>"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of a demo file that is small enough to be read hundreds of times: whole members."""
    data = DEMO[0].read_bytes()
    cut = next(end for _, end in members(data[: 1 << 17] + data[1 << 17 : 1 << 18]) if end > 60_000)
    file = tmp_path_factory.mktemp("warc") / "small.warc.gz"
    file.write_bytes(data[:cut])
    return file


def forms(folder: Path) -> dict[str, Path]:
    """The same records as a member each, as one member, in members of several, and plain."""
    random = np.random.default_rng(5)
    records = [record("info", b"software: x\r\n", kind="warcinfo")]
    records += [record(str(n), random_page(random, 40 + 700 * (n % 4))) for n in range(12)]
    stored = {
        "each": b"".join(map(gzip.compress, records)),
        "one": gzip.compress(b"".join(records)),
        "threes": b"".join(gzip.compress(b"".join(records[n : n + 3])) for n in range(0, len(records), 3)),
        "plain": b"".join(records),
    }
    for name, data in stored.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in stored}


# What is read


@pytest.mark.parametrize("file", DEMO, ids=lambda file: file.name)
def test_pages_and_bodies_are_those_of_fastwarc(file: Path) -> None:
    items = read(file)
    expected = list(oracle(file.read_bytes()))
    assert not losses(items)
    assert [(page.record_id, page.url, page.body) for page in pages(items)] == expected
    # Counted without any WARC library: a member a record, its type in its first lines.
    data = file.read_bytes()
    headers = [gzip.decompress(data[begin:end])[:300] for begin, end in members(data)]
    assert len(pages(items)) == sum(b"WARC-Type: response" in header for header in headers)
    assert len(items) == len(headers)


@pytest.mark.parametrize("file", DEMO, ids=lambda file: file.name)
def test_offset_and_length_cut_the_record_out_of_the_file(file: Path) -> None:
    """`failed/` and `documents/` name these bytes; with them the record is found again."""
    data = file.read_bytes()
    for page in pages(read(file)):
        ((_, url, body),) = oracle(data[page.offset : page.offset + page.length])
        assert (url, body) == (page.url, page.body)


def test_one_member_of_many_and_plain_give_the_same_records(tmp_path: Path) -> None:
    bodies = {name: [(p.url, p.body) for p in pages(read(file))] for name, file in forms(tmp_path).items()}
    assert len(bodies["each"]) == 12
    assert all(found == bodies["each"] for found in bodies.values())


# Ranges


@RELAXED
@given(cuts=st.lists(st.integers(0, 1 << 20), max_size=8))
def test_any_division_of_a_real_file_gives_every_item_once(small: Path, cuts: list[int]) -> None:
    assert read_ranges(small, cuts) == read(small)


@RELAXED
@given(
    cuts=st.lists(st.integers(0, 1 << 16), max_size=12),
    form=st.sampled_from(["each", "one", "threes", "plain"]),
    damage=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(1, 255)), max_size=4),
    garbage=st.binary(max_size=30),
    left_out=st.integers(0, 1 << 16) | st.just(0),
)
def test_any_division_of_a_damaged_file_gives_every_record_and_loss_once(
    tmp_path_factory: pytest.TempPathFactory,
    cuts: list[int],
    form: str,
    damage: list[tuple[int, int]],
    garbage: bytes,
    left_out: int,
) -> None:
    """A loss between two ranges belongs to one of them: it was nobody's when ranges looked for members alone."""
    folder = tmp_path_factory.mktemp("ranges")
    file = forms(folder)[form]
    data = bytearray(file.read_bytes())
    for place, flip in damage:
        data[place % len(data)] ^= flip
    middle = cuts[0] % len(data) if cuts else 0
    file.write_bytes(data[:middle] + garbage + data[middle : len(data) - left_out % len(data)])
    assert read_ranges(file, cuts) == read(file)


@pytest.mark.parametrize("form", ["each", "plain"])
def test_a_boundary_at_every_byte_around_a_record(tmp_path: Path, form: str) -> None:
    file = forms(tmp_path)[form]
    whole = read(file)
    record_two = pages(whole)[2]
    for cut in range(record_two.offset - 9, record_two.offset + 9):
        assert read_ranges(file, [cut]) == whole


# Damage


@pytest.mark.parametrize("seed", range(10))
def test_one_flipped_byte_costs_its_own_member_alone(small: Path, tmp_path: Path, seed: int) -> None:
    """1,000 places in all: untouched members come out, none twice, and the loss names the damaged one's bytes."""
    data = small.read_bytes()
    where = members(data)
    whole = {page.offset: page for page in pages(read(small))}
    random = np.random.default_rng(seed)
    for place in random.integers(0, len(data), 100):
        damaged = bytearray(data)
        damaged[place] ^= int(random.integers(1, 256))
        begin, end = next((begin, end) for begin, end in where if begin <= place < end)
        items = read_bytes(tmp_path, bytes(damaged))
        found = pages(items)
        others = [page for offset, page in whole.items() if offset != begin]
        assert [page for page in found if page.offset != begin] == others, place
        here = [page for page in found if page.offset == begin]
        # A flip in a member's time stamp, name or system changes nothing that is checked, and nothing that is read.
        assert here in ([], [whole.get(begin)]), place
        if begin in whole and not here:
            (loss,) = losses(items)
            assert (loss.offset, loss.length) == (begin, end - begin), place
            assert loss.reason in BYTE_LOSSES


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("file", DEMO, ids=lambda file: file.name)
def test_a_hundred_flipped_bytes_at_once_cost_their_own_members_alone(tmp_path: Path, file: Path, seed: int) -> None:
    data = file.read_bytes()
    random = np.random.default_rng(seed)
    places = random.choice(len(data), 100, replace=False)
    damaged = bytearray(data)
    for place in places.tolist():
        damaged[place] ^= int(random.integers(1, 256))
    hit = {begin for begin, end in members(data) if any(begin <= place < end for place in places)}
    assert 30 < len(hit) <= 100
    whole = {page.offset: page for page in pages(read(file))}
    items = read_bytes(tmp_path, bytes(damaged))
    found = pages(items)
    assert [page for page in found if page.offset not in hit] == [
        page for offset, page in whole.items() if offset not in hit
    ]
    # Of the others some are whole, since a member's time stamp, name and system are not checked; none comes twice.
    assert [page for page in found if page.offset in hit] == [
        page for page in whole.values() if page.offset in {each.offset for each in found} & hit
    ]
    lost = [(loss.offset, loss.offset + loss.length) for loss in losses(items)]
    missing = whole.keys() - {page.offset for page in found}
    assert all(any(begin <= offset < end for begin, end in lost) for offset in missing)


def test_every_place_where_a_file_can_be_cut(small: Path, tmp_path: Path) -> None:
    data = small.read_bytes()
    where = members(data)
    whole = pages(read(small))
    random = np.random.default_rng(1)
    tail = where[-1][0]
    parts = 0
    for cut in [*range(tail + 1, tail + 30), *range(len(data) - 12, len(data)), *random.integers(1, len(data), 150)]:
        items = read_bytes(tmp_path, data[:cut])
        complete = [end for _, end in where if end <= cut]
        begin = complete[-1] if complete else 0
        assert [page for page in pages(items) if page.offset < begin] == [
            page for page in whole if page.offset + page.length <= cut
        ]
        last = [page for page in pages(items) if page.offset >= begin]
        for part in last:
            # The beginning of the page, as the bytes that are there inflate to; the rest is reported missing.
            (page,) = [page for page in whole if page.offset == begin]
            assert page.body.startswith(part.body)
            assert part.body
            assert dataclasses.replace(part, body=page.body, length=page.length) == page
            parts += 1
        lost = [(loss.reason, loss.offset, loss.length) for loss in losses(items)]
        if begin == cut:
            assert lost == []  # whole members and nothing else: no reader can know
        elif cut < 3:
            assert [reason for reason, *_ in lost] == [Reason.NOT_AN_ARCHIVE]
        else:
            assert lost == [(Reason.TRUNCATED_INPUT, begin, 0 if last else cut - begin)], cut
    assert parts > 100


def test_a_plain_file_that_is_cut(tmp_path: Path) -> None:
    records = [record(str(n)) for n in range(3)]
    data = b"".join(records)
    last = len(records[0]) + len(records[1])
    for cut in range(last + 1, len(data)):
        items = read_bytes(tmp_path, data[:cut])
        if cut >= len(data) - 4:  # only the blank lines after the record are missing
            assert urls(items) == ["0", "1", "2"]
            assert not losses(items)
            continue
        body = data.rindex(b"<p>")
        assert urls(items) == (["0", "1", "2"] if cut > body else ["0", "1"])
        assert cut <= body or pages(items)[2].body == data[body:cut]
        assert [(loss.reason, loss.offset, loss.length) for loss in losses(items)] == [
            (Reason.TRUNCATED_INPUT, last, 0 if cut > body else cut - last)
        ], cut


def test_a_cut_member_of_many_records_gives_what_came_before(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    data = gzip.compress(b"".join(record(str(n), random_page(random, 20_000)) for n in range(20)))
    items = read_bytes(tmp_path, data[: len(data) // 2])
    found = urls(items)
    assert len(found) >= 8
    assert found == [str(n) for n in range(len(found))]
    assert [len(page.body) for page in pages(items)[:-1]] == [20_007] * (len(found) - 1)
    assert 0 < len(pages(items)[-1].body) < 20_007
    (loss,) = losses(items)
    assert (loss.reason, loss.length, loss.url) == (Reason.TRUNCATED_INPUT, 0, pages(items)[-1].url)


@pytest.mark.parametrize(
    "garbage",
    [
        b"garbage",
        b"\x1f\x8b\x08",
        b"\x1f\x8b\x08\0\0\0\0\0\0\3\xff\xff",
        b"\0" * 9 + b"x",
        gzip.compress(b"hello", mtime=0),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_garbage_before_between_and_after_members(tmp_path: Path, garbage: bytes, place: int) -> None:
    parts = [gzip.compress(record("a")), gzip.compress(record("b"))]
    items = read_bytes(tmp_path, b"".join([*parts[:place], garbage, *parts[place:]]))
    assert urls(items) == ["a", "b"]
    begin = len(b"".join(parts[:place]))
    lost = [(loss.offset, loss.length) for loss in losses(items)]
    zeros = len(garbage) - len(garbage.lstrip(b"\0")) if place else 0
    assert lost == [(begin + zeros, len(garbage) - zeros)]


@pytest.mark.parametrize("padding", [b"\0" * 5, b"\0" * 70_000, b"\r\n\r\n"])
def test_padding_is_no_loss(tmp_path: Path, padding: bytes) -> None:
    items = read_bytes(tmp_path, gzip.compress(record("a")) + padding + gzip.compress(record("b")) + padding)
    assert urls(items) == ["a", "b"]
    assert not losses(items)


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 40
EMPTY_GZIP = gzip.compress(b"", mtime=0)


@pytest.mark.parametrize(
    "data",
    [PNG, b"<!doctype html><p>not found</p>" * 99, b"", b"\n", b"{}\n" * 9, gzip.compress(PNG, mtime=0), EMPTY_GZIP],
    ids=["png", "html", "empty", "newline", "jsonl", "png.gz", "empty.gz"],
)
def test_what_is_no_archive_is_said_to_be_none(tmp_path: Path, data: bytes) -> None:
    items = read_bytes(tmp_path, data)
    assert not pages(items)
    if data in (b"\n", EMPTY_GZIP):
        assert not items  # nothing in it, so nothing is lost
    else:
        (loss,) = items
        assert isinstance(loss, Loss)
        assert (loss.reason, loss.offset) == (Reason.NOT_AN_ARCHIVE, 0)
        assert loss.length == len(data)


@pytest.mark.parametrize("form", ["plain", "one member", "members"])
@pytest.mark.parametrize("claimed", [(64 << 20) + 1, 600 << 20, 1 << 50])
@pytest.mark.parametrize("body", [b"", b"<p>short</p>", b"x" * 200_000])
def test_a_wrong_length_over_the_limit_does_not_swallow_the_rest(
    tmp_path: Path, form: str, claimed: int, body: bytes
) -> None:
    records = [record(f"{n}", body, length=claimed if n == 3 else None) for n in range(9)]
    packed = {
        "plain": b"".join(records),
        "one member": gzip.compress(b"".join(records)),
        "members": b"".join(map(gzip.compress, records)),
    }
    items = read_bytes(tmp_path, packed[form])
    assert urls(items) == [f"{n}" for n in range(9) if n != 3]
    (loss,) = losses(items)
    assert loss.reason is Reason.EXPANSION_LIMIT
    assert loss.length in (0 if form == "one member" else len(records[3]), len(gzip.compress(records[3])), 0)


@pytest.mark.parametrize("packed", ["plain", "each", "one"])
@pytest.mark.parametrize("off_by", [-30, -5, 5, 100, 900, 10**6])
def test_a_wrong_content_length_costs_that_record_only(tmp_path: Path, packed: str, off_by: int) -> None:
    body = b"<p>" + b"word " * 30 + b"</p>"
    right = len(record("x", body).partition(b"\r\n\r\n")[2]) - 4
    records = [record("a", body), record("b", body, length=right + off_by), record("c", body), record("d", body)]
    if packed == "each":
        data = b"".join(map(gzip.compress, records))
    else:
        data = b"".join(records) if packed == "plain" else gzip.compress(b"".join(records))
    items = read_bytes(tmp_path, data)
    assert urls(items) == ["a", "b", "c", "d"]
    assert [page.body.rstrip(b"\r\n") for page in pages(items)] == [body] * 4
    if packed == "each" and off_by > 0:
        assert not losses(items)  # the member's end is a surer mark than the length
    else:
        (loss,) = losses(items)
        assert (loss.reason, loss.length, loss.url) == (Reason.MALFORMED_RECORD, 0, "http://a.example/b")
        assert loss.offset == pages(items)[1].offset


def test_many_records_that_claim_to_be_large_cost_linear_time(tmp_path: Path) -> None:
    """Each looks at what it claims, and all claim what follows: copied for each, this would take hours."""
    records = [record(str(n), length=60_000_000) for n in range(20_000)]
    file = tmp_path / "input"
    file.write_bytes(b"".join(records) + b"x" * (61 << 20))
    started = time.perf_counter()
    items = read(file)
    assert time.perf_counter() - started < 60
    assert urls(items) == [str(n) for n in range(len(records))]


@pytest.mark.parametrize("line", [b"", b"Content-Length:\r\n", b"content-length: many\r\n", b"Content-Length: 7\r\n"])
def test_a_length_that_is_missing_wrong_or_no_number(tmp_path: Path, line: bytes) -> None:
    head, _, rest = record("b").partition(b"Content-Length: ")
    flawed = head.replace(b"WARC-Date", line + b"WARC-Date") + b"X-Last: 1" + rest[rest.index(b"\r\n") :]
    for data in (record("a") + flawed + record("c"), record("a") + flawed):
        for items in (read_bytes(tmp_path, data), read_bytes(tmp_path, gzip.compress(data))):
            assert [page.body for page in pages(items)] == [b"<p>text</p>"] * (data.count(b"WARC/1.0"))
            assert [loss.reason for loss in losses(items)] == [Reason.MALFORMED_RECORD]


@pytest.mark.parametrize("packed", ["plain", "one"])
def test_a_wrong_length_far_from_any_record_is_a_loss(tmp_path: Path, packed: str) -> None:
    """Nobody can say then which of the bytes are the record's."""
    data = record("a") + record("b", length=20).rstrip() + b"x" * 300_000 + b"\n" + record("c")
    file = tmp_path / "input"
    file.write_bytes(data if packed == "plain" else gzip.compress(data))
    items = read(file, limits=Limits(max_record_bytes=200_000, max_page_bytes=200_000))
    assert urls(items) == ["a", "c"]
    (loss,) = losses(items)
    assert loss.reason is Reason.MALFORMED_RECORD
    if packed == "plain":
        assert (loss.offset, loss.offset + loss.length) == (len(record("a")), len(data) - len(record("c")))


def test_a_record_of_another_kind_with_a_wrong_length_is_counted_and_listed(tmp_path: Path) -> None:
    request = record("r", b"GET / HTTP/1.1\r\n\r\n", kind="request", length=3)
    _, other, loss, after = read_bytes(tmp_path, record("a") + request + record("b"))
    assert isinstance(after, Page)
    assert isinstance(other, NoPage)
    assert other.kind == "request"
    assert isinstance(loss, Loss)
    assert (loss.offset, loss.length) == (len(record("a")), len(request))


@pytest.mark.parametrize("seed", range(3))
def test_a_last_member_that_is_damaged_is_not_taken_for_one_that_is_cut(tmp_path: Path, seed: int) -> None:
    """Some flipped bytes make a stream run on beyond the end of the file, as a cut one does."""
    random = np.random.default_rng(seed)
    body = b"<p>" + b" ".join(b"%d words of a page" % n for n in random.integers(0, 999, 60)) + b"</p>"
    member = gzip.compress(record("b", body), mtime=0)
    ran_on = 0
    for place in range(10, len(member) - 8):
        for bit in range(8):
            damaged = bytearray(member)
            damaged[place] ^= 1 << bit
            inflater = zlib.decompressobj(wbits=31)
            try:
                inflater.decompress(bytes(damaged))
            except zlib.error:
                continue
            ran_on += not inflater.eof
            found = pages(read_bytes(tmp_path, gzip.compress(record("a")) + damaged))
            assert [page.body for page in found if page.url == "http://a.example/b"] in ([], [body])
    assert ran_on > 5


@pytest.mark.parametrize("packed", ["plain", "each", "one"])
def test_a_record_over_the_limit_costs_that_record_only(tmp_path: Path, packed: str) -> None:
    records = [record("a"), record("b", b"x" * 300_000), record("c")]
    data = {
        "plain": b"".join(records),
        "each": b"".join(map(gzip.compress, records)),
        "one": gzip.compress(b"".join(records)),
    }
    items = read_bytes(tmp_path, data[packed], Limits(max_record_bytes=200_000, max_page_bytes=200_000))
    assert urls(items) == ["a", "c"]
    assert [loss.reason for loss in losses(items)] == [Reason.EXPANSION_LIMIT]


@pytest.mark.parametrize("declared", ["a record of 200 MB", "no record"])
def test_memory_is_bounded_by_the_limit_and_not_by_a_bomb(tmp_path: Path, declared: str) -> None:
    zeros = 200 << 20
    packer = zlib.compressobj(1, wbits=31)
    head = record("bomb", length=zeros)[:-4] if declared != "no record" else b"\0"
    bomb = [packer.compress(head)]
    bomb += [packer.compress(bytes(1 << 20)) for _ in range(zeros >> 20)]
    data = b"".join(bomb) + packer.flush() + gzip.compress(record("after"))
    file = tmp_path / "bomb.warc.gz"
    file.write_bytes((gzip.compress(record("before")) if declared != "no record" else b"") + data)
    limit = 4 << 20
    tracemalloc.start()
    try:
        items = read(file, limits=Limits(max_record_bytes=limit, max_page_bytes=limit))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert urls(items)[-1] == "after"
    first = losses(items)[0]
    assert first.reason is Reason.EXPANSION_LIMIT
    assert peak < 3 * limit


def test_a_body_that_expands_beyond_the_limit_is_that_page_s_failure(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(80 << 20))
    coded = record("bomb", bomb).replace(b"charset=utf-8\r\n", b"charset=utf-8\r\nContent-Encoding: gzip\r\n")
    coded = coded.replace(b"Content-Length: ", b"Content-Length: 0", 1)
    length = len(coded.partition(b"\r\n\r\n")[2]) - 4
    head, _, rest = coded.partition(b"Content-Length: ")
    coded = head + b"Content-Length: %d" % length + rest[rest.index(b"\r\n") :]
    tracemalloc.start()
    try:
        items = read_bytes(tmp_path, coded + record("after"), Limits(max_record_bytes=4 << 20, max_page_bytes=1 << 20))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert urls(items) == ["after"]
    assert [(loss.reason, loss.url) for loss in losses(items)] == [(Reason.BODY_DECODING, "http://a.example/bomb")]
    assert peak < 20 << 20


PIECES = [
    *(b"WARC/1.0\r\n", b"\r\n", b"\n", b"\r\r\n", b"Content-Length: 5\r\n", b"content-length:3\n", b" fold\r\n"),
    *(b"WARC-Type: response\r\n", b"WARC-Type: \r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 302 \r\n", b"hello", b"\0"),
    *(b"WARC-Target-URI: <http://\xff/>\r\n", b"\x1f\x8b\x08", b"WARC/", b"Content-Encoding: gzip\r\n"),
]


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.one_of(
        st.binary(max_size=400),
        st.lists(
            st.sampled_from(PIECES),
            max_size=25,
        ).map(b"".join),
    ),
    packed=st.booleans(),
)
def test_no_bytes_make_it_raise(tmp_path: Path, data: bytes, packed: bool) -> None:
    for item in read_bytes(tmp_path, gzip.compress(data) if packed else data):
        if isinstance(item, Page):
            assert isinstance(item.body, bytes)
            (item.url or "").encode()  # no lone surrogates: these go into Arrow strings
            (item.record_id or "").encode()
        elif isinstance(item, Loss):
            assert item.offset >= 0
            assert item.length >= 0
            assert "\n" not in item.detail


def test_fields_of_a_header_as_writers_spell_them(tmp_path: Path) -> None:
    """Lower-case names, folded lines, line ends of \\n and \\r\\r\\n, a URL in angle brackets."""
    plain = record("a")
    head, body = plain.split(b"\r\n\r\n", 1)
    lower = b"\r\n".join(
        name.lower() + b":" + value for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
    )
    spellings = {
        "lower": b"WARC/1.0\r\n" + lower + b"\r\n\r\n" + body,
        "folded": head.replace(b": ", b": \r\n\t") + b"\r\n\r\n" + body,
        "newlines": (head + b"\r\n\r\n").replace(b"\r\n", b"\n") + body,
        "doubled": (head + b"\r\n\r\n").replace(b"\r\n", b"\r\r\n") + body,
        "brackets": head.replace(b"http://a.example/a", b"<http://a.example/a>") + b"\r\n\r\n" + body,
        "version": plain.replace(b"WARC/1.0", b"WARC/1.1", 1),
    }
    (expected,) = pages(read_bytes(tmp_path, plain))
    for name, data in spellings.items():
        items = read_bytes(tmp_path, data + record("b"))
        assert not losses(items), name
        first, second = pages(items)
        assert dataclasses.replace(first, length=0) == dataclasses.replace(expected, length=0), name
        assert second.url == "http://a.example/b"


def test_a_page_about_warc_files_is_no_record(tmp_path: Path) -> None:
    """A line "WARC/1.0 is a format" in a page, which begins no record, does not stop the range before it."""
    body = b"<pre>\nWARC/1.0 is a format\nWARC/ too\n</pre>"
    data = b"".join(record(str(n), body) for n in range(4))
    file = tmp_path / "about.warc"
    file.write_bytes(data)
    whole = read(file)
    assert urls(whole) == ["0", "1", "2", "3"]
    for cut in range(1, len(data)):
        assert read_ranges(file, [cut]) == whole


# Other projects' hard cases

#: What a reference reader calls a record and is none, in either reader's count.
NO_RECORDS = {
    ("jwat__invalid-warcfile-record-then-garbage.warc", "warcio"): "a line of the garbage behind its only record",
    ("jwat__invalid-warcfile-fields-empty.warc", "warcio"): "a line of its only record's content",
    ("jwat__sample.txt.gz", "warcio"): "the first line of a text that is no archive",
}


def kind_of(item: Item) -> str:
    """Resources and conversions are pages or texts, like responses."""
    return (
        "response"
        if isinstance(item, Page | Text)
        else item.kind.partition(" ")[0]
        if isinstance(item, NoPage)
        else "loss"
    )


@pytest.mark.skipif(not TORTURE.is_dir(), reason=f"no {TORTURE.relative_to(REPOSITORY.parent)} beside the repository")
def test_files_that_other_projects_test_with() -> None:
    """Each is read to its end without an exception, and gives at least the records that either reader gives, by type."""
    lines = (TORTURE / "table.tsv").read_text(encoding="utf-8").splitlines()
    rows = [dict(zip(lines[0].split("\t"), line.split("\t"), strict=True)) for line in lines[1:]]
    assert len(rows) >= 48
    fewer = set()
    for row in rows:
        if ".arc" in row["file"]:
            continue  # tests/test_archive_codings.py
        items = read(TORTURE / row["file"])
        ours = Counter(map(kind_of, items))
        for reader in ("warcio", "fastwarc"):
            theirs: Counter[str] = Counter()
            for kind, number in json.loads(row[f"{reader} records"]).items():
                name = kind.strip() if kind.strip(" -") else "unknown"
                theirs["response" if name in ("resource", "conversion") else name] += number
            if theirs - ours:
                fewer.add((row["file"], reader))
                assert losses(items), row["file"]
    assert fewer == NO_RECORDS.keys()


@pytest.mark.skipif(not TORTURE.is_dir(), reason=f"no {TORTURE.relative_to(REPOSITORY.parent)} beside the repository")
def test_a_cut_record_is_given_and_reported() -> None:
    """Both readers give it as if it were whole; fastwarc's digest alone says that it is not."""
    page, loss = read(TORTURE / "chatnoir-resiliparse__clipped.warc.gz")
    assert isinstance(page, Page)
    inflated = zlib.decompressobj(wbits=31).decompress((TORTURE / "chatnoir-resiliparse__clipped.warc.gz").read_bytes())
    assert page.body == inflated.split(b"\r\n\r\n", 2)[2]
    assert isinstance(loss, Loss)
    assert (loss.reason, loss.length, loss.url) == (Reason.TRUNCATED_INPUT, 0, page.url)
    assert "record of 88275 bytes, 75207 are there" in loss.detail


@pytest.mark.skipif(not TORTURE.is_dir(), reason=f"no {TORTURE.relative_to(REPOSITORY.parent)} beside the repository")
def test_files_that_other_projects_test_with_in_any_ranges() -> None:
    random = np.random.default_rng(3)
    for file in sorted(TORTURE.iterdir()):
        size = file.stat().st_size
        if size < 300_000:
            whole = read(file)
            for _ in range(4):
                assert read_ranges(file, random.integers(0, size, 3).tolist()) == whole, file.name
