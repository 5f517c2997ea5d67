"""What each signal that a rule may use says of a document, and what each reason says of one that is dropped: a sentence each.

For `corpus profiles explain` and docs/profiles.md; the formulas themselves stand in docs/signals.md. The tests hold the
signals to the schema, and the reasons to docs/reasons.md, word for word.
"""

from collections.abc import Mapping

from corpus.reasons import Reason


def _n_gram_meanings(library: str) -> dict[str, str]:
    """Those of the repeated n-grams in the words that a library cuts."""
    top = {
        f"{library}_top_{n}_gram_character_ratio": f"share of the characters in the commonest run of {n} of {library}'s words"
        for n in (2, 3, 4)
    }
    duplicates = {
        f"{library}_duplicate_{n}_gram_character_ratio": f"share of the characters in runs of {n} of {library}'s words that "
        "occurred before"
        for n in range(5, 11)
    }
    return top | duplicates


SIGNAL_MEANINGS: Mapping[str, str] = {
    "language_score": "probability that the language model gives the document's language, 0 to 1",
    "second_language_share": "share of the letters that are in windows of the document's second language, 0 to 1",
    "characters": "code points",
    "bytes": "bytes of UTF-8",
    "words": "words that are not only symbols; single characters in scripts without spaces",
    "lines": "lines that are not blank",
    "paragraphs": "runs of lines between blank lines",
    "sentences": "sentence ends of any script",
    "stop_words": "distinct stop words of the document's language",
    "curly_brackets": "occurrences of {",
    "javascript_lines": "lines that contain javascript",
    "policy_lines": "lines that contain a phrase of a privacy or cookie policy",
    "lorem_ipsum": "occurrences of lorem ipsum",
    "boilerplate_lines": "lines with a phrase of what stands around texts: all rights reserved, sign in, 版权所有",
    "mean_word_length": "characters a word",
    "mean_line_length": "characters a line that is not blank",
    "hash_mark_ratio": "# a word",
    "ellipsis_ratio": "ellipses a word",
    "bullet_line_ratio": "share of lines that begin with a bullet",
    "ellipsis_line_ratio": "share of lines that end in an ellipsis",
    "alphabetic_word_ratio": "share of words, symbols counted, that have a letter",
    "lettered_word_ratio": "share of words, symbols not counted, that have a letter",
    "duplicate_line_ratio": "share of lines that are copies of earlier ones",
    "duplicate_line_character_ratio": "share of the characters that stand in such copies",
    "duplicate_paragraph_ratio": "share of paragraphs that are copies of earlier ones",
    "duplicate_paragraph_character_ratio": "share of the characters that stand in such copies of paragraphs",
    **{
        f"top_{n}_gram_character_ratio": f"share of the characters in the commonest run of {n} words, if it occurs twice"
        for n in (2, 3, 4)
    },
    **{
        f"duplicate_{n}_gram_character_ratio": f"share of the characters in runs of {n} words that occurred before"
        for n in range(5, 11)
    },
    "repeated_13_character_ratio": "share of windows of 13 characters that occurred before",
    "distinct_word_ratio": "different words a word, symbols counted",
    "distinct_3_gram_ratio": "different runs of 3 words a run",
    "word_entropy": "bits a word: low where few words make up the text",
    "line_end_punctuation_ratio": "share of lines that end in a sentence's end mark, closing quotes behind it left out",
    "short_line_ratio": "share of lines of at most 30 characters",
    "short_word_line_ratio": "share of lines of fewer than 3 words",
    "fragment_character_ratio": "share of the characters in lines of at most 30 characters that end no sentence and do not speak as verse does",
    "fineweb_duplicate_line_character_ratio": "characters of copied lines over all but newlines",
    "newline_word_ratio": "newlines a word",
    "list_line_ratio": "share of lines that begin with a bullet or a number",
    "menu_line_ratio": "share of lines with two or more of the marks between a menu's items",
    "url_ratio": "share of characters in URLs",
    "odd_character_ratio": "share of replacement, control, private and unassigned characters",
    "cjk_ratio": "share of han, kana and hangul",
    "digit_ratio": "share of decimal digits",
    "punctuation_ratio": "share of punctuation and symbols",
    "uppercase_ratio": "share of upper-case letters",
    "spam_score": "how much the text is like spam, 0 to 1, by the shipped classifier",
    "pii_emails": "e-mail addresses",
    "pii_ips": "public IP addresses",
    "pii_macs": "addresses of network cards (MAC)",
    "pii_ibans": "bank accounts by IBAN",
    "pii_resident_ids": "Chinese resident-ID numbers",
    "pii_usccs": "unified social credit codes of Chinese organisations",
    "pii_cards": "numbers of payment cards",
    "pii_imeis": "serial numbers of telephones (IMEI)",
    "pii_hk_ids": "identity numbers of Hong Kong",
    "pii_tw_ids": "identity numbers of Taiwan",
    "pii_mo_ids": "identity numbers of Macau",
    "pii_passports": "numbers of passports",
    "pii_travel_permits": "permits to travel between China, Hong Kong, Macau and Taiwan",
    "pii_plates": "number plates of vehicles in China",
    "pii_qqs": "QQ numbers, of persons and groups",
    "pii_wechats": "WeChat names",
    "pii_bank_accounts": "numbers of bank accounts",
    "pii_phones": "telephone numbers",
    "datatrove_words": "datatrove's words that are not only symbols",
    "datatrove_stop_words": "distinct English stop words among datatrove's words",
    "datatrove_c4_sentences": "sentences in the lines that datatrove's C4 filter keeps",
    "datatrove_c4_lorem_ipsum": "lines for whose lorem ipsum datatrove's C4 filter drops a document",
    "datatrove_c4_curly_brackets": "lines for whose { datatrove's C4 filter drops a document",
    "datatrove_mean_word_length": "characters a word, in datatrove's words",
    "datatrove_hash_mark_ratio": "# a word, in datatrove's words",
    "datatrove_ellipsis_ratio": "ellipses a word, in datatrove's words",
    "datatrove_bullet_line_ratio": "share of Python's lines that begin with a bullet",
    "datatrove_ellipsis_line_ratio": "share of Python's lines that end in an ellipsis",
    "datatrove_alphabetic_word_ratio": "share of datatrove's words, punctuation marks among them, that have a letter",
    **_n_gram_meanings("datatrove"),
    "datatrove_line_end_punctuation_ratio": "share of lines whose very last character ends a sentence",
    "datatrove_newline_word_ratio": "newlines a word, in datatrove's words",
    "jieba_words": "jieba's words that are not only symbols, of Chinese documents",
    "jieba_stop_words": "distinct Chinese stop words among jieba's words",
    "jieba_mean_word_length": "characters a word, in jieba's words",
    "jieba_hash_mark_ratio": "# a word, in jieba's words",
    "jieba_ellipsis_ratio": "ellipses a word, in jieba's words",
    "jieba_alphabetic_word_ratio": "share of jieba's words, punctuation marks among them, that have a letter",
    **_n_gram_meanings("jieba"),
    "jieba_newline_word_ratio": "newlines a word, in jieba's words",
}

