"""Every Arrow schema that reaches a file: column, type, unit, meaning. Checked at read and write (corpus.storage.ipc).

`documents/`, `signals/`, `contamination/`, `scores/`, `lines/` and `decisions/` are co-partitioned: file by file and row by row the same documents in the same
order, so a join is opening two files. `doc_id` joins inside a run; `key` is identity across runs (ARCHITECTURE.md, 3).
"""

from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa

#: How edits are stored: `begin` and `end` are bytes of the UTF-8 text, half open, on characters' boundaries.
EDITS = pa.list_(
    pa.field(
        "item",
        pa.struct(
            [
                pa.field("begin", pa.uint32(), nullable=False),
                pa.field("end", pa.uint32(), nullable=False),
                pa.field("replacement", pa.string(), nullable=False),
            ]
        ),
        nullable=False,
    )
)

SCHEMA_VERSION = 4

#: `doc_id` = split number << ROW_BITS | row of the document in its split.
ROW_BITS = 32

KEY = pa.binary(16)

SPLITS = pa.schema(
    [
        pa.field("split", pa.uint32(), nullable=False),  # number, in the order of (source, file name, digest, begin)
        pa.field("item", pa.uint32(), nullable=False),  # work item that reads it
        pa.field(
            "addition", pa.uint32(), nullable=False
        ),  # 0 what the run began with, else the place among [[addition]]
        pa.field("source", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("format", pa.string(), nullable=False),
        pa.field("file", pa.string(), nullable=False),  # local path or fsspec URL
        pa.field("begin", pa.uint64(), nullable=False),  # byte range [begin, end) of the stored file
        pa.field("end", pa.uint64(), nullable=False),
        pa.field("file_bytes", pa.uint64(), nullable=False),
        pa.field("digest", pa.binary(16), nullable=False),  # of the file's first and last MiB
        pa.field("name", pa.string(), nullable=False),  # path below the glob's fixed part, or as a list names it
        pa.field(
            "fields", pa.list_(pa.field("item", pa.string(), nullable=False), 6), nullable=False
        ),  # text id url date language licence
    ]
)

DOCUMENTS = pa.schema(
    [
        pa.field("doc_id", pa.uint64(), nullable=False),
        pa.field("key", KEY, nullable=False),
        pa.field("id", pa.string()),  # the input's own: WARC-Record-ID, or the `id` of a row
        pa.field("url", pa.string()),
        pa.field("date", pa.timestamp("s", tz="UTC")),  # when the record was fetched
        pa.field("source", pa.string(), nullable=False),
        pa.field("offset", pa.uint64(), nullable=False),  # bytes: where the record begins in its file
        pa.field("language_hint", pa.string()),  # as the row gives it; what was identified is in `signals/`
        pa.field("licence", pa.string()),  # of the row, else of its source
        pa.field("opt_outs", pa.string()),  # what the page asks not to be used for, a line each (corpus.pages.opt_out)
        pa.field("title", pa.string()),  # these three as the page declares them, at most so many characters: 500
        pa.field("author", pa.string()),  # 200
        pa.field("published", pa.date32()),  # from 1990 to the day after `date`
        pa.field("text", pa.large_string(), nullable=False),
    ]
)

#: Signals that are counted, uint32: what `filters.quality.signals` measures as integers.
COUNT_SIGNALS = (
    "characters",  # code points
    "bytes",  # of UTF-8
    "words",  # words with at least one character that is no punctuation or symbol (Gopher's "non-symbol words")
    "lines",  # lines that are not blank
    "paragraphs",  # runs of lines between blank lines
    "sentences",  # sentence ends, at least 1 for a text with words
    "stop_words",  # distinct stop words of the document's language (0 where we have no list)
    "curly_brackets",  # `{`
    "javascript_lines",  # lines that contain "javascript" (any case)
    "policy_lines",  # lines that contain one of C4's policy phrases (any case)
    "lorem_ipsum",  # occurrences of "lorem ipsum" (any case)
    "boilerplate_lines",  # lines that contain a phrase of what stands around texts ("all rights reserved", "版权所有")
)

#: Signals that are ratios of integer counts, computed in float64 and stored as float32.
RATIO_SIGNALS = (
    "mean_word_length",  # characters per word
    "mean_line_length",  # characters per line that is not blank
    "hash_mark_ratio",  # `#` per word, symbols counted as words
    "ellipsis_ratio",  # `...` and `…` per word, symbols counted as words
    "bullet_line_ratio",  # share of lines that begin with a bullet
    "ellipsis_line_ratio",  # share of lines that end with an ellipsis
    "alphabetic_word_ratio",  # share of words, symbols counted, with a letter
    "lettered_word_ratio",  # share of words, symbols not counted, with a letter
    "duplicate_line_ratio",  # second and later copies, share of lines
    "duplicate_line_character_ratio",  # their characters, share of the text's
    "duplicate_paragraph_ratio",
    "duplicate_paragraph_character_ratio",
    "top_2_gram_character_ratio",  # characters of all copies of the commonest n-gram, if it occurs twice, share of text
    "top_3_gram_character_ratio",
    "top_4_gram_character_ratio",
    "duplicate_5_gram_character_ratio",  # characters of non-overlapping repeated n-grams, share of the text's
    "duplicate_6_gram_character_ratio",
    "duplicate_7_gram_character_ratio",
    "duplicate_8_gram_character_ratio",
    "duplicate_9_gram_character_ratio",
    "duplicate_10_gram_character_ratio",
    "repeated_13_character_ratio",  # share of 13-character windows seen before in the text (ChineseWebText)
    "distinct_word_ratio",  # different words per word, symbols counted
    "distinct_3_gram_ratio",
    "word_entropy",  # of the distribution of words, symbols counted; bits
    "line_end_punctuation_ratio",  # share of lines that end with terminal punctuation (any script)
    "short_line_ratio",  # share of lines of at most 30 characters
    "short_word_line_ratio",  # share of lines of fewer than 3 words (C4)
    "fragment_character_ratio",  # characters of short lines that end no sentence, share of those of all lines
    "fineweb_duplicate_line_character_ratio",  # as FineWeb: over the text's characters without newlines
    "newline_word_ratio",  # newlines per word, symbols counted as words
    "list_line_ratio",  # share of lines that begin with a bullet or a number
    "menu_line_ratio",  # share of lines with two separators of menus or more
    "url_ratio",  # characters in URLs, share of characters that are not white space
    "odd_character_ratio",  # U+FFFD, control, private and unassigned characters
    "cjk_ratio",  # han, kana, hangul: share of characters that are not white space
    "digit_ratio",
    "punctuation_ratio",  # punctuation and symbols
    "uppercase_ratio",
)

#: Signals on datatrove's words and with its quirks (`filters.parity.datatrove_signals`), measured only where a profile of the run
#: has a rule on one of them. Counts, uint32, and ratios, float32.
DATATROVE_COUNTS = (
    "datatrove_words",
    "datatrove_stop_words",
    "datatrove_c4_sentences",  # in the lines that its C4 filter keeps
    "datatrove_c4_lorem_ipsum",  # lines at which its C4 filter drops the document
    "datatrove_c4_curly_brackets",
)
DATATROVE_RATIOS = (
    "datatrove_mean_word_length",
    "datatrove_hash_mark_ratio",
    "datatrove_ellipsis_ratio",
    "datatrove_bullet_line_ratio",
    "datatrove_ellipsis_line_ratio",
    "datatrove_alphabetic_word_ratio",
    "datatrove_top_2_gram_character_ratio",
    "datatrove_top_3_gram_character_ratio",
    "datatrove_top_4_gram_character_ratio",
    "datatrove_duplicate_5_gram_character_ratio",
    "datatrove_duplicate_6_gram_character_ratio",
    "datatrove_duplicate_7_gram_character_ratio",
    "datatrove_duplicate_8_gram_character_ratio",
    "datatrove_duplicate_9_gram_character_ratio",
    "datatrove_duplicate_10_gram_character_ratio",
    "datatrove_line_end_punctuation_ratio",
    "datatrove_newline_word_ratio",
)
#: The same on jieba's words, of Chinese documents; 0 of others (`filters.parity.jieba_signals`).
JIEBA_COUNTS = ("jieba_words", "jieba_stop_words")
JIEBA_RATIOS = (
    "jieba_mean_word_length",
    "jieba_hash_mark_ratio",
    "jieba_ellipsis_ratio",
    "jieba_alphabetic_word_ratio",
    "jieba_top_2_gram_character_ratio",
    "jieba_top_3_gram_character_ratio",
    "jieba_top_4_gram_character_ratio",
    "jieba_duplicate_5_gram_character_ratio",
    "jieba_duplicate_6_gram_character_ratio",
    "jieba_duplicate_7_gram_character_ratio",
    "jieba_duplicate_8_gram_character_ratio",
    "jieba_duplicate_9_gram_character_ratio",
    "jieba_duplicate_10_gram_character_ratio",
    "jieba_newline_word_ratio",
)
#: How much a text is like spam (`filters.spam.spam_score`), float32.
SPAM_SIGNALS = ("spam_score",)
#: Group of signals that a run may have beside the others → its columns.
SIGNAL_GROUPS: Mapping[str, tuple[str, ...]] = {
    "datatrove": DATATROVE_COUNTS + DATATROVE_RATIOS,
    "jieba": JIEBA_COUNTS + JIEBA_RATIOS,
}

#: Personal data that was found, uint32: what `filters.privacy.pii` counts; the edits beside it say where.
PERSONAL_SIGNALS = (
    "pii_emails",
    "pii_ips",  # public addresses, IPv4 and IPv6
    "pii_macs",
    "pii_ibans",
    "pii_resident_ids",  # of China
    "pii_usccs",  # unified social credit codes, of organisations in China
    "pii_cards",  # payment cards
    "pii_imeis",
    "pii_hk_ids",
    "pii_tw_ids",
    "pii_mo_ids",
    "pii_passports",
    "pii_travel_permits",  # between China, Hong Kong, Macau and Taiwan
    "pii_plates",  # of vehicles in China
    "pii_qqs",
    "pii_wechats",
    "pii_bank_accounts",
    "pii_phones",
)

#: Beginnings of the names of signals that a recipe's scorers (`corpus.recipe.scorer_tables`) give; the rest is a name of the recipe's.
CLASSIFIER, WORDS_IN, SHARE_IN, PERPLEXITY = "classifier_", "words_in_", "share_in_", "perplexity_"

SCORED = (CLASSIFIER, WORDS_IN, SHARE_IN, PERPLEXITY)

SIGNALS_HEAD = [
    pa.field("doc_id", pa.uint64(), nullable=False),
    pa.field("key", KEY, nullable=False),
    pa.field("source", pa.string(), nullable=False),
    pa.field("date", pa.timestamp("s", tz="UTC")),
    pa.field("blocked_url", pa.string()),  # the entry of the source's block lists that the URL is on
    pa.field("opt_out", pa.string()),  # what the page asks that its source respects, or the entry of an opt-out list
    pa.field(
        "language", pa.string(), nullable=False
    ),  # ISO 639 code as the model gives it; "und" where nothing is sure
    pa.field("language_score", pa.float32(), nullable=False),  # 0–1, rounded to 1/1000
    pa.field("script", pa.string(), nullable=False),  # "hans", "hant" for Chinese, else ""
    pa.field(
        "second_language", pa.string(), nullable=False
    ),  # of the most letters in windows of another; "" where none
    pa.field("second_language_share", pa.float32(), nullable=False),  # of the letters, 0–1, rounded to 1/1000
    pa.field("code_switching", pa.bool_(), nullable=False),  # two scripts share some window
    pa.field("text_hash", pa.binary(16), nullable=False),  # XXH3-128 of the text's UTF-8
    pa.field("url_hash", pa.uint64(), nullable=False),  # XXH3-64 of the normalised URL; 0 where there is none
]


def signal_type(name: str) -> pa.DataType:
    """uint32 of a count, float32 of a ratio."""
    counts = {*COUNT_SIGNALS, *PERSONAL_SIGNALS, *DATATROVE_COUNTS, *JIEBA_COUNTS}
    return pa.uint32() if name in counts or name.startswith(WORDS_IN) else pa.float32()


def signals_schema(*, permutations: int, bands: int, groups: Collection[str] = ()) -> pa.Schema:
    """`signals/`: one row a document; codes of its signature (permutations,) bytes and band hashes (bands,) uint64.

    `groups` are those of SIGNAL_GROUPS that the run measures.
    """
    optional = [name for group, names in SIGNAL_GROUPS.items() if group in groups for name in names]
    return pa.schema(
        SIGNALS_HEAD
        + [
            pa.field(name, signal_type(name), nullable=False)
            for name in (*COUNT_SIGNALS, *RATIO_SIGNALS, *SPAM_SIGNALS, *optional)
        ]
        + [pa.field(name, pa.uint32(), nullable=False) for name in PERSONAL_SIGNALS]
        + [
            pa.field("personal_data", EDITS, nullable=False),  # where it is, and the tokens that may stand there
            pa.field("shingles", pa.uint32(), nullable=False),  # how many windows; 0: no token at all, never compared
            pa.field("codes", pa.binary(permutations), nullable=False),  # the low 8 bits of each signature value
            pa.field("bands", pa.list_(pa.field("item", pa.uint64(), nullable=False), bands), nullable=False),
        ]
    )


#: `failed/`: records that were read and not made into documents (dropped or failed), and byte ranges that were lost.
FAILED = pa.schema(
    [
        pa.field("split", pa.uint32(), nullable=False),
        pa.field("offset", pa.uint64(), nullable=False),  # bytes, in the stored file
        pa.field("length", pa.uint64(), nullable=False),  # bytes of the stored file; 0 where it is not known
        pa.field("url", pa.string()),
        pa.field("outcome", pa.string(), nullable=False),  # "dropped" | "failed"
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),  # one line: the value, or the library's own words
    ]
)


