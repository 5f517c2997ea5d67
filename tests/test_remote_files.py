"""Reading from a store: exact ranges, few requests, faults that pass survived, and one line for those that do not."""

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from click.testing import CliRunner

import stores
from corpus.errors import CorpusError, DamageError, InputError, StoreError
from corpus.storage import files, ipc, retries
from corpus.storage.pool import concurrently

NUMBERS = pa.schema([pa.field("hash", pa.uint64(), nullable=False), pa.field("id", pa.uint64(), nullable=False)])
MIB = 1 << 20


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits between tries, which then are none."""
    waits: list[float] = []
    monkeypatch.setattr(retries, "sleep", waits.append)
    return waits


def some_bytes(size: int) -> bytes:
    return np.random.default_rng(size).bytes(size)


def batches(parts: int, rows: int) -> list[pa.RecordBatch]:
    random = np.random.default_rng(parts)
    columns = [random.integers(0, 1 << 63, (parts, rows)).astype(np.uint64) for _ in NUMBERS.names]
    return [
        pa.RecordBatch.from_arrays([pa.array(each[part]) for each in columns], schema=NUMBERS) for part in range(parts)
    ]


# Ranges


@pytest.mark.parametrize("compression", [None, "zstd"])
@pytest.mark.parametrize(("senders", "receivers", "rows"), [(4, 4, 2_000), (5, 37, 1_000), (12, 6, 4_000)])
def test_a_batch_of_many_files_costs_its_own_bytes(
    bucket: str, proxied: stores.Proxy, senders: int, receivers: int, rows: int, compression: str | None
) -> None:
    urls = [f"{bucket}/exchange/{sender:05d}.arrow" for sender in range(senders)]
    sent = [batches(receivers, rows + sender) for sender in range(senders)]
    for url, of_sender in zip(urls, sent, strict=True):
        ipc.write_batches(url, NUMBERS, of_sender, compression=compression)
    for receiver in range(0, receivers, 3):
        wanted = sum(of_sender[receiver].nbytes for of_sender in sent)
        for read in (
            lambda receiver: [ipc.open_reader(url, NUMBERS).get_batch(receiver) for url in urls],
            lambda receiver: list(ipc.read_batches(urls, receiver, NUMBERS)),
        ):
            proxied.forget()
            assert read(receiver) == [of_sender[receiver] for of_sender in sent]
            assert proxied.sent_bytes <= 1.3 * wanted
            assert proxied.count <= 3 * senders  # its size, the footer, the batch


def test_a_block_is_read_by_its_range_alone(bucket: str, proxied: stores.Proxy) -> None:
    url, made = f"{bucket}/a.arrow", batches(9, 500)
    with ipc.batch_writer(url, NUMBERS, compression=None) as writer:
        for batch in made:
            writer.write(batch)
    proxied.forget()
    for (begin, end), batch in zip(writer.blocks, made, strict=True):
        assert ipc.read_block(url, NUMBERS, begin, end) == batch
    assert proxied.requests["GET"] == 9
    assert proxied.sent_bytes <= 1.1 * sum(batch.nbytes for batch in made)
    with pytest.raises(DamageError, match=r"a\.arrow"):
        ipc.read_block(url, NUMBERS, writer.blocks[0][0] + 8, writer.blocks[0][1])


def test_batches_are_asked_for_together_and_not_all_at_once(bucket: str, proxied: stores.Proxy) -> None:
    urls = [f"{bucket}/{sender:05d}.arrow" for sender in range(60)]
    for url in urls:
        ipc.write_batches(url, NUMBERS, batches(2, 10))
    proxied.forget()
    assert len(list(ipc.read_batches(urls, 1, NUMBERS, at_once=4))) == 60
    assert 2 <= proxied.most_at_once <= 4


def test_local_batches_are_mapped(tmp_path: Path) -> None:
    urls = [str(tmp_path / f"{number}.arrow") for number in range(3)]
    for url in urls:
        ipc.write_batches(url, NUMBERS, batches(4, 50_000), compression=None)
    before = pa.total_allocated_bytes()
    found = list(ipc.read_batches(urls, 2, NUMBERS))
    assert [batch.num_rows for batch in found] == [50_000] * 3
    assert pa.total_allocated_bytes() - before < 100_000


def test_a_whole_table_costs_its_bytes_once(bucket: str, proxied: stores.Proxy) -> None:
    for rows in (10, 100_000):
        url = f"{bucket}/{rows}.arrow"
        written = ipc.write_batches(url, NUMBERS, batches(3, rows), compression=None)
        proxied.forget()
        assert ipc.open_table(url, NUMBERS).num_rows == 3 * rows
        assert proxied.sent_bytes <= written.bytes + 8192
        assert proxied.count <= 8
        proxied.forget()
        assert ipc.open_table(url, NUMBERS, columns=["id"]).num_rows == 3 * rows
        assert proxied.sent_bytes <= max(0.6 * written.bytes, ipc.SMALL_BYTES)


def test_streams_read_blocks_and_ranges_read_nothing_ahead(bucket: str, proxied: stores.Proxy) -> None:
    data = some_bytes(3 * files.BLOCK_BYTES + 12345)
    files.write_bytes(f"{bucket}/x", data)
    proxied.forget()
    with files.open_read(f"{bucket}/x") as stream:
        assert b"".join(iter(lambda: stream.read(100_000), b"")) == data
    assert proxied.sent_bytes == len(data)
    assert proxied.count <= 6
    proxied.forget()
    with files.open_ranges(f"{bucket}/x") as ranges:
        ranges.seek(-10, io.SEEK_END)
        assert ranges.read(100) == data[-10:]
        ranges.seek(MIB)
        assert ranges.read(1000) == data[MIB : MIB + 1000]
    assert files.read_range(f"{bucket}/x", 5, 50) == data[5:50]
    assert files.read_range(f"{bucket}/x", len(data) - 5, len(data) + 50) == data[-5:]
    assert proxied.sent_bytes == 10 + 1000 + 45 + 5


def test_the_identity_of_a_file_costs_two_mebibytes(bucket: str, proxied: stores.Proxy) -> None:
    files.write_bytes(f"{bucket}/x", some_bytes(30 * MIB))
    proxied.forget()
    files.sized_digest(f"{bucket}/x")
    assert proxied.sent_bytes == 2 * MIB
    assert proxied.count == 3


# One stream type


@pytest.fixture(params=["local", "memory", "s3", "http", "http without ranges", "http without sizes"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str, bytes], str]]:
    """`stored(name, data)`: the URL of a file with these bytes."""
    kind = request.param
    with ExitStack() as stack:
        if kind.startswith("http"):
            folder = stores.http_folder(tmp_path, ranges=kind == "http", sizes=kind != "http without sizes")
            root = stack.enter_context(folder)
        elif kind == "s3":
            root = request.getfixturevalue("bucket")
        else:
            root = str(tmp_path) if kind == "local" else f"memory:///{tmp_path.name}"

        def store(name: str, data: bytes) -> str:
            files.write_bytes(str(tmp_path / name) if kind.startswith("http") else f"{root}/{name}", data)
            return f"{root}/{name}"

        yield store


def test_every_store_gives_the_same_stream(stored: Callable[[str, bytes], str]) -> None:
    lines = [b"x" * (n * 37 % 1000) + b"\n" for n in range(200)]
    data = b"".join(lines)
    url = stored("lines.txt", data)
    assert files.read_bytes(url) == data
    assert files.glob(url) == [url]
    assert files.digest(url) == files.digest(stored("copy.txt", data))
    with files.open_read(url) as stream:
        assert isinstance(stream, io.BufferedReader)
        assert stream.peek(1)[:1] == data[:1]
        assert [stream.readline(64) for _ in range(3)] == [lines[0][:64], lines[1][:64], lines[2][:64]]
        stream.seek(1000)
        assert stream.readline() == data[1000:].split(b"\n")[0] + b"\n"
        buffer = bytearray(500)
        stream.seek(-500, io.SEEK_END)
        assert stream.readinto(buffer) == 500
        assert bytes(buffer) == data[-500:]
        assert stream.read() == b""
        stream.seek(0)
        assert list(stream) == lines
    with files.open_ranges(url) as ranges:
        assert ranges.seek(0, io.SEEK_END) == len(data)
        ranges.seek(17)
        assert ranges.read(5) == data[17:22]
    assert files.read_range(url, 100, 200) == data[100:200]
    assert files.sized_digest(url)[:2] == (len(data), data)
    empty = stored("empty", b"")
    assert files.read_bytes(empty) == files.read_range(empty, 0, 9) == b""
    with files.open_read(empty) as stream:
        assert stream.read() == stream.readline(9) == b""


def test_what_is_not_there_is_no_file_in_every_store(stored: Callable[[str, bytes], str]) -> None:
    url = stored("a.txt", b"x").replace("a.txt", "b.txt")
    assert not files.exists(url)
    assert files.file_info(url) is None
    assert files.glob(url) == []
    for read in (files.read_bytes, files.open_read, files.open_ranges, files.size, files.sized_digest, files.digest):
        with pytest.raises(FileNotFoundError):
            read(url)


def test_what_another_wrote_since_is_seen(bucket: str) -> None:
    other = fsspec.filesystem("s3", skip_instance_cache=True)
    other.pipe(f"{bucket}/f/a", b"1")
    assert files.names(f"{bucket}/f") == ["a"]
    other.pipe(f"{bucket}/f/b", b"1")
    other.pipe(f"{bucket}/f/a", b"longer")
    assert files.names(f"{bucket}/f") == ["a", "b"]
    assert files.size(f"{bucket}/f/a") == 6
    assert files.read_bytes(f"{bucket}/f/a") == b"longer"
    other.rm_file(f"{bucket}/f/b")
    assert not files.exists(f"{bucket}/f/b")


# Faults that pass


@pytest.fixture(params=["s3", "http"])
def spoilable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, stores.Proxy]]:
    """(a folder behind a proxy, the proxy)."""
    if request.param == "s3":
        yield request.getfixturevalue("bucket"), request.getfixturevalue("proxied")
    else:
        with stores.http_folder(tmp_path) as folder, stores.proxy(folder) as proxy:
            yield proxy.url, proxy


@pytest.mark.parametrize("fault", stores.FAULTS)
def test_a_fault_that_passes_changes_nothing(
    spoilable: tuple[str, stores.Proxy], fault: str, tmp_path: Path, no_waits: list[float]
) -> None:
    root, proxy = spoilable
    data = some_bytes(300_000)
    url = f"{root}/x"
    files.write_bytes(str(tmp_path / "x") if root.startswith("http") else url, data)
    proxy.forget()
    proxy.share, proxy.faults, proxy.seed = 0.3, (fault,), 7
    for _ in range(2):
        assert files.read_bytes(url) == data
        assert files.read_range(url, 1000, 200_000) == data[1000:200_000]
        assert files.size(url) == len(data)
        assert files.exists(url)
        with files.open_read(url) as stream:
            assert stream.read() == data
    assert proxy.spoilt[fault] >= 2


def test_a_twentieth_of_all_requests_spoilt_gives_the_same_bytes(
    bucket: str, proxied: stores.Proxy, no_waits: list[float]
) -> None:
    proxied.share, proxied.faults, proxied.seed = 0.05, ("503", "reset"), 3
    made = batches(8, 3_000)
    urls = [f"{bucket}/{number:05d}.arrow" for number in range(40)]
    written = {ipc.write_batches(url, NUMBERS, made, compression=None) for url in urls}
    assert len(written) == 1
    assert files.names(bucket) == [files.base_name(url) for url in urls]
    for number in range(8):
        assert all(batch == made[number] for batch in ipc.read_batches(urls, number, NUMBERS))
    assert {files.digest(url) for url in urls} == {next(iter(written)).digest}
    assert proxied.spoilt.total() >= 20


# Faults that do not pass


def failing(error: Callable[[], BaseException]) -> Callable[[], None]:
    def action() -> None:
        raise error()

    return action


def http_status(status: int) -> BaseException:
    return ClientError({"Error": {"Code": str(status)}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")


@pytest.mark.parametrize(
    "error", [lambda: http_status(503), lambda: http_status(429), ConnectionResetError, TimeoutError]
)
def test_the_last_error_names_the_object_and_the_remedy(
    error: Callable[[], BaseException], no_waits: list[float]
) -> None:
    with pytest.raises(
        StoreError, match=r"^s3://b/x: the store does not answer .*run the same command again"
    ) as caught:
        retries.retried("s3://b/x", failing(error))
    assert "\n" not in str(caught.value)
    assert len(no_waits) == retries.TRIES - 1
    assert all(1.2 * before < after for before, after in zip(no_waits[:-3:2], no_waits[2:-1:2], strict=False))
    assert sum(no_waits) <= retries.GIVE_UP_SECONDS


def test_waits_differ(no_waits: list[float]) -> None:
    for _ in range(10):
        with pytest.raises(StoreError):
            retries.retried("s3://b/x", failing(TimeoutError))
    assert len(set(no_waits[:: retries.TRIES - 1])) > 5


@pytest.mark.parametrize("status", [400, 404, 405, 409, 412, 416, 501])
def test_what_will_not_pass_is_not_tried_again(status: int, no_waits: list[float]) -> None:
    with pytest.raises(ClientError):
        retries.retried("s3://b/x", failing(lambda: http_status(status)))
    assert no_waits == []


@pytest.mark.parametrize("error", [FileNotFoundError, FileExistsError, IsADirectoryError, ValueError, KeyError])
def test_other_errors_come_as_they_are(error: type[BaseException], no_waits: list[float]) -> None:
    with pytest.raises(error):
        retries.retried("s3://b/x", failing(error))
    assert no_waits == []


@pytest.mark.parametrize(
    "error", [lambda: http_status(403), lambda: http_status(401), NoCredentialsError, PermissionError]
)
def test_a_refusal_is_one_line_at_once(error: Callable[[], BaseException], no_waits: list[float]) -> None:
    with pytest.raises(StoreError, match=r"^s3://b/x: .*AWS_PROFILE"):
        retries.retried("s3://b/x", failing(error))
    assert no_waits == []


def test_a_refusing_server_and_missing_credentials_are_one_line(
    bucket: str, proxied: stores.Proxy, no_waits: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.cli import main

    files.write_bytes(f"{bucket}/x.jsonl", b'{"text": "x"}\n')
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        f'[run]\nname = "a"\n[[source]]\nname = "a"\nformat = "jsonl"\ninputs = ["{bucket}/x.jsonl"]\nprofile = "none"\n'
    )
    proxied.share, proxied.faults = 1.0, ("403",)
    for read in (files.read_bytes, files.open_read, files.exists, files.size, files.glob, files.names):
        with pytest.raises(StoreError, match=r"access is denied"):
            read(f"{bucket}/x.jsonl")
    proxied.share = 0.0
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    fsspec.config.conf["s3"] = {"endpoint_url": proxied.url, "default_block_size": 1 << 23}  # another instance
    with pytest.raises(StoreError, match=r"no valid credentials"):
        files.read_bytes(f"{bucket}/x.jsonl")
    for command in (["build", str(recipe), "--run-dir", str(tmp_path / "run")], ["stats", f"{bucket}/run"]):
        done = CliRunner().invoke(main, command, catch_exceptions=True)
        assert done.exit_code in (2, 3), done.output
        assert "no valid credentials" in done.output
        assert "Traceback" not in done.output
    assert no_waits == []


def test_a_store_that_fails_is_no_damage(bucket: str, proxied: stores.Proxy, no_waits: list[float]) -> None:
    url = f"{bucket}/a.arrow"
    ipc.write_batches(url, NUMBERS, batches(3, 10_000))
    proxied.share, proxied.faults = 1.0, ("403",)
    for read in (ipc.open_reader, ipc.open_table, lambda url: ipc.open_table(url, columns=["id"])):
        with pytest.raises(StoreError) as caught:
            read(url)
        assert not isinstance(caught.value, (DamageError, InputError))
    proxied.share = 0.0
    reader = ipc.open_reader(url)
    proxied.share = 1.0
    with pytest.raises(StoreError):
        reader.get_batch(1)


# The pool


def test_results_come_in_order_and_at_most_so_many_run() -> None:
    import threading
    import time

    running, most, lock = 0, 0, threading.Lock()

    def slow(value: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.001 * (value % 3))
        with lock:
            running -= 1
        return value * value

    assert list(concurrently(slow, range(100), at_once=5)) == [value * value for value in range(100)]
    assert 2 <= most <= 5
    assert list(concurrently(slow, [], at_once=5)) == []


def test_the_first_error_ends_it() -> None:
    begun: list[int] = []

    def work(value: int) -> int:
        begun.append(value)
        if value == 3:
            raise CorpusError("three")
        return value

    results = concurrently(work, range(1000), at_once=4)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(CorpusError, match="three"):
        next(results)
    assert len(begun) < 20