REASON_MEANINGS: Mapping[Reason, str] = {
    Reason.LANGUAGE_NOT_WANTED: "The identified language is not in `run.languages`.",
    Reason.LANGUAGE_UNCERTAIN: "`language_score` is below the least of its language: mixed pages, lists, code, names.",
    Reason.TOO_FEW_WORDS: "Fewer words than the limit.",
    Reason.TOO_MANY_WORDS: "More words than the limit: data dumps, word lists.",
    Reason.TOO_FEW_CHARACTERS: "As `too_few_words`, for scripts without spaces.",
    Reason.WORD_LENGTH: "The mean word is too short (spaced letters, numbers) or too long (URLs, identifiers).",
    Reason.HASH_MARKS: "Too many `#` for its words.",
    Reason.ELLIPSES: "Too many ellipses for its words: teasers.",
    Reason.BULLET_LINES: "Nearly all lines begin with a bullet: menus.",
    Reason.ELLIPSIS_LINES: "Many lines end in an ellipsis: teasers.",
    Reason.NON_ALPHABETIC_WORDS: "Too few words with a letter: tables, logs, formulas.",
    Reason.FEW_STOP_WORDS: "Too few distinct stop words of the language: keyword lists, wrong language.",
    Reason.DUPLICATE_LINES: "Too many lines are copies of earlier ones.",
    Reason.DUPLICATE_LINE_CHARACTERS: "Too large a part of the text stands in such copies.",
    Reason.DUPLICATE_PARAGRAPHS: "Too many paragraphs are copies of earlier ones.",
    Reason.DUPLICATE_PARAGRAPH_CHARACTERS: "Too large a part of the text stands in such copies.",
    Reason.TOP_NGRAM: "One run of 2, 3 or 4 words makes up too much of the text.",
    Reason.DUPLICATE_NGRAMS: "Runs of 5 to 10 words that occurred before make up too much of the text.",
    Reason.LINE_END_PUNCTUATION: "Too few lines end like a sentence: menus, tables, captions.",
    Reason.SHORT_LINES: "Too many lines of at most 30 characters.",
    Reason.LIST_LIKE: "Too many newlines for its words.",
    Reason.FRAGMENTS: "Too much of the text stands in short lines that end no sentence: menus, lists of links.",
    Reason.TOO_FEW_SENTENCES: "Fewer sentence ends than the limit.",
    Reason.TOO_FEW_PARAGRAPHS: "Fewer paragraphs than the limit.",
    Reason.LOREM_IPSUM: "Placeholder text.",
    Reason.CURLY_BRACKET: "Contains `{`: code or a template.",
    Reason.JAVASCRIPT_LINES: "Lines that mention javascript. No shipped rule; a recipe can add one.",
    Reason.POLICY_LINES: "Lines with a policy phrase. No shipped rule; a recipe can add one.",
    Reason.MEAN_LINE_LENGTH: (
        "Lines are too short on average, in scripts without spaces; or too long, in source code."
    ),
    Reason.SCRIPT_SHARE: "Too few characters are han, kana or hangul for a Chinese or Japanese page.",
    Reason.SYMBOLS: "Too many characters are punctuation or symbols: data inside source code.",
    Reason.REPEATED_CHARACTERS: "Too many windows of 13 characters occurred before.",
    Reason.LOW_QUALITY: "A classifier's score is below the limit, or the perplexity over it. No shipped rule; a recipe can add one.",
    Reason.FLAGGED_WORDS: "Too many words of a list. No shipped rule; a recipe can add one.",
    Reason.SPAM: "The shipped classifier takes it for spam: gambling, pornography, forged papers, miracle cures, stuffed keywords, pages of errors.",
    Reason.ODD_CHARACTERS: "Too many replacement, control, private or unassigned characters: letters that were lost.",
    Reason.PERSONAL_DATA: "Personal data of a kind that `[privacy]` drops, or more of it than a rule allows.",
}
