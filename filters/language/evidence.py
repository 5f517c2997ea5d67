"""What the characters of a text say of its language, beside the model: each rule a comparison of stated likelihoods.

- *Chinese or Japanese* (`japanese_odds`). Each character of Han is of one of KANJI_CLASSES: which of JIS X 0208 (and its level),
  GB 2312 and Big5 has it. 気 駅 円 働 are of JIS alone, 这 们 of GB alone; 國 學 are of JIS level 2, which Japanese of today
  seldom uses; 会 国 are of JIS and GB, 線 議 of JIS and Big5, and both in one text are Japanese. The log odds are the sum over
  characters of the log likelihood of its class in Japanese less that in simplified or in traditional Chinese, whichever
  explains the text better; kana counts for Japanese, words that Japanese does not write (是 很 也 …) against it. Among much kana the
  old forms, 國 學, are Japanese of before 1946 as well. A model's
  odds are added, within bounds that grow with the text: of two characters it knows little.
- *Uyghur, Kazakh, Kyrgyz* (`turkic`), where letters of the Turkic languages stand in a text of Arabic script and few of those that
  Arabic, Persian, Urdu and Kurdish have in their place. ئ خ غ چ ھ ۈ ې are Uyghur's, ء ح ع ٵ ٶ ٷ ٸ Kazakh's, ۅ ۉ Kyrgyz's.
- *Written or not* (`is_written`): no language is answered that is not written with most of the text's letters.

Sources of the likelihoods: lingua's test data and the Universal Declaration (935 sentences and paragraphs of the three ways of
writing Han, 35 of Uyghur), rounded; classes that were not seen have a floor.
"""

import math

import numpy as np

from filters.language.scripts import (
    ARABIC,
    CYRILLIC,
    DEVANAGARI,
    HAN,
    KANA,
    KANJI_CLASSES,
    LATIN,
    MARKS,
    SCRIPTS,
    SHARED_SCRIPTS,
    Characters,
    Float64s,
)

# Share of each of KANJI_CLASSES in the Han of a text: Japanese, simplified and traditional Chinese.
_LIKELIHOODS = {
    "1GB": (0.680, 0.670, 0.740),
    "1G ": (0.055, 0.045, 0.002),
    "1 B": (0.170, 0.001, 0.130),
    "1  ": (0.080, 0.0005, 0.0008),
    "2GB": (0.002, 0.038, 0.008),
    "2G ": (0.0005, 0.013, 0.0003),
    "2 B": (0.0015, 0.0005, 0.110),
    "2  ": (0.001, 0.0002, 0.0004),
    " GB": (0.0005, 0.025, 0.006),
    " G ": (0.0005, 0.200, 0.001),
    "  B": (0.0003, 0.0002, 0.005),
    "   ": (0.0002, 0.0005, 0.002),
}
_LOGS = np.log([_LIKELIHOODS[kind] for kind in KANJI_CLASSES])
#: Kana is half of Japanese, and a name or a quotation in Chinese.
_KANA_LOG_ODDS = 2.5
#: Among so much kana (the least of Japanese prose is twice as much) kanji may be those of before 1946, which Big5 has too.
_OLD_FORMS_KANA_SHARE = 0.2
_CHINESE_WORD_LOG_ODDS = -4.0
#: A text of Han alone is Chinese four or five times as often.
JAPANESE_LEAST = 1.5
#: Odds of a model count to e^3, and less in a short text.
_MOST_MODEL_LOG_ODDS, _LETTERS_FOR_LOG_ODDS = 3.0, 3
_LEAST_PROBABILITY = 1e-4

#: Turkic text has so many letters of its own (Uyghur .26, Kazakh .12), and at most a fourth of others.
_TURKIC_SHARE = 0.01
_NOT_TURKIC_SHARE = 0.25
# Share of the letters that Uyghur, Kazakh and Kyrgyz each have alone, in their own text and in another's.
_OWN_SHARE = {"ug": 0.105, "kk": 0.025, "ky": 0.03}
_FOREIGN_SHARE = 0.001

