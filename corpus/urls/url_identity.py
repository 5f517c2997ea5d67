"""When two URLs name one page or one site: hashes of a URL without what does not tell pages or sites apart.

Scheme, default port, fragment (but `#!…`), tracking parameters, the order of parameters and a last slash do not count; host
and escapes are brought into one form (courlan.normalize_url). Cost: 25 µs. A site is a host, in lower case and without a `www.` before it:
hosts of one registered domain are as often different sites as one. Cost: 3 µs.
"""

from urllib.parse import urlsplit

import xxhash
from courlan import normalize_url

#: Part of the fingerprint of `extract`: raise it with every change that can change a value.
VERSION = 2

#: A longer URL is not taken apart: Python normalises a host in quadratic time. No browser sends one.
MAX_URL_CHARACTERS = 8192


def url_hash(url: str | None) -> int:
    """XXH3-64 of the normalised URL; 0 where there is none, or what there is cannot be read as one. A longer one is as it is."""
    if not url:
        return 0
    if len(url) > MAX_URL_CHARACTERS:
        return xxhash.xxh3_64_intdigest(url.encode("utf-8", "replace")) or 1
    page, mark, fragment = url.partition("#")
    try:
        normal = normalize_url(page, trailing_slash=False)
    except ValueError:
        return 0
    _, _, place = normal.rpartition("://")
    # 0 means none.
    return xxhash.xxh3_64_intdigest((place + (mark + fragment if fragment.startswith("!") else "")).encode()) or 1


def site_hash(url: str | None) -> int:
    """XXH3-64 of the URL's host; 0 where there is none."""
    if len(url or "") > MAX_URL_CHARACTERS:
        return 0
    try:
        host = urlsplit(url or "").hostname
    except ValueError:  # an IPv6 address without its bracket
        return 0
    if not host:
        return 0
    # 0 means none.
    return xxhash.xxh3_64_intdigest(host.removeprefix("www.").rstrip(".").encode()) or 1
