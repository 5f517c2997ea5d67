"""gzip, zstd, lz4, ARC and WET: the same records in every coding, whatever the ranges, and damage costs its own frame."""

import gzip
import json
import struct
import tracemalloc
import zlib
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import lz4.frame
import numpy as np
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.reasons import Reason
from corpus.sources.compressed import Member
from corpus.sources.read import read_split
from corpus.sources.records import Item, Limits, Loss, NoPage, Page, Split, Text

REPOSITORY = Path(__file__).resolve().parents[1]
TORTURE = REPOSITORY.parent / "shared" / "data" / "torture"
LIMITS = Limits(max_record_bytes=4 << 20, max_page_bytes=4 << 20)
RELAXED = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
DICTIONARY = zstandard.train_dictionary(
    1 << 12, [b"WARC/1.0\r\nWARC-Type: response\r\n%d" % n * (1 + n % 7) for n in range(2000)]
)


def gzip_member(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def zstd_with_dictionary(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True, dict_data=DICTIONARY).compress(data)


def lz4_frame(data: bytes) -> bytes:
    return lz4.frame.compress(data, content_checksum=True)


def skippable(content: bytes, low: int = 0x5D) -> bytes:
    return struct.pack("<II", 0x184D2A00 | low, len(content)) + content


def warc(number: int, size: int = 200) -> bytes:
    body = f"<p>{'word ' * (size // 5)}{number}</p>".encode()
    content = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + body
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/{number}\r\n"
        f"WARC-Date: 2024-01-01T00:00:00Z\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content + b"\r\n\r\n"


def arc(number: int, size: int = 200) -> bytes:
    if number == 0:
        block = b"1 0 Test\nURL IP-address Archive-date Content-type Archive-length\n"
        return b"filedesc://t.arc 0.0.0.0 20080430204825 text/plain %d\n" % len(block) + block + b"\n"
    content = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>" + b"word " * (size // 5) + b"</p>"
    return b"http://a.example/%d 1.2.3.4 20080430204826 text/html %d\n" % (number, len(content)) + content + b"\n"


def plain(data: bytes) -> bytes:
    return data


RECORDS: dict[str, Callable[..., bytes]] = {"warc": warc, "arc": arc}
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip_member,
    "zstd": zstd,
    "dictionary": zstd_with_dictionary,
    "lz4": lz4_frame,
}


def stored(kind: str, coding: str, *, together: int = 1, number: int = 12) -> list[bytes]:
    """Records, `together` of them in a frame."""
    records = [RECORDS[kind](n, 40 + 700 * (n % 4)) for n in range(number)]
    pack = {**CODINGS, "plain": plain}[coding]
    frames = [pack(b"".join(records[n : n + together])) for n in range(0, number, together)]
    return [skippable(DICTIONARY.as_bytes()), *frames] if coding == "dictionary" else frames


def read(file: Path, kind: str, begin: int = 0, end: int | None = None, limits: Limits = LIMITS) -> list[Item]:
    size = file.stat().st_size
    return list(read_split(Split(0, "s", kind, str(file), begin, size if end is None else end, size), limits))


def read_ranges(file: Path, kind: str, cuts: list[int]) -> list[Item]:
    size = file.stat().st_size
    bounds = sorted({0, size, *(cut % (size + 1) for cut in cuts)})
    return [item for begin, end in pairwise(bounds) for item in read(file, kind, begin, end)]


def urls(items: list[Item]) -> list[str]:
    return [str(item.url).rpartition("/")[2] for item in items if isinstance(item, Page)]


def losses(items: list[Item]) -> list[Loss]:
    return [item for item in items if isinstance(item, Loss)]


@pytest.mark.parametrize("kind", RECORDS)
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("together", [1, 5, 12])
def test_every_coding_gives_what_the_plain_file_gives(tmp_path: Path, kind: str, coding: str, together: int) -> None:
    file, bare = tmp_path / "packed", tmp_path / "bare"
    file.write_bytes(b"".join(stored(kind, coding, together=together)))
    bare.write_bytes(b"".join(stored(kind, "plain")))
    found, expected = read(file, kind), read(bare, kind)
    assert not losses(found)
    assert [(page.url, page.date, page.body) for page in found if isinstance(page, Page)] == [
        (page.url, page.date, page.body) for page in expected if isinstance(page, Page)
    ]
    assert len(found) == len(expected) == 12
    assert len(urls(found)) >= 11


