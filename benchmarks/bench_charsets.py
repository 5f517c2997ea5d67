"""Are pages read in the charset that they are written in? Ours beside resiliparse's detection and a browser's trust in labels.

    python benchmarks/bench_charsets.py ../shared/data [--markdown] [--every 10]

DATA has folders charsets/ and charsets2/: a WARC and truth.jsonl with, of each page, offset, charset, declared, header, wrong,
and the SHA-1 of the text. A page is right where its whole text is. Then the processor time of a page, and beside it that of
its extraction.
"""

import argparse
import collections
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fastwarc.warc import ArchiveIterator
from resiliparse.parse.encoding import bytes_to_str, detect_encoding

from corpus.pages.charset import decode_page
from corpus.pages.extractor_process import IN_PROCESS

Decoder = Callable[[bytes, str | None], str]
_META = re.compile(rb'<meta[^>]{0,300}?charset\s*=\s*["\']?\s*([\w.:-]{2,40})', re.IGNORECASE)
_BROWSER = {"gbk": "gb18030", "gb2312": "gb18030", "big5": "big5hkscs", "shift_jis": "cp932", "euc-kr": "cp949",
            "iso-8859-1": "cp1252", "windows-874": "cp874", "tis-620": "cp874", "ibm866": "cp866"}  # fmt: skip


def ours(body: bytes, declared: str | None) -> str:
    return decode_page(body, declared)[0]


def detection(body: bytes, _: str | None) -> str:
    return bytes_to_str(body, detect_encoding(body))


def labels(body: bytes, declared: str | None) -> str:
    meta = _META.search(body, 0, 4096)
    label = (declared or (meta[1].decode() if meta else "windows-1252")).lower()
    return body.decode(_BROWSER.get(label, label), "replace")


DECODERS: dict[str, Decoder] = {"ours": ours, "resiliparse": detection, "labels alone": labels}


def pages(folder: Path, every: int) -> Iterator[tuple[dict[str, Any], bytes, str | None]]:
    """(truth, body, charset of the header) of every n-th page."""
    rows = [json.loads(line) for line in (folder / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    with next(folder.glob("*.warc.gz")).open("rb") as warc:
        for row in [row for row in rows if row["text_sha1"]][::every]:
            warc.seek(row["offset"])
            record = next(iter(ArchiveIterator(warc, parse_http=True, auto_decode="all")))
            yield row, record.reader.read(), row.get("header", record.http_charset)


def is_right(text: str, digest: str) -> bool:
    """A byte-order mark may stay or go."""
    forms = (text, text.lstrip("\ufeff"), "\ufeff" + text)
    return any(hashlib.sha1(form.encode("utf-8", "surrogatepass")).hexdigest() == digest for form in forms)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--markdown", action="store_true", help="The tables alone.")
    arguments = parser.parse_args()
    right: dict[tuple[str, str], collections.Counter[str]] = collections.defaultdict(collections.Counter)
    seconds: collections.Counter[str] = collections.Counter()
    for name in ("charsets", "charsets2"):
        for truth, body, declared in pages(arguments.data / name, arguments.every):
            wrong = truth.get("wrong", truth["declared"] == "wrong")
            group = truth.get("group", truth["kind"])
            keys = [(name, "all"), (name, f"{group}, {'wrongly' if wrong else 'rightly or not'} declared")]
            if wrong:
                keys.append((name, f"{truth['charset']}, wrongly declared"))
            for who, decoder in DECODERS.items():
                begun = time.process_time()
                try:
                    text = decoder(body, declared)
                except (LookupError, UnicodeDecodeError):
                    text = ""
                seconds[who] += time.process_time() - begun
                for key in keys:
                    right[key][who] += is_right(text, truth["text_sha1"])
            for key in keys:
                right[key]["pages"] += 1
            if not arguments.markdown:
                text_of_page = decode_page(body, declared)[0]
                begun = time.process_time()
                IN_PROCESS.main_text(text_of_page)
                seconds["extraction"] += time.process_time() - begun
    print(f"| set | pages | number | {' | '.join(DECODERS)} |\n| --- | --- | ---: |{' ---: |' * len(DECODERS)}")
    for (name, what), counts in sorted(right.items()):
        shares = " | ".join(f"{counts[who] / counts['pages']:.3f}" for who in DECODERS)
        print(f"| {name} | {what} | {counts['pages']:,} | {shares} |")
    if not arguments.markdown:
        number = sum(counts["pages"] for key, counts in right.items() if key[1] == "all")
        print(*(f"{who}: {1e3 * spent / number:.2f} ms a page" for who, spent in seconds.items()), sep="\n")


if __name__ == "__main__":
    main()
