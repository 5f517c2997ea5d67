"""Extractors that a page can make crash, hang or eat memory, run for real in a helper process."""

import os
import signal
import time

from corpus.pages.main_text import MainText
from corpus.pages.trafilatura_text import main_text as real_main_text

HOSTILE = "<!-- hostile -->"


def main_text(html: str) -> MainText | None:
    text = plain_text(html)
    return MainText(text, html[:9], "", None) if text is not None else None


def plain_text(html: str) -> str | None:
    if "EXIT" in html:
        os._exit(7)
    if "SEGFAULT" in html:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "ONCE" in html:  # a page that ends its first child alone
        path = html.partition("ONCE ")[2]
        if not os.path.exists(path):
            open(path, "w").close()
            os._exit(1)
    if "HANG" in html:
        while True:
            pass
    if "SLEEP" in html:
        time.sleep(10_000)
    if "EAT" in html:
        eaten = []
        while True:
            eaten.append(bytearray(1 << 24))
    if "RAISE" in html:
        raise ValueError("of the page\nsecond line")
    if "PRINT" in html:
        os.write(1, b"not a frame")
        print("neither", flush=True)
    return None if "NONE" in html else html[::-1]


def main_text_of_page(html: str) -> MainText | None:
    """As the real one, but that a page which begins with HOSTILE does what its next word says."""
    if html.startswith(HOSTILE):
        return main_text(html.removeprefix(HOSTILE).split()[0])
    return real_main_text(html)
