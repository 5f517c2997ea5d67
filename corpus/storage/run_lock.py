"""One build at a time in a run directory.

The lock is the operating system's, on `RUN/.lock`, so it goes with the process that holds it, however that ends: there is
nothing to clean up after `kill -9`. Local folders only; on an object store two builds write the same bytes under the same
names, which wastes work and damages nothing.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from corpus.errors import RunDirectoryError
from corpus.storage import files
from corpus.storage.run_directory import RunDirectory


@contextmanager
def only_build(run: RunDirectory) -> Iterator[None]:
    """Holds the run directory. Raises RunDirectoryError where another build does."""
    if not files.is_local(run.url):
        yield
        return
    path = files.local_path(run.path(".lock"))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise RunDirectoryError(
                f"{run.url}: another build is running here (process {holder}); wait for it or stop it"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield
