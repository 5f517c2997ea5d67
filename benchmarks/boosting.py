"""Gradient boosting of oblivious trees, for what corpus.pages.tree_ensemble reads: `grow(rows, target, weight, …)`.

A tree asks the same question of every row at each of its levels, so that NumPy answers all trees at once. Squared error or
logistic loss; quantile bins; rows and columns drawn anew for each tree from a seeded generator: the same data give the
same trees on one machine.
"""

import dataclasses

import numpy as np
import numpy.typing as npt

from corpus.pages.tree_ensemble import TreeEnsemble
from corpus.unicode.segmentation import kernel

Floats = npt.NDArray[np.float64]
BINS = 64


@dataclasses.dataclass(frozen=True, slots=True)
class Growth:
    trees: int = 250
    depth: int = 6
    rate: float = 0.08
    logistic: bool = True
    rows: float = 0.5  # the share of rows that a tree sees
    columns: float = 0.4
    ridge: float = 5.0  # in rows of mean weight
    seed: int = 0


def grow(table: npt.NDArray[np.float32], target: Floats, weight: Floats, growth: Growth) -> TreeEnsemble:
    """Trees for a (rows, features) table."""
    generator = np.random.default_rng(growth.seed)
    edges = [_edges(table[:, column]) for column in range(table.shape[1])]
    bins = np.empty(table.shape, np.uint8)
    for column, edge in enumerate(edges):
        bins[:, column] = np.searchsorted(edge, table[:, column], side="left")  # bin b: above edge b-1, up to edge b
    weight = weight / weight.mean()
    mean = float(np.average(target, weights=weight))
    start = float(np.log(mean / (1 - mean))) if growth.logistic else mean
    score = np.full(len(target), start)
    features, thresholds, leaves = [], [], []
    used = [column for column, edge in enumerate(edges) if len(edge)]
    for _ in range(growth.trees):
        if growth.logistic:
            chance = 1 / (1 + np.exp(-score))
            slope, curve = weight * (chance - target), weight * np.maximum(chance * (1 - chance), 1e-6)
        else:
            slope, curve = weight * (score - target), weight
        drawn = np.flatnonzero(generator.random(len(target)) < growth.rows)
        columns = np.sort(generator.choice(used, max(1, int(growth.columns * len(used))), replace=False))
        most = np.array([len(edges[column]) for column in columns])
        chosen, cuts, leaf = _tree(bins, drawn, columns, most, slope, curve, growth)
        at = np.zeros(len(target), np.int64)
        for level, (column, cut) in enumerate(zip(chosen, cuts, strict=True)):
            at |= (bins[:, column] > cut).astype(np.int64) << level
        score += leaf[at]
        features.append(chosen)
        thresholds.append([edges[column][cut] for column, cut in zip(chosen, cuts, strict=True)])
        leaves.append(leaf)
    return TreeEnsemble(
        np.array(features, np.int16), np.array(thresholds, np.float32), np.array(leaves, np.float32), start
    )


def _edges(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Values that bins end at; none for a constant."""
    found = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1], method="lower").astype(np.float32))
    return found[found < values.max()]


def _tree(
    bins: npt.NDArray[np.uint8],
    drawn: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    most: npt.NDArray[np.int64],
    slope: Floats,
    curve: Floats,
    growth: Growth,
) -> tuple[list[int], list[int], Floats]:
    view = np.ascontiguousarray(bins[np.ix_(drawn, columns)])
    leaf = np.zeros(len(drawn), np.int64)
    slopes, curves = slope[drawn], curve[drawn]
    chosen, cuts = [], []
    for level in range(growth.depth):
        sums = np.zeros((1 << level, len(columns), BINS, 2))
        _add_up(view, leaf, slopes, curves, sums)
        below = sums.cumsum(axis=2)
        whole = below[:, :, -1:, :]
        above = whole - below
        gain = sum((part[..., 0] ** 2 / (part[..., 1] + growth.ridge)).sum(axis=0) for part in (below, above))
        gain[np.arange(BINS) >= most[:, None]] = -1
        column, cut = np.unravel_index(int(np.argmax(gain)), gain.shape)
        chosen.append(int(columns[column]))
        cuts.append(int(cut))
        leaf |= (view[:, column] > cut).astype(np.int64) << level
    totals = np.zeros((1 << growth.depth, 2))
    np.add.at(totals, leaf, np.stack([slopes, curves], axis=1))
    return chosen, cuts, -growth.rate * totals[:, 0] / (totals[:, 1] + growth.ridge)


@kernel
def _add_up(
    view: npt.NDArray[np.uint8], leaf: npt.NDArray[np.int64], slope: Floats, curve: Floats, sums: Floats
) -> None:
    for row in range(len(view)):
        at = leaf[row]
        for column in range(view.shape[1]):
            bin_ = view[row, column]
            sums[at, column, bin_, 0] += slope[row]
            sums[at, column, bin_, 1] += curve[row]
