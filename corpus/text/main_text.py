"""Decoded HTML → main text, by trafilatura in its fast setting without comments.

FACTS measured: as good as trafilatura's default on neutral gold, 1.4–1.8 times as fast. Cost: about 10 ms a page.
"""

import logging

import trafilatura

VERSION = 1

# It logs each page that it finds nothing in; that is counted elsewhere.
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)


def main_text(html: str) -> str | None:
    """The page's main text, or None where there is none. Raises whatever a page does to a parser."""
    text: str | None = trafilatura.extract(html, fast=True, include_comments=False)
    return text
