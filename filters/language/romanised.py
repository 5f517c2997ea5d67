"""Chinese, Japanese and Hindi in Latin letters, which models of languages take for English, Dutch, Spanish …

Pinyin and Hepburn are syllables of a closed set, so words are cut into them; Hindi on the web has no standard, so its commonest
words tell. A text is romanised where nearly all words fit, enough of them are words of that language, and they are of several
kinds: Swahili, Hawaiian and Italian are made of such syllables too, and have other words.

Read only where the model is not sure (filters.language.identification), of a text of LEAST_WORDS to MOST_CHARACTERS.
Linear in the text: each word of at most MOST_LETTERS is cut by one expression whose alternatives do not overlap much.
"""

import re
import unicodedata

LEAST_WORDS = 4
MOST_CHARACTERS = 500
_MOST_LETTERS = 24
#: Share of the words that must be made of the language's syllables, and be among its commonest words.
_SYLLABLES_SHARE = 0.85
_WORDS_SHARE = {"zh": 0.15, "ja": 0.2, "hi": 0.3}
_LEAST_DIFFERENT = 2

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_TONES = {0x300, 0x301, 0x304, 0x30C}

_PINYIN = re.compile(
    r"(?:(?:(?:zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])?"
    r"(?:iang|iong|uang|ang|eng|ing|ong|ian|iao|uai|uan|ueng|ai|an|ao|ei|en|er|ia|ie|in|iu|ou|ua|ue|ui|un|uo|ve|[aeiouv]))"
    r"(?:'?|r))+"
)
_MORAE = re.compile(
    r"(?:(?:[kgsztdnhbpmr]y[aou]|(?:sh|ch|ts|[kgsztdnhbpmyrwfj])?[aeiou]|n(?![aeiouy])|([kstpgdbz])(?=\1)|t(?=ch))'?)+"
)
#: Commonest words, of which those after the bar are of no other language that is made of such syllables.
_COMMON = {
    "zh": (
        "de wo ni ta bu you he le na ma ba ne yi ge hao dou ye lai mei guo | shi zai hen zhe zhege nage women nimen tamen shenme "
        "zenme qing xiexie nihao jiu yao xiang qu shuo meiyou bushi zhidao keyi jintian mingtian zuotian xianzai duoshao zhong "
        "zhongguo xuexi daxue zhongxue laoshi xuesheng shijian shihou pengyou dongxi difang gongsi"
    ),
    "ja": (
        "wa no ni o wo ga de to mo ka ne yo made kara nai | desu deshita masu mashita masen deshou kono sono ano sore kore watashi "
        "anata boku nani doko itsu dare totemo arimasu imasu kudasai onegai gozaimasu arigatou shimasu omoimasu koto kyou ashita "
        "kinou hontou sumimasen konnichiwa ohayou"
    ),
    "hi": (
        "ho main se ko ka ki ke par ya the kar kal din mat na ek log tum hum sab | hai hain nahi nahin kya kyun kyon kaise kaun kab "
        "kahan yeh woh mein tumhe tumhara aap mera mere meri tera tere teri uska uski unka iska isko usko bhi toh aur lekin bahut "
        "bohot accha achha achhi tha thi raha rahi rahe gaya gayi karo karna karte hota hoti chahiye kuch kabhi aaj raat ghar paas "
        "yahan wahan abhi phir itna itne kitna kitni haan"
    ),
}
_OWN = {language: frozenset(words.partition("|")[2].split()) for language, words in _COMMON.items()}
_WORDS = {language: frozenset(words.replace("|", " ").split()) for language, words in _COMMON.items()}
_JAPANESE_ENDING = re.compile(r"(?:masu|mashita|masen|deshita|mashou)$")
_SYLLABLES = {"zh": _PINYIN, "ja": _MORAE}


def romanised(text: str) -> str:
    """The language that a text is a romanisation of, or "" where it is none."""
    if len(text) > MOST_CHARACTERS:
        return ""
    words = [_plain(word) for word in _WORD.findall(text)]
    if len(words) < LEAST_WORDS:
        return ""
    for language, known in _WORDS.items():
        common = [word for word in words if word in known or (language == "ja" and _JAPANESE_ENDING.search(word))]
        if len(common) < _WORDS_SHARE[language] * len(words) or len(set(common)) < _LEAST_DIFFERENT:
            continue
        if all(word in known and word not in _OWN[language] for word in common):
            continue
        syllables = _SYLLABLES.get(language)
        fit = sum(
            syllables is None or (len(word) <= _MOST_LETTERS and syllables.fullmatch(word) is not None)
            for word in words
        )
        if fit >= _SYLLABLES_SHARE * len(words):
            return language
    return ""


def _plain(word: str) -> str:
    """In lower case, without the tones of pinyin and the long vowels of Hepburn."""
    if word.isascii():
        return word.lower()
    parts = unicodedata.normalize("NFD", word.lower())
    return "".join(part for part in parts if ord(part) not in _TONES).replace("u\u0308", "v")
