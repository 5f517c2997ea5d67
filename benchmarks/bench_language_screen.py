"""What the language screen loses and finds: python benchmarks/bench_language_screen.py [WARC …]

Every page is extracted without the screen, and its main text identified: that is what its language is. Then each language
with at least --least documents of 200 characters is the only one wanted, in turn, and the screen is asked about every
page. *Lost* are documents in the wanted language that it would have dropped, *screened* the share of the others that it
drops. Claim: of documents whose language the model is sure of (score .65), at most one in a thousand is lost, and nine
tenths of the others never reach a parser.
"""

import argparse
from collections import Counter
from pathlib import Path

from bench_extract import DEMO, decoded_pages

from corpus.pages.extractor_process import IN_PROCESS
from corpus.pages.main_text import Failure
from corpus.pages.markup import text_of_markup
from corpus.pages.page_text import clean_marked
from corpus.recipe import Extract
from filters.language.identification import LanguageModel, default_model_path
from filters.language.wanted import LanguageScreen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, default=DEMO, metavar="WARC")
    parser.add_argument("--least", type=int, default=15, help="Documents of a language that is tried.")
    arguments = parser.parse_args()
    texts, looks = [], []
    for page in decoded_pages([file.resolve() for file in arguments.files]):
        found = IN_PROCESS.main_text(page)
        text = "" if found is None or isinstance(found, Failure) else clean_marked(found.text)
        if len(text) >= 200:
            texts.append(text)
            looks.append(text_of_markup(page.encode("utf-8", "replace")))
    found_languages = LanguageModel(default_model_path()).identify(texts)
    counts = Counter(each.language for each in found_languages)
    confidence = Extract().language_screen_confidence
    totals = Counter[str]()
    print(f"{len(texts)} documents")
    print(f"{'wanted':8}{'documents':>10}{'lost':>6}{'sure of':>9}{'screened':>10}")
    for language, number in counts.most_common():
        if number < arguments.least:
            continue
        screen = LanguageScreen(default_model_path(), frozenset({language}), confidence)
        dropped = [screen(look) is not None for look in looks]
        pairs = list(zip(found_languages, dropped, strict=True))
        lost = [each.score for each, drop in pairs if each.language == language and drop]
        others = [drop for each, drop in pairs if each.language != language]
        sure = sum(score >= 0.65 for score in lost)
        print(f"{language:8}{number:10}{len(lost):6}{sure:9}{sum(others) / max(1, len(others)):10.3f}", flush=True)
        totals.update(documents=number, lost=len(lost), sure=sure, others=len(others), screened=sum(others))
    share = totals["screened"] / max(1, totals["others"])
    print(f"{'all':8}{totals['documents']:10}{totals['lost']:6}{totals['sure']:9}{share:10.3f}")
    if totals["sure"] > totals["documents"] / 1000 or share < 0.9:
        raise SystemExit("the claim does not hold")


if __name__ == "__main__":
    main()
