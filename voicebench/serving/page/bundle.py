"""Gradio's frontend in one file: a slow line delays the page once, not once for each of 75 files.

Browsers load six files at a time over HTTP/1.1, and Gradio's modules name each other in chains. The bundle holds the
modules and styles that the page needs at first. An import map gives each module's usual URL the
bundled text, so that a module outside of the bundle shares them. A browser without import maps, and a
Gradio of another layout, load the files one by one.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import gradio

_FRONTEND = Path(gradio.__file__).parent / "templates" / "frontend"
_ENTRY = re.compile(r'<script type="module" crossorigin src="\./assets/([\w-]+\.js)"></script>')
_STYLES = re.compile(r'<link rel="stylesheet" crossorigin href="\./assets/([\w-]+\.css)">')
_THEME = re.compile(r'"theme_hash":"(\w+)"')
_STATIC = re.compile(r'\b(?:from|import)"\./([\w.-]+\.js)"')
_DYNAMIC = re.compile(
    r"import\(`\./([\w.-]+\.js)`\)(?:\.then\(e=>e\.\w+\)|;return\{default:e\}\})?"
    r"(?:,__vite__mapDeps\(\[([\d,]*)\]\))?"
)
_LANGUAGES = ("zh-CN-",)  # English is in Gradio's core
_SCRIPT = r"""(() => {
  if (!HTMLScriptElement.supports?.("importmap")) return;
  const modules = %(modules)s, styles = %(styles)s;
  const base = new URL(".", document.currentScript.src).href;
  const add = (name, fields) => document.head.append(Object.assign(document.createElement(name), fields));
  const imports = {};
  for (const [name, text] of Object.entries(modules)) {
    const source = text.replaceAll("import.meta.url", JSON.stringify(base + name))
      .replace(/(["`])\.\/([\w.-]+\.(?:js|css))\1/g, `$1${base}$2$1`);
    imports[base + name] = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  }
  // A link of that address, even a disabled one, keeps Gradio from loading the file.
  for (const name of [...Object.keys(modules), ...Object.keys(styles)])
    add("link", { rel: "stylesheet", disabled: true, href: base + name });
  add("style", { textContent: Object.values(styles).join("\n").replaceAll("url(./", `url(${base}`) });
  add("script", { type: "importmap", textContent: JSON.stringify({ imports }) });
})();
"""


@dataclass(frozen=True)
class Bundle:
    """One file, named by its content.

    Attributes:
        name: Of the file, beside Gradio's own.
        body: The script, compressed by gzip.
    """

    name: str
    body: bytes

    def insert(self, page: str) -> str:
        """A page of Gradio that loads the bundle before its own entry, and its theme at once."""
        script = f'<script src="./assets/{self.name}"></script>'
        if theme := _THEME.search(page):
            script = f'<link rel="preload" as="style" href="./theme.css?v={theme[1]}">{script}'
        # The bundle's styles come after those that Gradio's page names: rules are of equal weight.
        script = "".join(link[0] for link in _STYLES.finditer(page)) + script
        return _ENTRY.sub(
            lambda entry: f'{script}<script type="module">import "./assets/{entry[1]}";</script>',
            _STYLES.sub("", page), count=1,
        )  # fmt: skip


def make_bundle(components: Iterable[str]) -> Bundle | None:
    """The bundle of a page.

    Args:
        components: Gradio's names of the components on the page.

    Returns:
        None where Gradio's frontend is laid out otherwise than expected.
    """
    index = (_FRONTEND / "index.html").read_text(encoding="utf-8")
    entry = _ENTRY.search(index)
    if not entry:
        return None
    texts = {
        name: _asset(name) for name in _with_static([entry[1], *_needed(entry[1], components)])
    }
    modules = {name: text for name, text in texts.items() if name.endswith(".js")}
    linked = _STYLES.findall(index)
    styles = {n: text for n, text in texts.items() if n.endswith(".css") and n not in linked}
    script = _SCRIPT % {"modules": json.dumps(modules), "styles": json.dumps(styles)}
    body = gzip.compress(script.encode(), mtime=0)
    return Bundle(f"page-{hashlib.sha256(body).hexdigest()[:16]}.js", body)


def _needed(entry: str, components: Iterable[str]) -> Iterator[str]:
    """What Gradio imports on its way to the page: its core, its application, and the components."""
    for name, needs in _imports(entry):
        if name.startswith(("core-", "Index-")):
            yield from needs
        if name.startswith("Index-"):
            for inner, more in _imports(name):
                yield from more if inner.startswith("Blocks-") else ()
        if name.startswith("core-"):
            for _, more in _imports(name, components):
                yield from more


def _imports(name: str, components: Iterable[str] | None = None) -> Iterator[tuple[str, list[str]]]:
    """A file's dynamic imports, each with the files that Gradio loads before it."""
    text = _asset(name)
    deps = re.search(r"m\.f=(\[[^\]]*\])", text)
    files = [path.removeprefix("./") for path in json.loads(deps[1])] if deps else []
    if components is not None:
        kinds = "|".join(map(re.escape, components))
        maps = re.findall(rf"[,{{](?:{kinds}):\{{([^}}]*)\}}", text)
        languages = re.findall(rf"import\(`\./(?:{'|'.join(_LANGUAGES)})[^`]*`\)", text)
        text = ",".join([*maps, *languages])
    for found in _DYNAMIC.finditer(text):
        numbers = [int(number) for number in (found[2] or "").split(",") if number]
        yield found[1], [found[1], *(files[number] for number in numbers)]


def _with_static(names: Iterable[str]) -> list[str]:
    """The files with all that they import at once."""
    found = list(dict.fromkeys(names))
    for name in found:  # grows meanwhile
        imports = _STATIC.findall(_asset(name)) if name.endswith(".js") else []
        found += [each for each in dict.fromkeys(imports) if each not in found]
    return found


def _asset(name: str) -> str:
    return (_FRONTEND / "assets" / name).read_text(encoding="utf-8")