def scores_schema(signals: Sequence[str]) -> pa.Schema:
    """`scores/`: what the recipe's scorers say of a document; null where its language is none of theirs."""
    return pa.schema(
        [pa.field("doc_id", pa.uint64(), nullable=False), *(pa.field(name, signal_type(name)) for name in signals)]
    )


#: What evaluation items the index of `decontaminate` has: a row for each part of an item, ordered by text.
EXAM_ITEMS = pa.schema(
    [
        pa.field(
            "text", pa.uint32(), nullable=False
        ),  # number in the index; parts of equal letters and units are one text
        pa.field("exam", pa.string(), nullable=False),
        pa.field("item", pa.string(), nullable=False),  # unique in its exam
        pa.field("part", pa.string(), nullable=False),  # "question" | "passage" | "options" | "answer"
        pa.field("grams", pa.uint32(), nullable=False),  # of the text; 0: it cannot be matched
    ]
)

#: `contamination/`: which evaluation items a document contains, measured and not judged.
CONTAMINATION = pa.schema(
    [
        pa.field("doc_id", pa.uint64(), nullable=False),
        pa.field("coverage", pa.float32(), nullable=False),  # the highest of `matches`; 0 where there is none
        pa.field(
            "matches",  # a part of an item in one place, ordered by place, exam, item, part
            pa.list_(
                pa.field(
                    "item",
                    pa.struct(
                        [
                            pa.field("exam", pa.string(), nullable=False),
                            pa.field("item", pa.string(), nullable=False),
                            pa.field("part", pa.string(), nullable=False),
                            pa.field("coverage", pa.float32(), nullable=False),  # share of the part's grams found
                            pa.field("begin", pa.uint32(), nullable=False),  # bytes [begin, end) of the text
                            pa.field("end", pa.uint32(), nullable=False),
                        ]
                    ),
                    nullable=False,
                )
            ),
            nullable=False,
        ),
    ]
)

