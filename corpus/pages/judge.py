"""Which of a page's candidates is its main text: two small ensembles of trees (`extraction_model.npz`).

`regret(look, likely)`   how much F1 is lost, as far as the page and the likely blocks tell, where no other candidate is
                         made: the cheap look, which decides whether another extractor is asked at all
`choose(look, candidates, thread)`  the candidate with the highest F1 to be expected, by how the candidates agree, how
                         likely their blocks are, how much of them are links, ends of sentences, marks of code, short lines

Trained by `benchmarks/train_extraction.py` on pages with human text. No feature names a site or a language.
"""

import functools

import numpy as np
import numpy.typing as npt

from corpus.pages.block_features import feature_names
from corpus.pages.candidates import MODEL, Candidate, Floats, Kept, Look, expected_f1
from corpus.pages.threads import Thread
from corpus.pages.tree_ensemble import TreeEnsemble, load_ensemble

VERSION = 1

_NAMES = feature_names()
_ENDS, _LINKED, _ODD, _SENTENCES, _DISCUSSION = (
    _NAMES.index(name) for name in ("ends", "linked", "odd", "sentences", "discussion")
)
_PAGE = [
    n
    for n, name in enumerate(_NAMES)
    if name.startswith("page ") or name in ("discussion", "best share", "around best share")
]
_KINDS = ("likely", "first", "thread")
_SHORT_LINE = 40
#: In a discussion its thread is preferred by so much F1.
THREAD_BONUS = 0.05
#: Where the likely blocks lose no more F1 than this, no other candidate is made.
SURE = 0.05


@functools.cache
def _model(name: str) -> TreeEnsemble:
    return load_ensemble(MODEL, name)


def regret(look: Look, likely: Candidate, model: TreeEnsemble | None = None) -> float:
    """F1 that the likely blocks may lose against the best other candidate."""
    return float((model or _model("regret")).score(regret_features(look, likely)[None])[0])


def choose(
    look: Look, candidates: list[Candidate], thread: Thread | None, model: TreeEnsemble | None = None
) -> Candidate:
    """The candidate to take; the first of equals. They hold one called `likely`, and one called `first`."""
    if len(candidates) == 1:
        return candidates[0]
    scores = (model or _model("choice")).score(choice_features(look, candidates, thread))
    if look.features[0, _DISCUSSION]:
        scores = scores + [THREAD_BONUS * (candidate.name == "thread") for candidate in candidates]
    return candidates[int(np.argmax(scores))]


def regret_features(look: Look, likely: Candidate) -> npt.NDArray[np.float32]:
    """(features,) of the page and its likely blocks."""
    kept = likely.kept
    lengths = look.tokens
    split = float(((look.chances > 0.2) & (look.chances < 0.8)) @ lengths) / max(float(lengths[kept].sum()), 1.0)
    own = [
        expected_f1(look, kept),
        _doubt(look),
        split,
        *_of_blocks(look, kept),
    ]
    return np.array([*own, *look.features[0, _PAGE]], np.float32)


def choice_features(look: Look, candidates: list[Candidate], thread: Thread | None) -> npt.NDArray[np.float32]:
    """(candidates, features)."""
    kept = {candidate.name: candidate.kept for candidate in candidates}
    expected = {name: expected_f1(look, each) for name, each in kept.items()}
    doubt = _doubt(look)
    threaded = (
        [thread.share, float(len(thread.posts)), float(thread.comments)] if thread is not None else [-1.0, 0.0, -1.0]
    )
    rows = []
    for candidate in candidates:
        size = max(len(candidate.text), 1)
        lines = [line for line in candidate.text.split("\n") if line.strip()]
        known = sum(len(text) for text, keep in zip(look.blocks.texts, candidate.kept, strict=True) if keep)
        rows.append(
            [
                *(float(candidate.name == kind) for kind in _KINDS),
                expected[candidate.name],
                *(expected.get(kind, -1.0) for kind in _KINDS),
                *(_agreement(look, candidate.kept, kept[kind]) if kind in kept else -1.0 for kind in _KINDS),
                float(np.log1p(len(candidate.text))),
                min(known / size, 1.5),
                sum(len(line) < _SHORT_LINE for line in lines) / max(len(lines), 1),
                float(not candidate.text),
                *_of_blocks(look, candidate.kept),
                *threaded,
                doubt,
                *look.features[0, _PAGE],
            ]
        )
    return np.array(rows, np.float32)


def _doubt(look: Look) -> float:
    """How far chances are from an even one, by tokens."""
    return float((np.abs(look.chances - 0.5) * look.tokens).sum() / max(look.tokens.sum(), 1.0))


def _of_blocks(look: Look, kept: Kept) -> list[float]:
    """How likely blocks are, how long, how much of them is links, ends of sentences, marks of code."""
    size = max(float(look.tokens[kept].sum()), 1.0)

    def mean(values: Floats | npt.NDArray[np.float32]) -> float:
        return float((values[kept] * look.tokens[kept]).sum() / size)

    features = look.features
    return [
        mean(look.chances),
        float(np.log1p(size)),
        size / max(float(look.tokens.sum()), 1.0),
        float(kept.sum()),
        mean(features[:, _ENDS]),
        mean(features[:, _LINKED]),
        mean(features[:, _ODD]),
        float(features[kept, _SENTENCES].sum()) / size,
    ]


def _agreement(look: Look, one: Kept, other: Kept) -> float:
    """F1 of one against the other."""
    sizes = float(look.tokens[one].sum() + look.tokens[other].sum())
    return float(2 * look.tokens[one & other].sum()) / sizes if sizes else 1.0
