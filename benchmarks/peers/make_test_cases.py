"""Writes tests/datatrove_cases.jsonl: texts with the words, sentences and verdicts that datatrove gives them.

Run in the peers' environment: `python benchmarks/peers/make_test_cases.py`. The texts are made here: pieces that the word
rules look for, drawn at random, and a page that is spoilt in one way a filter looks for. tests/test_datatrove_words.py and
tests/test_datatrove_signals.py hold our kernels to the file.
"""

import json
from pathlib import Path

import numpy as np
from datatrove.utils.text import split_into_sentences, split_into_words
from datatrove_verdicts import filters_of, verdict

OUT = Path(__file__).parents[2] / "tests" / "datatrove_cases.jsonl"
ENGLISH = "eng_Latn"
DRAWN = 400

_PIECES = (
    "' \" ” ’s 's 'S - -- --- — —— … .. ... . , : ; ! ? ( ) [ ] { } < > = / | ~ ^ * + # $ US$ C$ € % & @ _ \\ 10 3.14 1 km "
    "kg km² m/s MB тб a b. A U.S. e.g. i.e. don't can't cannot won't I'm I'ma y'all and/or w/o a.m. 10am p.m. Mr. Dr. Ph.D. "
    ":) :-) =) <3 o_O ^_^ http:// https:// mailto: www. example.com example.co.uk x.y foo.Bar 192.168.1.1 8.8.8.8:80 :8080 "
    "/path ?q=1 #frag user@ foo@bar.com the The THE élan 中文 。 「 日本語 тест Ё ß Ω °C. °F. ™ © → 🔬 ❤️ \u00ad \u200b "
    "\ue000 «quote» 1,000 1-2 a-b 2x2 10*3 2^-3 v1.2.3-rc1 C++ '' ll em nuff lovin' Its Well I'll they'd've shouldn't've"
)
PIECES = _PIECES.split()

LINES = (
    "The committee met on Tuesday to discuss the new railway line that is to run between both of the cities.",
    "Its members have heard three engineers, who explained how bridges are built over a wide river with soft banks.",
    "Nobody in the town hall expected that the cost would be half of last year's estimate, and they said so.",
    "A decision is to be made in spring; work could begin before the end of the summer if it doesn't rain too much.",
    "Until then buses carry the passengers, with more of them on weekdays than on holidays, as the timetable shows.",
    'Farmers along the river asked for a tunnel instead: "The floods reach our fields," one of them wrote.',
    "That would cost twice as much! Who is going to pay for it? The mayor had no answer to this question.",
)


def pages() -> list[str]:
    """A page, and what each filter has against it."""
    page = "\n".join(LINES)
    no_ends = "\n".join(line.rstrip('.?!"') for line in LINES)
    spoilt = [
        page,
        "one two three",
        "one two three one two three",
        page.replace("\n", "\n\n"),
        page.replace("\n", "\r\n"),
        page.replace("\n", "\x0b"),
        page.replace("\n", "\u2028"),
        page.replace("\n", " \n"),
        page + "\n" + page,
        "\n\n".join([LINES[0]] * 3 + list(LINES[1:])),
        "\n".join([LINES[0]] * 4 + list(LINES[1:])),
        page + "\nA line.\nA line.",
        page + " and so on" * 40,
        page + " on and on and on and on and on." * 6,
        no_ends,
        "\n".join(line[:25] for line in LINES * 2),
        " ".join(LINES[:2]),
        "\n".join(LINES[:4]),
        "\n".join(LINES[:5]),
        "\n".join(f"{line} [{number}]" for number, line in enumerate(LINES)),
        "\n".join(f"{line}[{number}]" for number, line in enumerate(LINES)),
        "\n".join(f"[edit] {line}[citation needed]" for line in LINES),
        page + "\nPlease enable JavaScript to see { this } page.",
        page + "\nAll of this { is } code and no text.",
        page + "\nAll of this { is } code and no text",
        page + "\nLorem ipsum is here to stay.",
        page + "\nLorem ipsum is here to stay",
        "\n".join(line.replace(".", " and our Privacy Policy.") for line in LINES),
        "\n".join(line.replace(".", "...") for line in LINES),
        "\n".join(line.replace(".", "…") for line in LINES),
        "\n".join(f"- {line}" for line in LINES),
        "\n".join(f"• {line}" for line in LINES),
        "\n".join(f"{line} # # # #" for line in LINES),
        "\n".join(f"{line} ... ... ... ..." for line in LINES),
        "\n".join(f"{line} 1 2 3 4 5 6 7 8" for line in LINES),
        "\n".join(line.replace(" ", ", ") for line in LINES),
        "\n".join("a b c d e f g h " + line for line in LINES),
        "\n".join(line.replace(" ", "ification ") for line in LINES),
        page.replace("the", "die").replace("of", "von").replace(" to ", " zu ").replace("be", "sein"),
        page + "\n" + "x" * 1001 + " is too long a word.",
        page + "\n" + "x" * 1000 + " is not too long a word.",
        "\n".join(line.replace(" ", "\n") for line in LINES),
        "\n".join('He said:  "Go.  Go."  Then  he  went.' for _ in range(3)) + "\n" + page,
        "Wait. [1]\nGo. [2]\nStop. [3] \n" + page,
        "\n\n" + page + "\n\n",
        " ".join(["word"] * 60),
        "\n".join(f"{line[:20]}." for line in LINES * 2),
        "\n".join(f"{a * 18} {b * 18}" + "." * (a < "d") for a, b in zip("abcdefghij", "klmnopqrst", strict=True)),
        f"{page} {LINES[0]} {LINES[0]}",
        "\n".join(f"It is as if we are to go on up {line}" for line in LINES),
        "\n".join(f"To be or not is of a b c d e f {n}." for n in "ghijklmnop"),
        "一二三四五 " * 60,
    ]
    return [*spoilt, *(text[: len(text) // 2] for text in spoilt)]


def main() -> None:
    generator = np.random.default_rng(5)
    drawn = [
        "".join(
            str(generator.choice(PIECES)) + (" " if generator.random() < 0.15 else "")
            for _ in range(generator.integers(1, 8))
        )
        for _ in range(DRAWN)
    ]
    filters = filters_of(ENGLISH)
    with OUT.open("w", encoding="utf-8") as out:
        for text in [*PIECES, *drawn]:
            case = {"text": text, "words": split_into_words(text, ENGLISH)}
            out.write(json.dumps(case) + "\n")
        for text in dict.fromkeys(pages()):
            case = {
                "text": text,
                "sentences": [len(split_into_sentences(line, ENGLISH)) for line in text.splitlines()],
                "verdicts": {name: verdict(kind, text) for name, kind in filters.items()},
            }
            out.write(json.dumps(case) + "\n")
    print(OUT, OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
