"""A font with Chinese characters, for figures and for the HTML file, on a machine without any.

The package `pylopdf-fonts-zh-cn` carries Noto Sans SC (SIL Open Font License 1.1) and comes first,
so that a figure looks the same everywhere; without it, fonts installed on the system are taken.
"""

from __future__ import annotations

import functools
import importlib.util
import io
from collections.abc import Iterable
from pathlib import Path

PACKAGE, FILE_NAME = "pylopdf_fonts_zh_cn", "NotoSansSC-Regular.otf"
INSTALL = "pip install pylopdf-fonts-zh-cn"
SYSTEM_FAMILIES = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "SimHei",
    "Droid Sans Fallback",
)  # fmt: skip


@functools.cache
def find_chinese_font() -> Path | None:
    """The font file with Chinese characters that figures use; None when there is none at all."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is not None and spec.origin is not None:
        packaged = Path(spec.origin).with_name(FILE_NAME)
        if packaged.is_file():
            return packaged
    return _installed_font()


@functools.cache
def font_families() -> tuple[str, ...]:
    """Families for matplotlib, in the order glyphs are looked up; registers the Chinese one."""
    from matplotlib import font_manager

    path = find_chinese_font()
    if path is None:
        return ("DejaVu Sans",)
    font_manager.fontManager.addfont(path)
    return (font_manager.FontProperties(fname=path).get_name(), "DejaVu Sans")


def subset_font(characters: Iterable[str]) -> bytes:
    """The Chinese font with only these characters, as WOFF, to embed in a page.

    Returns:
        An empty string of bytes when no Chinese font is found.
    """
    path = find_chinese_font()
    if path is None:
        return b""
    from fontTools import subset

    options = subset.Options(
        flavor="woff",
        hinting=False,
        layout_features=[],
        notdef_outline=True,
        ignore_missing_glyphs=True,
        recalc_timestamp=False,  # the same characters give the same bytes
        font_number=0,
    )
    with subset.load_font(path, options) as font:
        subsetter = subset.Subsetter(options)
        subsetter.populate(text="".join(sorted(set(characters))))
        subsetter.subset(font)
        file = io.BytesIO()
        subset.save_font(font, file, options)
    return file.getvalue()


def _installed_font() -> Path | None:
    from matplotlib import font_manager

    installed = {entry.name: entry.fname for entry in font_manager.fontManager.ttflist}
    for family in SYSTEM_FAMILIES:
        if family in installed:
            return Path(installed[family])
    return None
