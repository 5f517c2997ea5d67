"""Signals of the group `jieba`: datatrove's formulas on jieba's words, for Chinese thresholds that were calibrated on them.

Reads a string array and the languages of its rows; returns the columns of `corpus.schema.JIEBA_COUNTS` and `JIEBA_RATIOS`,
0 for a document of another language than LANGUAGES. Measured only where a profile of the run has a rule on one of them for a
language that the run wants. Wants the extra `jieba`.

Formulas: as in `filters.parity.datatrove_signals`, the top n-gram that occurs once included; stop words are FineWeb-2's for
cmn_Hani. Cost: some 60 ns a byte of Chinese, nothing for others.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpus.schema import JIEBA_COUNTS, JIEBA_RATIOS
from corpus.unicode import code_points
from corpus.unicode.segmentation import (
    Int32s,
    Int64s,
    UInt8s,
    UInt16s,
    UInt32s,
    UInt64s,
    classify,
    decode,
    kernel,
    longest,
    utf8_buffers,
)
from filters.parity import datatrove_words, jieba_words
from filters.parity.datatrove_signals import RAW, columns_of, count_word_signals
from filters.parity.datatrove_words import kind_of
from filters.parity.jieba_words import Float64s, cut_chinese
from filters.quality.repetition import place_slots
from filters.quality.stop_words import stop_word_table, stop_words

#: Part of the fingerprint of `extract` where the group is measured.
VERSION = 1

LANGUAGES = ("zh",)


def measure(texts: pa.Array, languages: pa.Array | Sequence[str]) -> dict[str, npt.NDArray[np.generic]]:
    """Every signal of the group of every text: name → (len(texts),) uint32 for counts, float32 for ratios.

    Raises InputError where jieba is not installed, TypeError where `texts` is no string array, ValueError for a null.
    """
    data, offsets = utf8_buffers(texts)
    names = languages.to_pylist() if isinstance(languages, pa.Array) else languages
    rows = np.flatnonzero([name in LANGUAGES for name in names])
    raw = np.zeros((len(RAW), len(texts)), dtype=np.int64)
    if len(rows):
        _measure(data, offsets, rows, raw)
    return columns_of(raw, "jieba", JIEBA_COUNTS + JIEBA_RATIOS)


def _measure(data: UInt8s, offsets: Int64s, rows: Int64s, raw: Int64s) -> None:
    tables = jieba_words.load()
    size = longest(offsets) + 1  # scratch for the worst case: a character, a word a byte
    _measure_rows(
        data,
        offsets,
        rows,
        code_points.load().classes,
        datatrove_words.load().classes,
        tables.keys,
        tables.scores,
        tables.unknown,
        tables.start,
        tables.transitions,
        tables.emissions,
        stop_word_table(stop_words()["zh"]),
        np.empty(size, np.uint32),
        np.empty(size, np.uint16),
        np.empty(size, np.float64),
        np.empty(4 * size, np.uint8),
        np.empty(size, np.int32),
        np.empty(size, np.int32),
        np.empty(size, np.uint8),
        np.empty(size, np.uint64),
        np.empty(size, np.uint64),
        np.empty(size, np.int32),
        np.empty(size, np.int32),
        np.empty(place_slots(size), np.int32),
        np.empty(place_slots(size), np.int32),
        raw,
    )


@kernel
def _measure_rows(
    data: UInt8s,
    offsets: Int64s,  # (documents + 1,)
    rows: Int64s,  # documents to measure
    unicode_classes: UInt16s,
    classes: UInt16s,  # of filters.parity.datatrove_words
    keys: UInt64s,
    scores: Float64s,
    unknown: float,
    start: Float64s,
    transitions: Float64s,
    emissions: Float64s,
    stop_word_slots: UInt64s,
    points: UInt32s,  # scratch from here on
    flags: UInt16s,
    best: Float64s,
    back: UInt8s,
    starts: Int32s,
    ends: Int32s,
    kinds: UInt8s,
    hashes: UInt64s,
    grams: UInt64s,
    alive: Int32s,
    slots: Int32s,
    counts: Int32s,
    places: Int32s,
    raw: Int64s,  # out, (RAW, documents)
) -> None:
    row = np.zeros(raw.shape[0], np.int64)
    for document in rows:
        row[:] = 0
        characters = decode(data, offsets[document], offsets[document + 1], points)
        classify(points, characters, unicode_classes, flags)
        words = cut_chinese(
            points, flags, 0, characters, keys, scores, unknown, start, transitions, emissions,
            best, alive, back, starts, ends,
        )  # fmt: skip
        for word in range(words):
            kinds[word] = kind_of(points, flags, starts[word], ends[word], classes)
        count_word_signals(
            points, characters, starts, ends, kinds, words, stop_word_slots,
            hashes, grams, alive, slots, counts, places, row,
        )  # fmt: skip
        raw[:, document] = row
