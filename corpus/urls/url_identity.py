"""When two URLs name one page or one site: hashes of a URL without what does not tell pages or sites apart.

A URL is parsed as browsers do (corpus.urls.url_parsing). Scheme, default port, user name, fragment (but `#!…`), tracking parameters
(courlan's list), the order of parameters and a last slash do not count. Cost: 25 µs. A site is a host, without a `www.` before
it: hosts of one registered domain are as often different sites as one. Cost: 10 µs.
"""

from urllib.parse import urlsplit

import xxhash
from courlan import normalize_url
from courlan.clean import TRACKERS_RE

from corpus.urls.url_parsing import host_of, parsed

#: Part of the fingerprint of `measure`: raise it with every change that can change a value.
VERSION = 3

#: A longer URL is not taken apart: no browser sends one.
MAX_URL_CHARACTERS = 8192


def url_hash(url: str | None) -> int:
    """XXH3-64 of the normalised URL; 0 where there is none, or what there is cannot be read as one. A longer one is as it is."""
    if not url:
        return 0
    if len(url) > MAX_URL_CHARACTERS:
        return xxhash.xxh3_64_intdigest(url.encode("utf-8", "replace")) or 1
    place = page_of(url)
    # 0 means none.
    return (xxhash.xxh3_64_intdigest(place.encode("utf-8", "replace")) or 1) if place is not None else 0


def page_of(url: str) -> str | None:
    """The page that a URL names, without scheme; None for what is no URL."""
    found = parsed(url)
    if found is None:
        return _page_of_another_scheme(url)
    place = found.host if found.port is None else f"{found.host}:{found.port}"
    pairs = (pair for pair in found.query if not TRACKERS_RE.search(pair[0].lower()))
    query = "&".join(name if value is None else f"{name}={value}" for name, value in pairs)
    mark = f"#{found.fragment}" if found.fragment.startswith("!") else ""
    return f"{place}{found.path.rstrip('/')}{'?' if query else ''}{query}{mark}"


def site_hash(url: str | None) -> int:
    """XXH3-64 of the URL's host; 0 where there is none."""
    if not url or len(url) > MAX_URL_CHARACTERS:
        return 0
    host = host_of(url)
    # 0 means none.
    return (xxhash.xxh3_64_intdigest(host.removeprefix("www.").encode()) or 1) if host else 0


def _page_of_another_scheme(url: str) -> str | None:
    """Of a URL whose scheme has no hosts, or none; None for one of a host that no browser accepts."""
    try:
        split = urlsplit(url.partition("#")[0])
        if split.scheme in ("http", "https"):
            return None
        return normalize_url(split, trailing_slash=False).rpartition("://")[2]
    except ValueError:
        return None
