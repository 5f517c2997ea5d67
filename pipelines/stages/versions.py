"""The versions that a stage's fingerprint holds, derived from what its modules import: none can be forgotten.

From the stage's own modules the imports are followed through this project's packages, those inside functions and those that a
string names for a process of its own (`package.module:function`) included, without importing anything. What is found is

    the VERSION of every module of ours that has one: raised where the same input gives other bytes
    the version of every distribution that one of these modules imports, and of those that it requires, extras aside

less INERT: distributions that cannot change a byte of a file, each with the reason; what they alone require is left out with them.
A new dependency counts until somebody has said why it does not.
Cost: some 150 small files are parsed once a process, half a second.
"""

import ast
import functools
import importlib.metadata
import importlib.util
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PACKAGES = ("corpus", "filters", "tokenizer_training", "pipelines")

#: Distributions that shape no byte of a file, and why.
INERT: Mapping[str, str] = {
    "apache-beam": "runs functions; what they give does not depend on it (tests compare runners)",
    "babel": "courlan's names of languages in URLs it rejects, which we do not ask about",
    "certifi": "moves bytes",
    "charset-normalizer": "trafilatura's guess for bytes; it is given text here",
    "click": "the command line",
    "fsspec": "moves bytes",
    "lz4": "decodes a format with one right answer",
    "numba": "compiles kernels of integers and float64 without fast-math; tests pin what they give",
    "numpy": "exact operations on integers; sums of float64 are of counts, tests pin them",
    "packaging": "reads versions, for this module",
    "pydantic": "checks settings, whose values stand in the fingerprint",
    "python-dateutil": "of htmldate's parser, whose version counts itself; dates it gives are checked to be days",
    "requests": "moves bytes",
    "tqdm": "the display",
    "typing-extensions": "types",
    "tzlocal": "dates are days in UTC",
    "urllib3": "moves bytes",
    "xxhash": "a function with one right answer",
}

#: Modules of ours that are not followed, and why.
UNFOLLOWED: Mapping[str, str] = {
    "pipelines.stages.prerequisites": "opens what the recipe names: models and items, whose digests stand in fingerprints",
}

#: Extras: they count in the stages whose settings ask for them (StageSpec.fingerprint), else a run could not go on without them.
WHERE_ASKED_FOR: Mapping[str, str] = {
    "opencc": "normalise.chinese: corpus.text.chinese_script.versions",
    "ufal-kenlm": "[[perplexity]]: filters.scorers.perplexity.versions",
}

#: What a string names for another process: package.module:function.
_PLACE = re.compile(r"[a-z_]\w*(\.\w+)+:\w+")

#: Names of imports → distribution, where several distributions carry the module.
_CARRIED_BY = {"fasttext": "fasttext-community", "google": "protobuf", "kenlm": "ufal.kenlm"}


@functools.cache
def versions_of(*modules: str) -> dict[str, str]:
    """Name → version of everything below these modules that can change a byte; sorted.

    Names are those of our modules (`filters.quality.signals`) and of distributions (`trafilatura`). An optional distribution that
    is not installed is left out. Raises ValueError for a module that there is not.
    """
    ours, others = import_closure(*modules)
    found = {module: str(version) for module in sorted(ours) if (version := _version_of(module)) is not None}
    return found | {
        name: importlib.metadata.version(name) for name in sorted(distributions(others) - {*INERT, *WHERE_ASKED_FOR})
    }


@functools.cache
def import_closure(*modules: str) -> tuple[frozenset[str], frozenset[str]]:
    """(modules of ours below these, themselves included; top-level names that they import of others)."""
    ours: set[str] = set()
    others: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module in ours or module in UNFOLLOWED or module.endswith("_checks"):  # of `verify`: they write nothing
            continue
        ours.add(module)
        for name in _imports_of(module):
            if name.partition(".")[0] in PACKAGES:
                waiting.append(name)
            else:
                others.add(name.partition(".")[0])
    return frozenset(ours), frozenset(others)


def distributions(names: frozenset[str]) -> set[str]:
    """Installed distributions that carry these top-level names, and those that they require; the standard library has none.

    What an inert one requires is not looked at: Beam requires drivers of databases.
    """
    carriers = _carriers()
    waiting = [carriers[name] for name in names if name in carriers]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        waiting += [each for each in _required_by(name) if each not in found and name not in INERT]
    return found


@functools.cache
def _carriers() -> dict[str, str]:
    """Top-level name → distribution."""
    found: dict[str, str] = {
        name: canonicalize_name(each[0]) for name, each in importlib.metadata.packages_distributions().items()
    }
    return found | {
        name: canonicalize_name(distribution) for name, distribution in _CARRIED_BY.items() if name in found
    }


@functools.cache
def _required_by(distribution: str) -> tuple[str, ...]:
    """Names of installed distributions that one requires here, extras aside."""
    names = []
    for line in importlib.metadata.requires(distribution) or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            names.append(canonicalize_name(requirement.name))
    return tuple(name for name in names if _is_installed(name))


@functools.cache
def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _imports_of(module: str) -> Iterator[str]:
    """Full names of what a module of ours imports, at any depth of its code."""
    for node in ast.walk(_parsed(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [name for name in below if name.partition(".")[0] in PACKAGES and _path_of(name) is not None]
            yield from modules
            if len(modules) < len(below):
                yield node.module
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _PLACE.fullmatch(node.value):
            named = node.value.partition(":")[0]
            if named.partition(".")[0] in PACKAGES and _path_of(named) is not None:
                yield named


def _version_of(module: str) -> int | None:
    """What a module says as VERSION = number."""
    for node in _parsed(module).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(each, ast.Name) and each.id == "VERSION" for each in node.targets
        ):
            return int(ast.literal_eval(node.value))
    return None


@functools.cache
def _parsed(module: str) -> ast.Module:
    path = _path_of(module)
    if path is None:
        raise ValueError(f"{module}: no module of this project")
    return ast.parse(path.read_bytes())


@functools.cache
def _path_of(module: str) -> Path | None:
    """The file of a module of ours, without importing it; None where there is none."""
    root, _, rest = module.partition(".")
    base = Path(str(importlib.util.find_spec(root).origin)).parent  # type: ignore[union-attr]
    path = base.joinpath(*rest.split(".")) if rest else base
    for candidate in (path.with_suffix(".py") if rest else path / "__init__.py", path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None
