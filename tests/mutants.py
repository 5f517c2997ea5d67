"""Bytes with one thing changed, and calls in a child process whose death is an answer like another.

What a reader does with a damaged file is judged here by three things: it answers or raises one of the errors that are
allowed, it does not end its process by a signal, and it does not run on.
"""

import itertools
import os
import resource
import signal
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

#: What a field of a file may be made: near its ends, near zero, and what reads as negative.
WORDS = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0x00010000)
LONGS = (0, 1 << 20, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 8)


#: Bytes that a reader of a small file may take: with more it ends in a MemoryError, which no reader may.
MEMORY = 1 << 30


def flips(data: bytes, masks: tuple[int, ...] = (0x01, 0x80, 0xFF)) -> Iterator[bytes]:
    """Each byte changed in each of the ways."""
    for place in range(len(data)):
        for mask in masks:
            yield data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]


def fields(data: bytes) -> Iterator[bytes]:
    """Each aligned number of 32 and 64 bits replaced by what such a number is hardly ever."""
    for width, code, values in ((4, "<I", WORDS), (8, "<Q", LONGS)):
        for place in range(0, len(data) - width + 1, 4):
            for value in values:
                yield data[:place] + struct.pack(code, value) + data[place + width :]


def cuts(data: bytes) -> Iterator[bytes]:
    """Each beginning of it."""
    for length in range(len(data)):
        yield data[:length]


def survive(read: Callable[[bytes], None], of: Iterable[bytes], *, seconds: int = 10) -> int:
    """Calls `read` on each in child processes; returns how many. AssertionError names the mutant that one died of."""
    number = 0
    mutants = iter(of)
    while batch := list(itertools.islice(mutants, 512)):
        number += _survive_batch(read, batch, number, seconds)
    return number


def _survive_batch(read: Callable[[bytes], None], batch: list[bytes], before: int, seconds: int) -> int:
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        status = 1
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, mapped + MEMORY))
        try:
            for mutant in batch:
                signal.alarm(seconds)
                os.write(tell, b".")
                read(mutant)
            status = 0
        except BaseException as error:
            os.write(tell, f"{type(error).__name__}: {error}".encode())
        os._exit(status)
    os.close(tell)
    with os.fdopen(told, "rb") as stream:
        said = stream.read()
    _, status = os.waitpid(child, 0)
    if status:
        last = len(said) - len(said.lstrip(b".")) - 1
        died = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else said.lstrip(b".").decode()
        raise AssertionError(f"{died} at mutant {before + last}, of {len(batch[last])} bytes")
    return len(batch)
