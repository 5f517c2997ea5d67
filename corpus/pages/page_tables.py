"""Tables of a page: those that lay it out, and those with data.

is_layout(table): whether a table only places what it holds: it says so (`role="presentation"`), holds another table, a cell a
row or one row of long cells, a heading or blocks of text, or one cell with most of its text. Such a table is taken apart by
`unfold`; its cells are blocks then.
rows_of(table): the rows of a data table as texts of cells. A cell that spans columns is followed by empty ones, one that spans
rows has empty ones below, so that columns stay columns.

Linear in the table.
"""

from typing import NamedTuple

from lxml.html import HtmlElement  # type: ignore[import-untyped]

VERSION = 1

#: Characters from which a cell is a text, and what share of the table's it must hold to be the page.
LONG_CELL, MOST_OF_TABLE = 400, 0.6
#: A cell of so many paragraphs, or so many line breaks in a long text, is a part of a page.
MANY_PARAGRAPHS, MANY_BREAKS = 3, 4
#: Where columns are named, cells may be as long as this.
LONG_NAMED_CELL = 3000
#: Cells of a table with one row which are as short as this are data.
SHORT_CELL = 80
#: Links that a table of data may hold, of its characters: more, and it may be a menu, which the extractor judges.
MOST_LINKS = 0.3
MAX_SPAN = 50

_SECTIONS = frozenset(("tbody", "thead", "tfoot", "tr", "td", "th", "colgroup", "col", "caption"))
_HEADINGS = ("h1", "h2", "h3", "h4")


class Rows(NamedTuple):
    rows: list[list[HtmlElement | None]]  # None: an empty cell that a span left
    #: Whether the first row names the columns.
    has_head: bool


def own_rows(table: HtmlElement) -> list[HtmlElement]:
    """The table's rows, without those of tables inside it."""
    return [
        row
        for part in (table, *(each for each in table if each.tag in ("thead", "tbody", "tfoot")))
        for row in part
        if row.tag == "tr"
    ]


def cells_of(row: HtmlElement) -> list[HtmlElement]:
    return [cell for cell in row if cell.tag in ("td", "th")]


def is_layout(table: HtmlElement) -> bool:
    """Whether the table places parts of a page."""
    if table.get("role") in ("presentation", "none"):
        return True
    if table.find(".//table") is not None:
        return True
    rows = [cells for row in own_rows(table) if (cells := cells_of(row))]
    filled = [[(cell, text) for cell in cells if (text := cell.text_content().strip())] for cells in rows]
    filled = [cells for cells in filled if cells]
    if not filled or max(map(len, filled)) == 1:
        return True
    texts = [text for cells in filled for _, text in cells]
    if len(filled) == 1:
        return max(map(len, texts)) > SHORT_CELL or any(_has_blocks(cell) for cell, _ in filled[0])
    names_columns = table.find(".//th") is not None or table.find(".//thead") is not None
    longest, total = max(map(len, texts)), sum(map(len, texts))
    if names_columns:
        return longest > LONG_NAMED_CELL and longest > MOST_OF_TABLE * total
    if longest > LONG_CELL and longest > MOST_OF_TABLE * total:
        return True
    for cells in filled:
        for cell, text in cells:
            if any(cell.find(f".//{tag}") is not None for tag in _HEADINGS):
                return True
            if len(text) > LONG_CELL and (
                len(cell.findall(".//p")) >= MANY_PARAGRAPHS or len(cell.findall(".//br")) >= MANY_BREAKS
            ):
                return True
    return _holds_lines_of_code(table)


def _has_blocks(cell: HtmlElement) -> bool:
    return any(cell.find(f".//{tag}") is not None for tag in (*_HEADINGS, "p", "ul", "ol", "pre", "div", "br"))


def _holds_lines_of_code(table: HtmlElement) -> bool:
    return any("\n" in pre.text_content().strip() or pre.find(".//br") is not None for pre in table.iter("pre"))


def unfold(table: HtmlElement) -> None:
    """Makes blocks of a layout table and its cells. Their classes and ids stay, which say what they are for."""
    for element in (*own_rows(table), *(each for each in table if each.tag in _SECTIONS)):
        for cell in element:
            if cell.tag in ("td", "th", "caption"):
                cell.tag = "div" if _has_blocks(cell) or cell.find(".//a") is not None else "p"
        element.tag = "div"
    table.tag = "div"


def is_data(table: HtmlElement) -> bool:
    """Whether a table that is no layout has rows of data: without scripts or forms, mostly without links; a
    single row without any."""
    if sum(1 for row in own_rows(table) if row.text_content().strip()) < 2 and table.find(".//a") is not None:
        return False
    if any(table.find(f".//{tag}") is not None for tag in ("script", "form", "input", "select", "button", "style")):
        return False
    total = len("".join(table.text_content().split()))
    links = sum(len("".join(link.text_content().split())) for link in table.iter("a"))
    return links <= MOST_LINKS * total


def rows_of(table: HtmlElement) -> Rows:
    """The rows of a data table. Empty rows are left out."""
    grid: list[list[HtmlElement | None]] = []
    waiting: dict[int, int] = {}  # column → rows that a cell above still reaches into
    trs = own_rows(table)
    for tr in trs:
        row: list[HtmlElement | None] = []
        for cell in cells_of(tr):
            _skip_spanned(row, waiting)
            for offset in range(_span(cell, "colspan")):
                if _span(cell, "rowspan") > 1:
                    waiting[len(row)] = _span(cell, "rowspan") - 1
                row.append(cell if offset == 0 else None)
        _skip_spanned(row, waiting)
        if any(cell is not None and cell.text_content().strip() for cell in row):
            grid.append(row)
    first = next((cells for tr in trs if (cells := cells_of(tr))), [])
    has_head = len(first) > 1 and all(cell.tag == "th" or cell.getparent().getparent().tag == "thead" for cell in first)
    return Rows(grid, has_head)


def _skip_spanned(row: list[HtmlElement | None], waiting: dict[int, int]) -> None:
    while waiting.get(len(row), 0) > 0:
        waiting[len(row)] -= 1
        row.append(None)


def _span(cell: HtmlElement, name: str) -> int:
    value = (cell.get(name) or "").strip()
    return max(1, min(int(value), MAX_SPAN)) if value.isascii() and value.isdigit() and len(value) < 6 else 1