def test_a_dictionary_that_is_compressed_itself_and_frames_to_skip(tmp_path: Path) -> None:
    frames = [zstd_with_dictionary(warc(n)) for n in range(3)]
    file = tmp_path / "packed"
    file.write_bytes(skippable(zstd(DICTIONARY.as_bytes())) + skippable(b"note", 0x50).join(frames) + b"\0" * 9)
    assert urls(read(file, "warc")) == ["0", "1", "2"]
    assert not losses(read(file, "warc"))
    file.write_bytes(skippable(b"index", 0x5D) + lz4_frame(warc(0)) + skippable(b"x" * 9, 0x52) + lz4_frame(warc(1)))
    assert urls(read(file, "warc")) == ["0", "1"]
    assert not losses(read(file, "warc"))


@RELAXED
@given(
    kind=st.sampled_from(["warc", "arc"]),
    coding=st.sampled_from([*CODINGS, "plain"]),
    together=st.sampled_from([1, 3, 12]),
    cuts=st.lists(st.integers(0, 1 << 16), max_size=10),
    damage=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(1, 255)), max_size=3),
    garbage=st.binary(max_size=30),
    left_out=st.integers(0, 1 << 16) | st.just(0),
)
def test_any_division_of_a_damaged_file_gives_every_record_and_loss_once(
    tmp_path: Path,
    kind: str,
    coding: str,
    together: int,
    cuts: list[int],
    damage: list[tuple[int, int]],
    garbage: bytes,
    left_out: int,
) -> None:
    data = bytearray(b"".join(stored(kind, coding, together=together)))
    for place, flip in damage:
        data[place % len(data)] ^= flip
    middle = cuts[0] % len(data) if cuts else 0
    file = tmp_path / "damaged"
    file.write_bytes(data[:middle] + garbage + data[middle : len(data) - left_out % len(data)])
    assert read_ranges(file, kind, cuts) == read(file, kind)


@pytest.mark.parametrize("kind", RECORDS)
@pytest.mark.parametrize("coding", CODINGS)
def test_one_flipped_byte_costs_its_own_frame_alone(tmp_path: Path, kind: str, coding: str) -> None:
    frames = stored(kind, coding)
    data = b"".join(frames)
    file = tmp_path / "file"
    file.write_bytes(data)
    whole = {page.offset: page for page in read(file, kind) if isinstance(page, Page)}
    ends = np.cumsum([len(frame) for frame in frames]).tolist()
    # With its dictionary damaged a file is lost, so that is left out.
    first = ends[0] if coding == "dictionary" else 0
    for place in np.random.default_rng(3).integers(first, len(data), 120).tolist():
        damaged = bytearray(data)
        damaged[place] ^= 0x41
        file.write_bytes(damaged)
        begin = max(end for end in (0, *ends) if end <= place)
        items = read(file, kind)
        found = [item for item in items if isinstance(item, Page)]
        assert [page for page in found if page.offset != begin] == [
            page for offset, page in whole.items() if offset != begin
        ], place
        if begin in whole and begin not in {page.offset for page in found}:
            assert sum(loss.length for loss in losses(items)) > 0


@pytest.mark.parametrize("coding", CODINGS)
def test_every_place_where_a_file_can_be_cut(tmp_path: Path, coding: str) -> None:
    frames = stored("warc", coding, number=5)
    data = b"".join(frames)
    ends = np.cumsum([len(frame) for frame in frames]).tolist()
    file = tmp_path / "file"
    for cut in range(ends[-2] + 1, len(data)):
        file.write_bytes(data[:cut])
        items = read(file, "warc")
        # What is there of the last record is given where its frame shows it before its end, as lz4 does.
        given = urls(items)[4:]
        assert urls(items) == ["0", "1", "2", "3", *given]
        assert given in ([], ["4"])
        assert [(loss.reason, loss.offset, loss.length) for loss in losses(items)] == [
            (Reason.TRUNCATED_INPUT, ends[-2], 0 if given else cut - ends[-2])
        ], cut


