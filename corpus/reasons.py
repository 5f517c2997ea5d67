"""Why a document or a byte range did not reach the shards. A reason is added here once and appears in decisions,
counters, tables, documentation and tests.

Three outcomes, and never a fourth: *failed* (could not be read or extracted), *dropped* (read, and judged unwanted),
*kept*. At each stage: in = kept + dropped + failed.
"""

import enum


class Outcome(enum.StrEnum):
    """What became of a record or a document at a stage."""

    KEPT = "kept"
    DROPPED = "dropped"
    FAILED = "failed"


class Reason(enum.StrEnum):
    """Why; ``outcome`` says which of dropped and failed it is."""

    # Reading: bytes of an input that no record could be made of.
    DAMAGED_MEMBER = "damaged_member"
    TRUNCATED_INPUT = "truncated_input"
    NOT_AN_ARCHIVE = "not_an_archive"
    MALFORMED_RECORD = "malformed_record"
    EXPANSION_LIMIT = "expansion_limit"
    # Extraction: a record was read, its text was not.
    MALFORMED_HTTP = "malformed_http"
    BODY_DECODING = "body_decoding"
    PAGE_TOO_LARGE = "page_too_large"
    TEXT_TOO_LARGE = "text_too_large"
    EXTRACTION_ERROR = "extraction_error"
    EXTRACTION_CRASH = "extraction_crash"
    EXTRACTION_TIMEOUT = "extraction_timeout"
    EXTRACTION_MEMORY = "extraction_memory"
    PAGE_TOO_MANY_NODES = "page_too_many_nodes"
    PAGE_TOO_DEEP = "page_too_deep"
    # Screens before extraction.
    HTTP_STATUS = "http_status"
    MIME_TYPE = "mime_type"
    EMPTY_BODY = "empty_body"
    NO_TEXT = "no_text"
    LANGUAGE_SCREENED = "language_screened"
    # Lists of URLs, and what pages ask themselves.
    BLOCKED_URL = "blocked_url"
    OPT_OUT = "opt_out"
    # Rules on language and signals.
    LANGUAGE_NOT_WANTED = "language_not_wanted"
    LANGUAGE_UNCERTAIN = "language_uncertain"
    TOO_FEW_WORDS = "too_few_words"
    TOO_MANY_WORDS = "too_many_words"
    TOO_FEW_CHARACTERS = "too_few_characters"
    WORD_LENGTH = "word_length"
    HASH_MARKS = "hash_marks"
    ELLIPSES = "ellipses"
    BULLET_LINES = "bullet_lines"
    ELLIPSIS_LINES = "ellipsis_lines"
    NON_ALPHABETIC_WORDS = "non_alphabetic_words"
    FEW_STOP_WORDS = "few_stop_words"
    DUPLICATE_LINES = "duplicate_lines"
    DUPLICATE_LINE_CHARACTERS = "duplicate_line_characters"
    DUPLICATE_PARAGRAPHS = "duplicate_paragraphs"
    DUPLICATE_PARAGRAPH_CHARACTERS = "duplicate_paragraph_characters"
    TOP_NGRAM = "top_ngram"
    DUPLICATE_NGRAMS = "duplicate_ngrams"
    LINE_END_PUNCTUATION = "line_end_punctuation"
    SHORT_LINES = "short_lines"
    LIST_LIKE = "list_like"
    FRAGMENTS = "fragments"
    TOO_FEW_SENTENCES = "too_few_sentences"
    TOO_FEW_PARAGRAPHS = "too_few_paragraphs"
    LOREM_IPSUM = "lorem_ipsum"
    CURLY_BRACKET = "curly_bracket"
    JAVASCRIPT_LINES = "javascript_lines"
    POLICY_LINES = "policy_lines"
    MEAN_LINE_LENGTH = "mean_line_length"
    SCRIPT_SHARE = "script_share"
    SYMBOLS = "symbols"
    REPEATED_CHARACTERS = "repeated_characters"
    PERSONAL_DATA = "personal_data"
    LOW_QUALITY = "low_quality"
    FLAGGED_WORDS = "flagged_words"
    SPAM = "spam"
    ODD_CHARACTERS = "odd_characters"
    # Evaluation items.
    CONTAMINATED = "contaminated"
    # Deduplication.
    URL_DUPLICATE = "url_duplicate"
    EXACT_DUPLICATE = "exact_duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    SHARED_LINES = "shared_lines"

    @property
    def outcome(self) -> Outcome:
        return Outcome.FAILED if self in _FAILURES else Outcome.DROPPED


_FAILURES = frozenset(
    {
        Reason.DAMAGED_MEMBER,
        Reason.TRUNCATED_INPUT,
        Reason.NOT_AN_ARCHIVE,
        Reason.MALFORMED_RECORD,
        Reason.EXPANSION_LIMIT,
        Reason.MALFORMED_HTTP,
        Reason.BODY_DECODING,
        Reason.PAGE_TOO_LARGE,
        Reason.TEXT_TOO_LARGE,
        Reason.EXTRACTION_ERROR,
        Reason.EXTRACTION_CRASH,
        Reason.EXTRACTION_TIMEOUT,
        Reason.EXTRACTION_MEMORY,
        Reason.PAGE_TOO_MANY_NODES,
        Reason.PAGE_TOO_DEEP,
    }
)

#: Reasons of the screens before extraction.
SCREENS = frozenset(
    {
        Reason.HTTP_STATUS,
        Reason.MIME_TYPE,
        Reason.EMPTY_BODY,
        Reason.NO_TEXT,
        Reason.LANGUAGE_SCREENED,
    }
)

#: Given by lists of URLs and by pages themselves, whatever the rules say.
UNWANTED = (Reason.BLOCKED_URL, Reason.OPT_OUT)

#: A copy of a document that is kept: its decision names that one.
DUPLICATES = (Reason.URL_DUPLICATE, Reason.EXACT_DUPLICATE, Reason.NEAR_DUPLICATE)

#: Failures that lose a range of input bytes, not a record that was read.
BYTE_LOSSES = frozenset(
    {
        Reason.DAMAGED_MEMBER,
        Reason.TRUNCATED_INPUT,
        Reason.NOT_AN_ARCHIVE,
        Reason.MALFORMED_RECORD,
        Reason.EXPANSION_LIMIT,
    }
)
