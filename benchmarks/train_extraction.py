"""Makes corpus/pages/extraction_model.npz: python benchmarks/train_extraction.py DATA [DATA …] [--out FILE]

DATA are folders with `gold.jsonl` and `pages.warc.gz`: pages with human text, or with segments that must and must not be
in it, which are no part of this repository. Three ensembles of trees come from them:

block   is a block of the page main text? Where the gold is a text: whether most of its shingles of four tokens are in it.
        Where it is segments: whether one is in it; of the rest, what all of trafilatura's settings and resiliparse take,
        or none of them. A page weighs the same as any other, a block as many tokens as it has.
        Pages of documentation (`--documentation`, the demo's by default), which no set has enough of, count half, and
        have their blocks from these votes alone, their text from trafilatura in favour of recall.
choice  by how much the F1 of a candidate is above the mean of the page's candidates
regret  by how much the F1 of the best candidate is above that of the likely blocks

The latter two see only chances of block models that had no part in the page (FOLDS by SHA-1 of the id). `--report FILE`
writes no model, but a line of JSON for each page: its F1 by what the shipped model did before (trafilatura), and as the
likely blocks, the thread and the choice have it where pages are left out by these folds, and where one *set* is left out
of all three ensembles: `benchmarks/bench_choice.py --report FILE` prints them as tables.
Takes ten minutes of processor time and 3 GB for 1,700 pages, the report half an hour. Numbers are drawn from seeded
generators.
"""

import argparse
import dataclasses
import hashlib
import itertools
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import trafilatura
from boosting import Floats, Growth, grow
from fastwarc.warc import ArchiveIterator
from gold_pages import TOKEN, Counts, GoldPage, f1_of, read_gold, score, shingles

from corpus.pages import judge
from corpus.pages.block_features import feature_names
from corpus.pages.blocks import unmarked
from corpus.pages.boilerplate import squeezed
from corpus.pages.candidates import MODEL, Candidate, Look, as_found, likely, look_at, of_thread
from corpus.pages.charset import decode_page
from corpus.pages.judge import choice_features, regret_features
from corpus.pages.marks import Kept, plain
from corpus.pages.page_kind import PageKind, says_article
from corpus.pages.protection import protect, without_own_marks
from corpus.pages.quick_trafilatura import quickened
from corpus.pages.resiliparse_text import main_content
from corpus.pages.threads import Thread, find_posts
from corpus.pages.trafilatura_text import first_text, free_posts, is_thread, parsed, prepared
from corpus.pages.tree_ensemble import TreeEnsemble

FOLDS = 4
DEMO = sorted((Path(__file__).parents[1] / "examples" / "demo").glob("docs-*.warc.gz"))
BLOCKS = Growth(trees=250, depth=6, rate=0.08, rows=0.4, columns=0.3)
CHOICE = Growth(trees=120, depth=4, rate=0.05, logistic=False, rows=0.7, columns=0.5, ridge=20.0)
REGRET = Growth(trees=100, depth=4, rate=0.05, logistic=False, rows=0.7, columns=0.5, ridge=20.0)
#: What trafilatura is asked for to say what a block is where the gold does not.
VOTERS: tuple[dict[str, Any], ...] = (
    {"fast": True},
    {},
    {"favor_precision": True},
    {"favor_recall": True},
    {"include_comments": True},
)
DISCUSSION_WEIGHT = 3.0
VOTED = "documentation"
EVERY = 6
VOTED_WEIGHT = 0.5
DISCUSSION = feature_names().index("discussion")
_NOTHING: npt.NDArray[np.int16] = np.zeros((1, 1), np.int16)
#: A model that says nothing, for a look before there is one.
_NO_MODEL = TreeEnsemble(_NOTHING, _NOTHING.astype(np.float32), np.zeros((1, 2), np.float32), 0.0)


@dataclasses.dataclass(slots=True)
class Known:
    """A page, what its blocks are (NaN: unknown), how much each counts, and what is made of it."""

    page: GoldPage
    look: Look
    labels: Floats
    weights: Floats
    kind: PageKind
    article: bool
    first: str
    thread: Thread | None
    kept: Kept


def documentation_pages(files: list[Path]) -> list[GoldPage]:
    """Every EVERY-th page of WARC files; their gold is what trafilatura finds in favour of recall."""
    found = []
    for file in files:
        with file.open("rb") as archive:
            for record in itertools.islice(ArchiveIterator(archive, parse_http=True), 0, None, EVERY):
                if record.http_headers is None or "html" not in (record.http_content_type or ""):
                    continue
                html = decode_page(record.reader.read(), record.http_charset)[0]
                text = trafilatura.extract(html, favor_recall=True, include_comments=False)
                if text:
                    url = record.headers.get("WARC-Target-URI", "")
                    found.append(GoldPage(f"{VOTED}/{url}", VOTED, url, "", "documentation", html, text, (), ()))
    return found


