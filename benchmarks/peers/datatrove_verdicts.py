"""What datatrove's filters say of the documents of a JSONL file, and how long each took. Runs in datatrove's environment.

`python datatrove_verdicts.py INPUT.jsonl OUTPUT.json [--language eng_Latn] [--chain]`: OUTPUT is one object
{"verdicts": {filter: [reason or ""]}, "seconds": {filter: float}, "versions": {…}}, verdicts in the order of the rows. Seconds
are the processor's. A filter that raises has the reason "raised TYPE".
With --chain a document goes through all filters at once, as in a pipeline, so that the words split for one serve the next
(datatrove remembers the last five splits); without, each filter sees every document alone, and pays for its own words.
"""

import argparse
import importlib.metadata
import json
import time
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.utils.text import split_into_parts, split_into_words

#: What FineWeb-2's pipeline and its configs/cmn_Hani.yml give each filter.
FINEWEB_2 = {
    "cmn_Hani": {
        "GopherRepetitionFilter": {
            "dup_para_frac": 0,
            "dup_line_char_frac": 0,
            "dup_para_char_frac": 0,
            "dup_line_frac": 0.287,
            "top_n_grams": ((2, 0.256), (3, 0.201), (4, 0.171)),
            "dup_n_grams": ((5, 0.198), (6, 0.182), (7, 0.167), (8, 0.154), (9, 0.140), (10, 0.127)),
        },
        "GopherQualityFilter": {
            "min_avg_word_length": 1,
            "max_avg_word_length": 5,
            "max_non_alpha_words_ratio": 0.735,
            "stop_words": list("的年在月是和日了於·為有被人中为他與後也而由"),
            "min_stop_words": 2,
        },
        "FineWebQualityFilter": {
            "short_line_thr": 999,
            "char_duplicates_ratio": 0.1,
            "line_punct_thr": 0.106,
            "new_line_ratio": 0.178,
        },
    }
}


def filters_of(language: str) -> dict[str, BaseFilter]:
    kinds = (GopherRepetitionFilter, GopherQualityFilter, C4QualityFilter, FineWebQualityFilter)
    settings = FINEWEB_2.get(language, {})
    return {kind.__name__: kind(language=language, **settings.get(kind.__name__, {})) for kind in kinds}


def verdict(kind: BaseFilter, text: str) -> str:
    try:
        found = kind.filter(Document(text=text, id=""))
    except Exception as error:
        return f"raised {type(error).__name__}"
    return "" if found is True else found[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--language", default="eng_Latn")
    parser.add_argument("--chain", action="store_true")
    arguments = parser.parse_args()
    texts = [json.loads(line)["text"] for line in arguments.input.read_text(encoding="utf-8").splitlines()]
    filters = filters_of(arguments.language)
    split_into_words("Load the tokenizer, and 分词.", arguments.language)  # not a part of the time
    verdicts: dict[str, list[str]] = {name: [] for name in filters}
    seconds = dict.fromkeys(filters, 0.0)

    def judge(name: str, text: str) -> None:
        begin = time.process_time()
        found = verdict(filters[name], text)
        seconds[name] += time.process_time() - begin
        verdicts[name].append(found)

    if arguments.chain:
        for text in texts:
            for name in filters:
                judge(name, text)
    else:
        for name in filters:
            split_into_parts.cache_clear()
            for text in texts:
                judge(name, text)
    versions = {name: importlib.metadata.version(name) for name in ("datatrove", "spacy", "jieba", "numpy")}
    result = {"verdicts": verdicts, "seconds": seconds, "versions": versions}
    arguments.output.write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
