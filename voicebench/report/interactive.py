"""Tables that sort and filter in a notebook, without anything from the network.

DataTables comes with `itables` and is put into the notebook once, by `begin`; before that, and
without `itables`, tables are shown as they are.
"""

from __future__ import annotations

import importlib.util
import re
from html import escape
from typing import TYPE_CHECKING

from voicebench.report.html import cell_html, fragment, plain_table_html

if TYPE_CHECKING:
    from voicebench.report.tables import Cell, Table

_SHORT = 12
"""Rows up to which a table needs no pages."""
_TINY = 3
"""Rows up to which it needs nothing but itself."""
_SORT = (
    "function(data, type) { if (type !== 'sort' && type !== 'type') return data; "
    'var key = /data-key="([^"]*)"/.exec(data); return key && key[1] ? +key[1] : -Infinity; }'
)
_NUMBER = re.compile(r"[−-]?\d[\d,]*\.?\d*")
_loaded: list[bool] = []


def begin() -> None:
    """Puts DataTables into the running notebook; nothing where `itables` is missing."""
    if importlib.util.find_spec("itables") is None:
        return
    from IPython.display import HTML, display
    from itables import options
    from itables.javascript import generate_init_offline_itables_html

    # not init_notebook_mode: its first script waits for what its second one brings, and raises
    display(HTML(generate_init_offline_itables_html(options.dt_bundle)))  # type: ignore[no-untyped-call]
    _loaded[:] = [True]


def table_html(table: Table) -> str:
    """A table for a notebook."""
    if not _loaded or not table.rows:
        return fragment(plain_table_html(table))
    import itables
    import pandas as pd

    columns = [
        f"{escape(c.title)}{f'<small>{escape(c.unit)}</small>' if c.unit else ''}"
        for c in table.columns
    ]
    rows = [
        [_keyed(cell) if column.is_number else cell_html(cell.text, cell.detail)
         for column, cell in zip(table.columns, row, strict=True)]
        for row in table.rows
    ]  # fmt: skip
    numbers = [place for place, column in enumerate(table.columns) if column.is_number]
    drawn = itables.to_html_datatable(
        pd.DataFrame(rows, columns=pd.Index(columns)),
        connected=False,
        allow_html=True,
        showIndex=False,
        text_in_header_can_be_selected=False,  # a click anywhere on it sorts
        classes="display compact",
        paging=len(rows) > _SHORT,
        layout=_layout(len(rows)),
        order=[],
        maxBytes=0,
        columnDefs=[
            {"targets": numbers, "className": "dt-right", "type": "num",
             "render": itables.JavascriptFunction(_SORT)},
        ],
    )  # fmt: skip
    title = f"<h4>{escape(table.title)}</h4>" if table.title else ""
    caption = f'<p class="caption">{escape(table.caption)}</p>' if table.caption else ""
    return fragment(title, f'<div class="scroll">{drawn}</div>', caption)


def _layout(num_rows: int) -> dict[str, str | None]:
    """What stands around a table."""
    is_long = num_rows > _SHORT
    return {
        "topStart": "pageLength" if is_long else None,
        "topEnd": "search" if num_rows > _TINY else None,
        "bottomStart": "info" if is_long else None,
        "bottomEnd": "paging" if is_long else None,
    }


def _keyed(cell: Cell) -> str:
    """A cell of numbers that is sorted by its first."""
    found = _NUMBER.search(cell.text)
    key = found.group().replace("−", "-").replace(",", "") if found else ""
    return f'<span data-key="{key}">{cell_html(cell.text, cell.detail)}</span>'
