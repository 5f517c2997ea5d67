"""Servers that tests read from and write to: S3 (moto's, a process of its own), a folder over HTTP, and a proxy before either.

The proxy counts requests and bytes, and spoils answers by a schedule that a seed gives: request n of a test is spoilt, or not,
whoever makes it.
"""

import contextlib
import dataclasses
import functools
import http.client
import http.server
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import fsspec
import numpy as np

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
#: Botocore's own tries wait for seconds each, and would leave ours nothing to do.
FEW_TRIES = {"AWS_MAX_ATTEMPTS": "1"}
FAULTS = ("503", "500", "429", "reset", "cut", "late reset")


@contextlib.contextmanager
def s3_server() -> Iterator[str]:
    """The URL of an S3 server that lives in memory."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(url, timeout=5).close()
                break
            time.sleep(0.1)
        yield url
    finally:
        server.kill()
        server.wait()


def s3_environment(url: str) -> dict[str, str]:
    """What a command needs to reach an S3 server."""
    return {**os.environ, **CREDENTIALS, "AWS_ENDPOINT_URL": url, "FSSPEC_S3_ENDPOINT_URL": url}


@contextlib.contextmanager
def s3_of_this_process(url: str) -> Iterator[None]:
    """s3:// of this process is the server at `url`."""
    before = dict(fsspec.config.conf)
    settings = {**CREDENTIALS, **FEW_TRIES}
    kept = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    fsspec.config.conf["s3"] = {"endpoint_url": url}
    try:
        yield
    finally:
        fsspec.config.conf.clear()
        fsspec.config.conf.update(before)
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@dataclasses.dataclass
class Proxy:
    """What a proxy saw, and what it is to do; `share` of its answers are spoilt."""

    url: str
    upstream: str
    share: float = 0.0
    faults: tuple[str, ...] = FAULTS
    seed: int = 0
    requests: Counter[str] = dataclasses.field(default_factory=Counter)  # by method
    spoilt: Counter[str] = dataclasses.field(default_factory=Counter)  # by fault
    paths: list[tuple[str, str]] = dataclasses.field(default_factory=list)  # method and path of each request
    sent_bytes: int = 0  # of bodies, to the client
    most_at_once: int = 0
    _at_once: int = 0
    _lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def forget(self) -> None:
        """Counts begin at nothing; so does the schedule."""
        with self._lock:
            self.requests.clear()
            self.spoilt.clear()
            self.paths.clear()
            self.sent_bytes = self.most_at_once = 0

    @property
    def count(self) -> int:
        return self.requests.total()

    def next_fault(self, method: str, path: str) -> str | None:
        with self._lock:
            number = self.requests.total()
            self.requests[method] += 1
            self.paths.append((method, path))
            random = np.random.default_rng((self.seed, number))
            if random.random() >= self.share:
                return None
            fault = self.faults[int(random.integers(len(self.faults)))]
            self.spoilt[fault] += 1
            return fault

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1

    def sent(self, size: int) -> None:
        with self._lock:
            self.sent_bytes += size


@contextlib.contextmanager
def proxy(upstream: str) -> Iterator[Proxy]:
    """A proxy before the server at `upstream`."""
    made = Proxy("", upstream.removeprefix("http://").rstrip("/"))
    handler = type("Handler", (_ProxyHandler,), {"proxy": made})
    with _serving(handler) as made.url:
        yield made


@contextlib.contextmanager
def http_folder(folder: Path, *, ranges: bool = True, sizes: bool = True) -> Iterator[str]:
    """The URL of a folder; a server without `ranges` sends whole files, one without `sizes` does not say how long they are."""
    handler = functools.partial(_FolderHandler, directory=str(folder), ranges=ranges, sizes=sizes)
    with _serving(handler) as url:
        yield url


@contextlib.contextmanager
def _serving(handler: Any) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class _ProxyHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy

    def _pass_on(self) -> None:
        with self.proxy.at_once():
            fault = self.proxy.next_fault(self.command, self.path)
            body = self._body()
            if fault == "reset":
                self._reset()
                return
            if fault is not None and fault.isdigit():
                self._answer(int(fault), {}, b"")
                return
            # A late reset: the request was obeyed, and the answer is lost.
            status, headers, data = self._ask(body)
            if fault == "late reset":
                self._reset()
            elif fault == "cut" and len(data) > 1:
                self._answer(status, headers, data, cut=len(data) // 2)
            elif fault is not None:
                self._reset()
            else:
                self._answer(status, headers, data)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _ask(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        connection = http.client.HTTPConnection(self.proxy.upstream, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "transfer-encoding"}
        headers |= {"Content-Length": str(len(body)), "Connection": "close"}
        if "Expect" in headers:
            del headers["Expect"]
        connection.request(self.command, self.path, body=body, headers=headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), data

    def _answer(self, status: int, headers: Mapping[str, str], data: bytes, cut: int | None = None) -> None:
        self.send_response(status)
        dropped = {"connection", "transfer-encoding", "date", "server"}
        length = next((value for name, value in headers.items() if name.lower() == "content-length"), None)
        for name, value in headers.items():
            if name.lower() not in dropped and name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", length if self.command == "HEAD" and length else str(len(data)))
        self.end_headers()
        shown = data if cut is None else data[:cut]
        self.proxy.sent(len(shown))  # before the client can have them, and ask for the sum
        self.wfile.write(shown)
        if cut is not None:
            self.wfile.flush()
            self._reset()

    def _reset(self) -> None:
        # Lingering for no time sends RST.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        pass


class _FolderHandler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *arguments: Any, ranges: bool, sizes: bool, **named: Any) -> None:
        self._ranges, self._sizes = ranges, sizes
        super().__init__(*arguments, **named)

    def do_HEAD(self) -> None:
        self._send(head=True)

    def do_GET(self) -> None:
        self._send(head=False)

    def _send(self, *, head: bool) -> None:
        path = Path(self.translate_path(self.path))
        if path.is_dir():
            (super().do_HEAD if head else super().do_GET)()
            return
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        status, total = 200, len(data)
        wanted = self.headers.get("Range") if self._ranges else None
        if wanted:
            begin, _, end = wanted.removeprefix("bytes=").partition("-")
            status, data = 206, data[int(begin) : int(end) + 1 if end else None]
        self.send_response(status)
        if self._sizes:
            self.send_header("Content-Length", str(len(data)))
            if self._ranges:
                self.send_header("Accept-Ranges", "bytes")
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        if status == 206:
            self.send_header("Content-Range", f"bytes {begin}-{int(begin) + len(data) - 1}/{total}")
        self.end_headers()
        if not head:
            self.wfile.write(data)

    def log_message(self, *arguments: object) -> None:
        pass