#: `exams/`: what was found of every evaluation item, in all documents; ordered by exam and item.
EXAMS = pa.schema(
    [
        pa.field("exam", pa.string(), nullable=False),
        pa.field("item", pa.string(), nullable=False),
        pa.field("matchable", pa.bool_(), nullable=False),  # whether any part has grams
        pa.field("coverage", pa.float32(), nullable=False),  # the highest in any document, of any part
        pa.field("documents", pa.uint32(), nullable=False),  # with a match
    ]
)

#: `lines/`: the lines of a document that may be shared with others (filters.copies.shared_lines), measured and not judged.
LINES = pa.schema(
    [
        pa.field("doc_id", pa.uint64(), nullable=False),
        pa.field("site", pa.uint64(), nullable=False),  # XXH3-64 of the URL's host; 0 where there is none
        pa.field(
            "lines",
            pa.list_(
                pa.field(
                    "item",
                    pa.struct(
                        [
                            pa.field("hash", pa.uint64(), nullable=False),  # of the line's form
                            pa.field("begin", pa.uint32(), nullable=False),  # bytes [begin, end) of the text
                            pa.field("end", pa.uint32(), nullable=False),
                            pa.field(
                                "before", pa.uint32(), nullable=False
                            ),  # bytes from the line before, blank ones aside
                            pa.field("after", pa.uint32(), nullable=False),  # bytes to the next line
                            pa.field("characters", pa.uint32(), nullable=False),
                        ]
                    ),
                    nullable=False,
                )
            ),
            nullable=False,
        ),
    ]
)

