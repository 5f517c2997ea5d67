"""`filters.quality.line_marks` by example; tests/test_signals.py holds its counts to a plain Python reference on made text."""

import numpy as np
import pytest

from corpus.unicode import code_points
from filters.quality import line_marks
from filters.quality.line_marks import BOILERPLATE, JAVASCRIPT, LOREM_IPSUM, POLICY, SEPARATOR, URL


def points_of(text: str) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    return np.array([*map(ord, text), 0], dtype=np.uint32)


@pytest.mark.parametrize(
    ("line", "kind", "count"),
    [
        ("Please enable JavaScript, javascript!", JAVASCRIPT, 2),
        ("LOREM IPSUM dolor", LOREM_IPSUM, 1),
        ("lorem  ipsum", LOREM_IPSUM, 0),
        ("Our Privacy Policy and Terms of Use", POLICY, 2),
        ("this site uses cookies", POLICY, 1),
        ("© 2020 All Rights Reserved", BOILERPLATE, 1),
        ("版权所有 京ICP备2020号", BOILERPLATE, 2),
        ("Home | About | Contact", SEPARATOR, 2),
        ("首页 › 新闻 › 国内", SEPARATOR, 2),
        ("a/b - c, d", SEPARATOR, 0),
        ("see http://a.b/c?d=e#f, then", URL, len("http://a.b/c?d=e#f")),
        ("(https://example.com/x).", URL, len("https://example.com/x")),
        ("网址www.example.com。更多", URL, len("www.example.com")),
        ("http://www.a.de/www.b.de", URL, len("http://www.a.de/www.b.de")),
        ("awww.b", URL, 0),
        ("FTP://x.y", URL, len("FTP://x.y")),
    ],
)
def test_marks_by_example(line: str, kind: int, count: int) -> None:
    counts = np.zeros(line_marks.KINDS, np.int64)
    line_marks.count_marks(points_of(line), 0, len(line), counts)
    assert counts[kind] == count


@pytest.mark.parametrize("line", ["- a", "• b", "1. c", "12) d", "３、e", "2）f", "* g", "·　h", "– i"])
def test_list_lines(line: str) -> None:
    assert begins_list(line)


@pytest.mark.parametrize("line", ["-a", "1.5 m", "1234. a", "1 a", "a. b", "", "-", "1.", "2020年"])
def test_other_lines(line: str) -> None:
    assert not begins_list(line)


def begins_list(line: str) -> bool:
    points = points_of(line)
    flags = code_points.load().classes[points]
    return bool(line_marks.begins_list(points, flags, 0, len(line)))