@pytest.mark.parametrize("coding", ["zstd", "lz4"])
def test_a_bomb_costs_no_memory(tmp_path: Path, coding: str) -> None:
    head = warc(0).replace(b"Content-Length: ", b"Content-Length: 9999")
    bomb = CODINGS[coding](head + bytes(200 << 20))
    file = tmp_path / "file"
    file.write_bytes(CODINGS[coding](warc(1)) + bomb + CODINGS[coding](warc(2)))
    del bomb
    tracemalloc.start()
    try:
        items = read(file, "warc")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert urls(items) == ["1", "2"]
    assert losses(items)[0].reason is Reason.EXPANSION_LIMIT
    assert peak < 12 << 20


def gzip_member(data: bytes) -> bytes:
    packer = zlib.compressobj(6, wbits=31)
    return packer.compress(data) + packer.flush()


def zeros(size: int) -> bytes:
    """A record of so many zeros."""
    head = warc(0).partition(b"\r\nContent-Length")[0]
    return head + b"\r\nContent-Length: %d\r\n\r\n" % size + bytes(size) + b"\r\n\r\n"


BOMB = zeros(12 << 20)
SMALL = Limits(max_record_bytes=1 << 20, max_page_bytes=1 << 20)
PACKERS = {"gzip": gzip_member, "zstd": zstd, "lz4": lz4_frame}