#: `edges/`: verified pairs of near-duplicates by ascending loser, the most similar winner first, then the preferred.
EDGES = pa.schema(
    [
        pa.field("loser", pa.uint64(), nullable=False),  # doc_id
        pa.field("winner", pa.uint64(), nullable=False),  # doc_id of the preferred one
        pa.field("similarity", pa.float32(), nullable=False),  # estimated Jaccard
    ]
)

DECISIONS = pa.schema(
    [
        pa.field("doc_id", pa.uint64(), nullable=False),
        pa.field("kept", pa.bool_(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),  # "" where kept
        pa.field("representative", pa.uint64()),  # doc_id of the kept document that stands for this one
        pa.field("similarity", pa.float32()),  # estimated Jaccard with it; null for a copy by URL
        pa.field("cluster_size", pa.uint32(), nullable=False),  # kept: itself and those it stands for; else 0
        pa.field("quality", pa.float32()),  # score of the classifier that quality.classifier names, where it has one
        pa.field("tier", pa.uint8(), nullable=False),  # kept, with a quality: which of quality.tiers, from 1 on; else 0
        pa.field(
            "repeats", pa.uint8(), nullable=False
        ),  # kept: how often it is seen while others are seen once; else 0
        pa.field("cuts", EDITS, nullable=False),  # kept: passages of evaluation items that its tokens do without
        pa.field("line_cuts", EDITS, nullable=False),  # kept: lines shared with others that its tokens do without
        pa.field("replacements", EDITS, nullable=False),  # kept: personal data in whose place its tokens have others
    ]
)


def token_type(vocabulary_size: int) -> pa.DataType:
    """uint16 where every id fits, else uint32."""
    return pa.uint16() if vocabulary_size <= 1 << 16 else pa.uint32()


def tokens_schema(vocabulary_size: int) -> pa.Schema:
    """Final shards (one batch): one row a document; `tokens/` adds a column (token_blocks_schema).

    `tokens` comes first so that its buffers stand at the beginning of the body (64-byte alignment, storage.shards).
    """
    values = pa.field("item", token_type(vocabulary_size), nullable=False)
    return pa.schema(
        [
            pa.field("tokens", pa.large_list(values), nullable=False),  # ends with the end-of-document id
            pa.field("key", KEY, nullable=False),
            pa.field("doc_id", pa.uint64(), nullable=False),
            pa.field("source", pa.string(), nullable=False),
            pa.field("language", pa.string(), nullable=False),
            pa.field("bytes", pa.uint32(), nullable=False),  # of UTF-8 text
            pa.field("quality", pa.float32(), nullable=False),  # as in `decisions/`; NaN where it has none
            pa.field("tier", pa.uint8(), nullable=False),  # as in `decisions/`
            pa.field("repeats", pa.uint8(), nullable=False),  # how often it is seen while others are seen once
        ]
    )


def token_blocks_schema(vocabulary_size: int) -> pa.Schema:
    """`tokens/`: a shard's columns, and by what a later run knows that a document's tokens are still its own.

    Schema metadata: `made_of`, the fingerprint of the tokenizer and of the extraction whose texts were encoded.
    """
    return tokens_schema(vocabulary_size).append(
        pa.field("edits", pa.uint64(), nullable=False)  # digest of the edits that the text was encoded after; 0: none
    )


#: `manifest.arrow`: one row a final shard, in the order of (domain, shard). A domain's token stream is its shards' tokens
#: in this order. Schema metadata: `manifest` (digest of the rows), `tokenizer`, `settings` (fingerprints),
#: `vocabulary_size`, `end_of_document`.
MANIFEST = pa.schema(
    [
        pa.field("domain", pa.string(), nullable=False),  # of corpus.domains
        pa.field("shard", pa.uint32(), nullable=False),  # number within its domain
        pa.field("path", pa.string(), nullable=False),  # relative to the run directory
        pa.field("documents", pa.uint64(), nullable=False),
        pa.field("tokens", pa.uint64(), nullable=False),
        pa.field("bytes", pa.uint64(), nullable=False),  # of UTF-8 text
        pa.field("file_bytes", pa.uint64(), nullable=False),
        pa.field("digest", pa.binary(16), nullable=False),  # XXH3-128 of the file
        pa.field("token_dtype", pa.string(), nullable=False),  # "uint16" | "uint32", little-endian
        pa.field("token_offset", pa.uint64(), nullable=False),  # bytes: where `tokens` tokens begin; a multiple of 64
        pa.field("boundary_offset", pa.uint64(), nullable=False),  # bytes: where documents + 1 int64 boundaries begin
    ]
)
