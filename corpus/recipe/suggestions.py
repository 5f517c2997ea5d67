"""What a name that is not known was probably to be: one way of saying it, wherever names are checked."""

import difflib
from collections.abc import Iterable

#: So many names are listed in full; of more, those that are near.
LISTED = 20
#: Near names, at most.
NEAR = 5

#: What people write for a language, and its code in ISO 639: codes of countries, of ISO 639-2, other names.
#: Only what is no code of another language itself: `se` is Northern Sami, `br` is Breton.
LANGUAGES = {
    "cn": "zh", "chi": "zh", "zho": "zh", "cmn": "zh", "chs": "zh", "cht": "zh", "chinese": "zh", "mandarin": "zh",
    "tw": "zh", "hans": "zh", "hant": "zh", "zhcn": "zh", "zhtw": "zh", "hk": "zh",
    "eng": "en", "us": "en", "gb": "en", "uk-en": "en", "english": "en",
    "jp": "ja", "jpn": "ja", "japanese": "ja", "kr": "ko", "kor": "ko", "korean": "ko",
    "rus": "ru", "russian": "ru", "ua": "uk", "ukr": "uk", "ukrainian": "uk",
    "deu": "de", "ger": "de", "german": "de", "at": "de", "fra": "fr", "fre": "fr", "french": "fr",
    "spa": "es", "spanish": "es", "mx": "es", "por": "pt", "portuguese": "pt", "ita": "it", "italian": "it",
    "gre": "el", "ell": "el", "greek": "el", "cz": "cs", "ces": "cs", "cze": "cs", "czech": "cs",
    "dk": "da", "dan": "da", "danish": "da", "swe": "sv", "swedish": "sv", "nld": "nl", "dut": "nl", "dutch": "nl",
    "pol": "pl", "polish": "pl", "tur": "tr", "turkish": "tr", "vn": "vi", "vie": "vi", "vietnamese": "vi",
    "ara": "ar", "arabic": "ar", "heb": "he", "hebrew": "he", "iw": "he", "per": "fa", "fas": "fa", "persian": "fa",
    "hin": "hi", "hindi": "hi", "ind": "id", "in": "id", "indonesian": "id", "tha": "th", "thai": "th",
    "fin": "fi", "finnish": "fi", "hun": "hu", "hungarian": "hu", "ron": "ro", "rum": "ro", "romanian": "ro",
    "bul": "bg", "bulgarian": "bg", "kaz": "kk", "uig": "ug", "tib": "bo", "bod": "bo", "mon": "mn", "nob": "no",
}  # fmt: skip


def unknown(name: str, known: Iterable[str]) -> str:
    """` (did you mean 'dedup'?); known are …`, to follow a name: with a hint where one is near.

    Example:
        >>> unknown("dedupe", ["run", "dedup"])
        " (did you mean 'dedup'?); known are dedup, run"
    """
    names = sorted(map(str, known))
    near = difflib.get_close_matches(name, names, n=NEAR)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    if len(names) <= LISTED:
        return f"{hint}; known are {', '.join(names)}"
    shown = near if near else names[:NEAR]
    return f"{hint}; {'near it' if near else 'known'} are {', '.join(shown)}, of {len(names)} in all"


def language_code(written: str) -> str | None:
    """The code that was meant by a BCP 47 tag, a country or a name; None for what gives no clue.

    Example:
        >>> language_code("zh-Hans-CN"), language_code("jp"), language_code("English"), language_code("x1")
        ('zh', 'ja', 'en', None)
    """
    tag = written.strip().lower().replace("_", "-")
    first = tag.partition("-")[0]
    if tag in LANGUAGES or first in LANGUAGES:
        return LANGUAGES.get(tag, LANGUAGES.get(first))
    return first if first != written and first.isascii() and first.isalpha() and len(first) in (2, 3) else None
