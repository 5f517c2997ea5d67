"""How a table is laid out in the width there is: no value is ever cropped, and no number or word is broken.

Three layouts, the first that fits is taken:

* whole: every column as wide as its widest cell;
* wrapped: columns of text are narrowed, down to their longest word, and wrap between words. Numbers never wrap;
* stacked: a row is a block of lines, `column  value` each, the value below its column where both are too long for a line.

Folded in their middle are only words longer than LONGEST_WORD, such as URLs, and what is wider than the terminal.
"""

import dataclasses
from collections.abc import Iterator, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

#: Cells of a terminal: words up to this are kept whole.
LONGEST_WORD = 32
#: Between two columns, as rich draws them.
_GAP = 3


@dataclasses.dataclass(frozen=True)
class ReportTable:
    """Cells as they are shown. `numeric`: by column, is it right-aligned and never wrapped. No cell holds a line end.

    Example:
        >>> table = ReportTable(("stage", "in"), (("extract", "204,895,944,704"),), (False, True))
        >>> Console(width=16).print(table)
        stage   extract
        in
        204,895,944,704
        <BLANKLINE>
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    title: str | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.title is not None:
            yield Text(self.title, "bold", overflow="fold")
        widths = column_widths(self.columns, self.rows, self.numeric, options.max_width)
        if widths is None:
            yield from self._stacked(options.max_width)
        else:
            yield self._side_by_side(widths)

    def _side_by_side(self, widths: Sequence[int]) -> Table:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for name, numeric, width in zip(self.columns, self.numeric, widths, strict=True):
            table.add_column(Text(name), justify="right" if numeric else "left", overflow="fold", width=width)
        for row in self.rows:
            table.add_row(*map(Text, row))
        return table

    def _stacked(self, width: int) -> Iterator[Text]:
        name_width = max(map(cell_len, self.columns)) + _GAP
        for row in self.rows:
            for name, value, numeric in zip(self.columns, row, self.numeric, strict=True):
                whole = cell_len(value) if numeric else _longest_word([value])
                if value and name_width + whole <= width:
                    yield Text(name + " " * (name_width - cell_len(name)) + value, overflow="fold")
                elif value:
                    yield Text(name, overflow="fold")
                    yield Text(value, overflow="fold")
            yield Text("")


def column_widths(
    columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool], width: int
) -> list[int] | None:
    """The width of each column, in terminal cells, or None where they do not fit side by side into `width`.

    What the least widths leave goes to the columns that wrap, in proportion to what each lacks.
    """
    cells = [[name, *(row[index] for row in rows)] for index, name in enumerate(columns)]
    natural = [max(map(cell_len, each)) for each in cells]
    least = [
        max(max(map(cell_len, each[1:]), default=0), _longest_word(each[:1]))
        if is_number
        else min(LONGEST_WORD, _longest_word(each))
        for each, is_number in zip(cells, numeric, strict=True)
    ]
    free = width - _GAP * (len(columns) - 1) - sum(least)
    if free < 0:
        return None
    lacking = [most - few for most, few in zip(natural, least, strict=True)]
    if sum(lacking) <= free:
        return natural
    return [few + free * lack // sum(lacking) for few, lack in zip(least, lacking, strict=True)]


def _longest_word(cells: Sequence[str]) -> int:
    return max((cell_len(word) for each in cells for word in each.split(" ")), default=0)
