"""A call tried in a process of its own first: what a C library does with a made-up file ends that process and no other.

Models are read by libraries that look at little: KenLM follows the offsets of a binary model, and a file with one byte changed
ends the process by a signal. Before a build begins each model that is read so is loaded and used once in a child.
"""

import os
import subprocess
import sys

from corpus.errors import InputError

#: Seconds that a trial may take: a large model is read from a slow disk in less.
MOST_SECONDS = 600

_CALL = (
    "import importlib, sys\n"
    "from corpus.errors import InputError\n"
    "try:\n"
    "    getattr(importlib.import_module(sys.argv[1]), sys.argv[2])(*sys.argv[3:])\n"
    "except InputError as error:\n"
    "    print(error)\n"
    "    raise SystemExit(2)\n"
)


def try_call(function: str, path: str, *more: str) -> None:
    """Calls `module:function` with `path` and more strings in a child process.

    Raises InputError: the one that it raises, or one that names `path` where the child dies, fails or does not end.
    """
    module, _, name = function.partition(":")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CALL, module, name, path, *more],
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=MOST_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise InputError(f"{path}: reading it did not end in {MOST_SECONDS} s; give another model") from None
    if done.returncode == 2 and done.stdout:
        raise InputError(done.stdout.decode("utf-8", "replace").strip())
    if done.returncode:
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit code {done.returncode}"
        raise InputError(f"{path}: a process that read it as a model died ({how}): it is damaged; get it again")