# ruff: noqa: SIM905 - languages in rows are read more easily
#: Languages that are written with Cyrillic, Arabic letters, Devanagari; what no line names, and what no script of SCRIPTS
#: is the script of, with Latin letters.
_WRITTEN_WITH = {
    CYRILLIC: (
        "ru uk be bg mk sr sh bs kk ky mn tg tt ba cv ce os av kv myv mdf mhr mrj udm xal krc kum lez lbe tyv sah ab ady kbd bxr "
        "cu inh rue kjh alt uz az tk ro crh kaa gag rmy lad koi nog tab dar evn eve ckt ykg yrk kpv kca mns niv gld sms sjd cnr"
    ),
    ARABIC: (
        "ar arz acm acq aeb ajp apc ars ary ayl fa prs ur ug ps sd ckb ku ks azb az pnb lah mzn lrc glk skr bal kk ky uz tk tg ms "
        "bjn ace ha ug tt zlm tly diq haz sw so"
    ),
    DEVANAGARI: "hi mr ne sa bh bho mai new gom kok dty doi sd awa mag hne brx ks sat bgc mwr pi rwr gbm kfy anp unr lif taj thf",
}
#: Languages of those that are written with Latin letters as well.
_LATIN_TOO = frozenset(
    (
        "sr sh bs kk uz az tk ro crh kaa gag rmy lad tt ug ku diq ms bjn ace ha zlm tly sw so ky mn cnr ps sd sat pi kok evn sms ab "
        "kab tzm su jv ban bug mak ff vai iu cr oj nod nan hak"
    ).split()
)
_BY_SCRIPT = {number: frozenset(languages.split()) for number, languages in _WRITTEN_WITH.items()}
_OF_SCRIPTS = frozenset(language for script in SCRIPTS for language in script.languages)
_NOT_LATIN = (_OF_SCRIPTS | frozenset().union(*_BY_SCRIPT.values())) - _LATIN_TOO


def japanese_odds(found: Characters) -> Float64s:
    """(texts,): log odds of Japanese against Chinese by the characters of each text; 0 where none says anything."""
    kanji = found.marks[:, MARKS.kanji :].astype(np.float64) @ _LOGS  # (texts, 3): of Japanese, simplified, traditional
    kana = found.classes[:, KANA]
    in_old_forms = kana >= _OLD_FORMS_KANA_SHARE * (kana + found.classes[:, HAN])
    japanese = np.where(in_old_forms, np.maximum(kanji[:, 0], kanji[:, 2]), kanji[:, 0])
    return np.asarray(
        japanese
        - kanji[:, 1:].max(axis=1)
        + _KANA_LOG_ODDS * kana
        + _CHINESE_WORD_LOG_ODDS * found.marks[:, MARKS.chinese]
    )


def with_model(odds: float, letters: int, japanese: float, chinese: float) -> float:
    """Log odds with those of a model that gives Japanese and Chinese these probabilities, of a text with so much Han and kana."""
    bound = min(_MOST_MODEL_LOG_ODDS, letters / _LETTERS_FOR_LOG_ODDS)
    model = math.log(max(japanese, _LEAST_PROBABILITY) / max(chinese, _LEAST_PROBABILITY))
    return odds + max(-bound, min(bound, model))


def turkic(classes: list[int], marks: list[int]) -> tuple[str, float] | None:
    """(language, its probability among the three) of a text of Arabic script in a Turkic language, None for another text."""
    letters = classes[ARABIC]
    own = marks[MARKS.turkic]
    if not own or own < _TURKIC_SHARE * letters or marks[MARKS.not_turkic] > _NOT_TURKIC_SHARE * own:
        return None
    counts = {"ug": marks[MARKS.uyghur], "kk": marks[MARKS.kazakh], "ky": marks[MARKS.kyrgyz]}
    # Kyrgyz has Kazakh's consonants and its own vowels.
    expected = {
        "ug": {"ug": _OWN_SHARE["ug"]},
        "kk": {"kk": _OWN_SHARE["kk"]},
        "ky": {"kk": _OWN_SHARE["kk"], "ky": _OWN_SHARE["ky"]},
    }
    logs = {}
    for language, shares in expected.items():
        rates = {kind: shares.get(kind, _FOREIGN_SHARE) for kind in counts}
        logs[language] = sum(counts[kind] * math.log(rate) - letters * rate for kind, rate in rates.items())
    best = max(logs, key=lambda language: logs[language])
    return best, 1 / sum(math.exp(value - logs[best]) for value in logs.values())


def is_written(language: str, script: str, number: int) -> bool:
    """Whether a language, or the script that its label names, is written with a class of SHARED_SCRIPTS."""
    if script:
        return script in SHARED_SCRIPTS[number - LATIN].codes
    return language not in _NOT_LATIN if number == LATIN else language in _BY_SCRIPT[number]
