"""What the files of a run directory are called. Only what has such a name is ever deleted (corpus.storage.deletion).

Paths are relative to the run directory, with `/`. docs/run-directory.md lists them for readers.
"""

import re

FINGERPRINT = re.compile(r"[0-9a-f]{16}")

#: Written first of all into a run directory; its presence says that a build may write and delete there.
MARKER = "corpus-run.json"
LOCK = ".lock"
LEASE = ".lease"

#: Written into a stage's folder before anything else under its fingerprint: what is under it is of this run.
BEGUN = "begun.json"

#: Beside a stage's records: all of them as one file, once the stage is complete.
COMPACT = "records.arrow"

#: The items of the call that runs, for its workers: of no meaning after it.
PENDING = "pending.arrow"

#: Folders into which work items write (pipelines.stages.outputs).
KINDS = frozenset(
    {
        *("documents", "failed", "signals", "contamination", "exams", "scores", "lines", "decisions", "edges"),
        *("sample", "tokenizer", "tokens", "shards"),
    }
)

#: What steps of `select` send each other.
EXCHANGE = "exchange"

#: Into which an interrupted `verify` writes what it has seen.
CHECKS = "checks"

_FP = FINGERPRINT.pattern
_ITEM = r"[0-9]{5,}"
_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]*"
_OF_ITEMS = "|".join(sorted(KINDS - {"tokenizer", "shards"}))
_OF_STAGE = "|".join(
    [
        rf"{_ITEM}\.(?:json|reused)",
        rf"{_NAME}/{_ITEM}\.json",  # of units of steps
        re.escape(BEGUN),
        r"(?:pending|plan|index|items)\.arrow",
        r"language\.model",
        rf"url_lists\.{_NAME}\.arrow",
        rf"{_NAME}\.(?:model|arrow|kenlm|pieces)",
    ]
)
_FILE = re.compile(
    "|".join(
        [
            re.escape(MARKER),
            r"recipe\.(?:json|toml)",
            r"(?:splits|manifest)\.arrow",
            r"phases/plan\.json",
            rf"{CHECKS}/[0-9a-f]{{32}}\.arrow",  # named by its digest
            rf"(?:{_OF_ITEMS})/{_FP}/{_ITEM}\.arrow",
            rf"tokenizer/{_FP}/tokenizer\.model",
            rf"shards/{_FP}/{_NAME}(?:\.[A-Za-z0-9_]+)+/{_ITEM}\.arrow",
            rf"{EXCHANGE}/{_FP}/{_NAME}/(?:{_ITEM}\.arrow|settings\.json|steps/{_NAME}\.arrow|{_NAME}/{_ITEM}-[0-9a-f]+\.rows)",
            r"stages/[a-z]+(?:-[a-z]+)*\.json",
            rf"stages/[a-z]+(?:-[a-z]+)*/{_FP}/(?:{_OF_STAGE})",
        ]
    )
)
#: corpus.storage.files.temporary_name
_TEMPORARY = re.compile(r"\.(?P<name>.+)\.[A-Za-z0-9-]+-[0-9]+-[0-9a-f]{16}\.tmp")


def is_file_of_a_run(path: str) -> bool:
    """Whether a build gives a finished file this name."""
    return _FILE.fullmatch(path) is not None


def is_unfinished(path: str) -> bool:
    """Whether a writer that was killed leaves this name."""
    folder, slash, name = path.rpartition("/")
    found = _TEMPORARY.fullmatch(name)
    return found is not None and is_file_of_a_run(f"{folder}{slash}{found['name']}")


def is_loose(name: str) -> bool:
    """Whether a file of a stage's folder belongs to no item and outlives the call that writes it."""
    return re.fullmatch(_OF_STAGE, name) is not None and name != PENDING and re.match(_ITEM, name) is None


def is_output(name: str) -> bool:
    """Whether a record may say that its item wrote this: a kind of file or of rows, which is one part of a path, or the path of a shard."""
    return (re.fullmatch(_NAME, name) is not None and name != "shards") or (
        name.startswith("shards/") and is_file_of_a_run(name)
    )
