"""The lists that a recipe's sources name, read once by the driver. Paths and globs are relative to the recipe."""

from collections.abc import Iterator
from pathlib import Path

from corpus.errors import InputError
from corpus.recipe import Recipe
from corpus.storage.named_files import read_named
from corpus.urls.block_list import BlockList
from corpus.urls.url_screen import UrlScreen
from corpus.urls.url_words import UrlWords, entries_of


def read_url_lists(recipe: Recipe, folder: Path, *, where: str) -> dict[str, UrlScreen]:
    """Source → its lists, for sources that name one. Raises InputError for a file that is missing or unreadable."""
    screens = {}
    for source in recipe.source:
        if not (source.block_domains or source.block_urls or source.block_words or source.opt_out_domains):
            continue
        at = f"{where}: source {source.name!r}: "
        screens[source.name] = UrlScreen(
            blocked=BlockList.of(
                _lines(source.block_domains, folder, at + "block_domains"),
                _lines(source.block_urls, folder, at + "block_urls"),
                _words(source.block_words, folder, at + "block_words"),
            ),
            opted_out=BlockList.of(_lines(source.opt_out_domains, folder, at + "opt_out_domains")),
        )
    return screens


def _lines(patterns: list[str], folder: Path, where: str) -> Iterator[bytes]:
    return (line for _, _, line in _numbered(patterns, folder, where))


def _words(patterns: list[str], folder: Path, where: str) -> UrlWords:
    words: set[str] = set()
    for file, number, line in _numbered(patterns, folder, where):
        text = line.decode("utf-8", "replace").strip()
        if not text or text.startswith("#"):
            continue
        try:
            words |= entries_of(text)
        except ValueError as error:
            raise InputError(f"{where}: {file}, line {number}: {error}; mend or remove the line") from error
    return UrlWords(frozenset(words))


def _numbered(patterns: list[str], folder: Path, where: str) -> Iterator[tuple[str, int, bytes]]:
    """(file, number from 1, line) of every line of every file."""
    for file, (number, line) in read_named(patterns, folder, where, lambda stream: enumerate(stream, start=1)):
        yield file, number, line