def known_pages(pages: list[GoldPage]) -> list[Known]:
    """All pages that have text, each read once. Chances of the looks are not known yet."""
    found = []
    with quickened():
        for page in pages:
            html = without_own_marks(page.html)
            tree = parsed(html)
            if tree is None:
                continue
            article = says_article(tree)
            kind = prepared(tree)
            free_posts(tree, kind, article)
            kept = protect(tree, html)
            look = look_at(tree, kind is PageKind.DISCUSSION, _NO_MODEL)
            if look is None:
                continue
            votes = _votes(tree, page.html) if page.text is None or page.source == VOTED else []
            labels, weights = _labels(page, look.blocks.texts, look.tokens, votes)
            first, thread = first_text(tree, kind), find_posts(look.blocks)
            found.append(Known(page, look, labels, weights, kind, article, first, thread, kept))
    return found


def _votes(tree: Any, html: str) -> list[str]:
    texts = [trafilatura.extract(tree, **{"include_comments": False, **setting}) or "" for setting in VOTERS]
    other = main_content(html)
    return [*texts, other.text if other is not None else ""]


def _labels(page: GoldPage, texts: list[str], tokens: Floats, votes: list[str]) -> tuple[Floats, Floats]:
    """((blocks,) share of a block that is right, or NaN; (blocks,) weights)."""
    if page.text is not None and not votes:
        gold = TOKEN.findall(page.text)
        labels = _right(texts, gold)
        return labels, np.minimum((tokens + 1) / max(len(gold), 20), 1)
    labels = np.full(len(texts), np.nan)
    wanted, unwanted = ([squeezed(segment) for segment in segments] for segments in (page.wanted, page.unwanted))
    for at, text in enumerate(texts):
        if any(segment in text or (len(text) > 15 and text in segment) for segment in wanted):
            labels[at] = 1
        elif any(segment in text or (len(text) > 15 and text in segment) for segment in unwanted):
            labels[at] = 0
    told = ~np.isnan(labels)
    lines = [unmarked(squeezed(vote)) for vote in votes]
    votes_of = np.array([sum(text in line for line in lines) for text in texts])
    size = max(float(tokens[votes_of > len(votes) // 2].sum()), 20.0)
    labels[~told & (votes_of >= len(votes) - 1)] = 1
    labels[~told & (votes_of == 0)] = 0
    weights = np.minimum((tokens + 1) / size, 1) * 0.5
    return labels, np.where(told, np.maximum(weights, 0.15), weights)


def _right(texts: list[str], gold: list[str]) -> Floats:
    """The share of each block's shingles that are in the gold; of fewer than four tokens, with a neighbour that is right."""
    known, line = set(shingles(" ".join(gold))), f" {' '.join(gold)} "
    cut = [TOKEN.findall(text) for text in texts]
    labels = np.full(len(texts), np.nan)
    for at, tokens in enumerate(cut):
        if len(tokens) >= 4:
            own = {tuple(tokens[n : n + 4]) for n in range(len(tokens) - 3)}
            labels[at] = len(own & known) / len(own)
        elif tokens:
            labels[at] = f" {' '.join(tokens)} " in line
    whole = labels.copy()
    for at, tokens in enumerate(cut):
        if 0 < len(tokens) < 4 and labels[at] > 0:
            near = [whole[n] for n in (at - 2, at - 1, at + 1, at + 2) if 0 <= n < len(cut) and len(cut[n]) >= 4]
            labels[at] = float(max(near, default=0.0) >= 0.5)
    return labels


def block_trees(pages: list[Known]) -> TreeEnsemble:
    table = np.concatenate([each.look.features for each in pages])
    labels, weights = (np.concatenate([getattr(each, name) for each in pages]) for name in ("labels", "weights"))
    told = ~np.isnan(labels)
    labels = labels[told]
    # A block of which half is right says little.
    return grow(table[told], (labels >= 0.5) + 0.0, weights[told] * np.maximum(np.abs(labels - 0.5) * 2, 0.1), BLOCKS)


def with_chances(known: Known, model: TreeEnsemble) -> Known:
    look = dataclasses.replace(known.look, chances=model.chance(known.look.features))
    return dataclasses.replace(known, look=look)


def candidates_of(known: Known) -> list[Candidate]:
    found = likely(known.look)
    made = [found, as_found(known.look, known.first)]
    return made if known.thread is None else [*made, of_thread(known.look, known.thread, found.kept)]


def score_of(known: Known, candidate: Candidate) -> Counts:
    return score(known.page, plain(known.kept.restored(candidate.text)))


def judges(pages: list[Known]) -> tuple[TreeEnsemble, TreeEnsemble]:
    """(choice, regret) of pages whose chances come from models that had no part in them."""
    rows, targets, weights, looks, regrets = [], [], [], [], []
    regret_weights = []
    for known in pages:
        candidates = candidates_of(known)
        scores = np.array([f1_of([score_of(known, candidate)]) for candidate in candidates])
        discussion = known.look.features[0, DISCUSSION]
        rows.append(choice_features(known.look, candidates, known.thread))
        targets.append(scores - scores.mean())
        own = VOTED_WEIGHT if known.page.source == VOTED else DISCUSSION_WEIGHT if discussion else 1.0
        weights.append(np.full(len(scores), own))
        looks.append(regret_features(known.look, candidates[0]))
        regrets.append(scores.max() - scores[0])
        regret_weights.append(own)
    choice = grow(np.concatenate(rows), np.concatenate(targets), np.concatenate(weights), CHOICE)
    return choice, grow(np.stack(looks), np.array(regrets), np.array(regret_weights), REGRET)


def out_of_fold(pages: list[Known], folds: npt.NDArray[np.int64]) -> list[Known]:
    """Pages with the chances that models of the other folds give them."""
    found = list(pages)
    for fold in np.unique(folds):
        model = block_trees([each for each, other in zip(pages, folds, strict=True) if other != fold])
        for at in np.flatnonzero(folds == fold):
            found[at] = with_chances(pages[at], model)
    return found


def folds_of(pages: list[Known], by: str) -> npt.NDArray[np.int64]:
    if by == "pages":
        return np.array(
            [int(hashlib.sha1(f"fold {each.page.name}".encode()).hexdigest(), 16) % FOLDS for each in pages]
        )
    sets = sorted({each.page.source for each in pages})
    return np.array([sets.index(each.page.source) for each in pages])


def chosen(known: Known, choice: TreeEnsemble, regret: TreeEnsemble) -> tuple[Candidate, bool]:
    """(what corpus.pages.trafilatura_text chooses with these ensembles, whether trafilatura was asked)."""
    candidates = candidates_of(known)
    if known.thread is not None and is_thread(known.thread, known.kind, known.article):
        return candidates[-1], False
    if known.kind is not PageKind.DISCUSSION and judge.regret(known.look, candidates[0], regret) < judge.SURE:
        return candidates[0], False
    return judge.choose(known.look, candidates, known.thread, choice), True


def report(pages: list[Known], by: str) -> list[dict[str, Any]]:
    """A row for each page: F1 of each candidate and of the choice, the page's fold left out of all ensembles."""
    folds = folds_of(pages, by)
    looked = out_of_fold(pages, folds)
    rows = []
    for fold in np.unique(folds):
        choice, regret = judges([each for each, other in zip(looked, folds, strict=True) if other != fold])
        for at in np.flatnonzero(folds == fold):
            known = looked[at]
            taken, asked = chosen(known, choice, regret)
            rows.append(
                {
                    "id": known.page.name,
                    "left_out": by,
                    "asked": asked,
                    "taken": taken.name,
                    "choice": score_of(known, taken),
                }
                | {candidate.name: score_of(known, candidate) for candidate in candidates_of(known)}
            )
    return rows


def save(path: Path, ensembles: dict[str, TreeEnsemble]) -> None:
    arrays: dict[str, Any] = {}
    for name, trees in ensembles.items():
        arrays |= {f"{name}_{field.name}": getattr(trees, field.name) for field in dataclasses.fields(trees)}
    np.savez_compressed(path, **arrays)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, nargs="+", help="folders of gold.jsonl and pages.warc.gz")
    parser.add_argument("--documentation", type=Path, nargs="*", default=DEMO, help="WARC files")
    parser.add_argument("--out", type=Path, default=MODEL)
    parser.add_argument("--report", type=Path, help="write what pages and sets left out score, and no model")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    gold = [page for folder in arguments.data for page in read_gold(folder)]
    pages = known_pages(gold + documentation_pages(arguments.documentation))
    print(f"{len(pages)} pages, {sum(len(each.labels) for each in pages)} blocks", file=sys.stderr)
    if arguments.report is not None:
        with arguments.report.open("w", encoding="utf-8") as out:
            for by in ("pages", "sets"):
                out.writelines(json.dumps(row) + "\n" for row in report(pages, by))
        return
    choice, regret = judges(out_of_fold(pages, folds_of(pages, "pages")))
    save(arguments.out, {"block": block_trees(pages), "choice": choice, "regret": regret})


if __name__ == "__main__":
    main()