@pytest.mark.parametrize("coding", PACKERS)
@pytest.mark.parametrize("head", [BOMB, BOMB.replace(b"Content-Length", b"X"), b"WARC/1.0\r\n" + bytes(12 << 20)])
def test_a_bomb_is_left_where_it_is(tmp_path: Path, coding: str, head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its member is not inflated much further than the limit, whichever range it is in, also at the file's end."""
    inflated = Counter[int]()
    read_member = Member.read

    def count(member: Member, at_most: int) -> bytes:
        data = read_member(member, at_most)
        inflated[member.offset] += len(data)
        return data

    monkeypatch.setattr(Member, "read", count)
    pack = PACKERS[coding]
    members = [pack(warc(1)), pack(head), pack(warc(2)), pack(head)]
    file = tmp_path / "file"
    file.write_bytes(b"".join(members))
    begins = [sum(map(len, members[:n])) for n in range(4)]
    whole = read(file, "warc", limits=SMALL)
    assert urls(whole) == ["1", "2"]
    assert [(loss.offset, loss.length, loss.reason) for loss in losses(whole)] == [
        (begins[n], len(members[n]), Reason.EXPANSION_LIMIT) for n in (1, 3)
    ]
    assert max(inflated.values()) < 4 << 20
    cuts = [0, begins[1], begins[1] + 1, begins[2] + 5, begins[3], file.stat().st_size]
    assert [item for begin, end in pairwise(cuts) for item in read(file, "warc", begin, end, SMALL)] == whole


@pytest.mark.parametrize("coding", PACKERS)
def test_a_bomb_costs_a_file_of_one_member_no_other_record(tmp_path: Path, coding: str) -> None:
    for records, expected in (((BOMB, warc(1)), ["1"]), ((warc(2), BOMB, warc(1)), ["2", "1"])):
        file = tmp_path / "file"
        file.write_bytes(PACKERS[coding](b"".join(records)))
        items = read(file, "warc", limits=SMALL)
        assert urls(items) == expected
        assert [loss.reason for loss in losses(items)] == [Reason.EXPANSION_LIMIT]


@RELAXED
@given(data=st.binary(max_size=300), magic=st.sampled_from([b"", *[CODINGS[name](b"x")[:4] for name in CODINGS]]))
def test_no_bytes_make_it_raise(tmp_path: Path, data: bytes, magic: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(magic + data)
    for kind in ("warc", "arc", "jsonl"):
        read(file, kind)


# ARC and WET


@pytest.mark.skipif(not TORTURE.is_dir(), reason=f"no {TORTURE.relative_to(REPOSITORY.parent)} beside the repository")
def test_arc_files_that_other_projects_test_with() -> None:
    lines = (TORTURE / "table.tsv").read_text(encoding="utf-8").splitlines()
    rows = [dict(zip(lines[0].split("\t"), line.split("\t"), strict=True)) for line in lines[1:]]
    files = [row for row in rows if ".arc" in row["file"]]
    assert len(files) >= 6
    for row in rows:
        if ".arc" in row["file"]:
            items = read(TORTURE / row["file"], "arc", limits=Limits(64 << 20, 16 << 20))
            ours = Counter(
                "response" if isinstance(item, Page) else item.kind.partition(" ")[0]
                for item in items
                if isinstance(item, Page | NoPage)
            )
            assert not Counter(json.loads(row["warcio records"])) - ours, row["file"]


def test_fields_of_an_arc_record(tmp_path: Path) -> None:
    file = tmp_path / "t.arc"
    dns = b"dns:a.example 1.2.3.4 20080430204825 text/dns 4\nabcd\n"
    blank = arc(7).replace(b"http://a.example/7", b"http://a.example/a b/7")
    file.write_bytes(arc(0) + dns + arc(1) + blank)
    first, second, page, odd = read(file, "arc")
    assert [item.kind for item in (first, second) if isinstance(item, NoPage)] == ["warcinfo", "response of dns"]
    assert isinstance(page, Page)
    assert (page.url, page.date, page.status) == ("http://a.example/1", "20080430204826", 200)
    assert (page.content_type, page.charset) == ("text/html", "utf-8")
    assert isinstance(odd, Page)
    assert odd.url == "http://a.example/a b/7"


def test_conversions_of_plain_text_are_texts(tmp_path: Path) -> None:
    def conversion(kind: str, text: str) -> bytes:
        head = (
            f"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: http://a.example/\r\nWARC-Record-ID: <urn:1>\r\n"
            f"WARC-Date: 2024-01-01T00:00:00Z\r\nContent-Type: {kind}\r\nContent-Length: {len(text.encode())}\r\n\r\n"
        )
        return f"{head}{text}\r\n\r\n".encode()

    file = tmp_path / "t.wet"
    file.write_bytes(zstd(conversion("text/plain", "书 text\n")) + zstd(conversion("image/png", "x")))
    text, other = read(file, "warc")
    assert isinstance(text, Text)
    assert (text.text, text.url, text.date, text.record_id) == (
        "书 text\n",
        "http://a.example/",
        "2024-01-01T00:00:00Z",
        "<urn:1>",
    )
    # Its type is judged with those of responses, so that it is dropped with a reason.
    assert isinstance(other, Page)
    assert other.content_type == "image/png"


@pytest.mark.parametrize("block", [lz4.frame.BLOCKSIZE_MAX64KB, lz4.frame.BLOCKSIZE_MAX4MB])
def test_a_frame_whose_first_block_is_large_is_found_behind_damage(tmp_path: Path, block: int) -> None:
    noise = np.random.default_rng(1).integers(97, 123, 3 << 20, np.uint8).tobytes()  # hardly compressible
    content = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + noise
    head = b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a/%d\r\nContent-Type: application/http\r\n"
    frames = [
        lz4.frame.compress(
            (head + b"Content-Length: %d\r\n\r\n%s\r\n\r\n") % (n, len(content), content),
            block_size=block,
            content_checksum=True,
        )
        for n in range(3)
    ]
    frames[1] = frames[1][:4000] + bytes(100) + frames[1][4100:]
    file = tmp_path / "input"
    file.write_bytes(b"".join(frames))
    size = file.stat().st_size
    found = list(read_split(Split(0, "web", "warc", str(file), 0, size, size), LIMITS))
    assert [item.url for item in found if isinstance(item, Page)] == ["http://a/0", "http://a/2"]
    assert [item.offset for item in found if isinstance(item, Loss)] == [len(frames[0])]
