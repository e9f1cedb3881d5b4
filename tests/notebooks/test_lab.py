"""JupyterLab started for real, and driven as a person would: open a notebook, run all, look."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.models  # the session's models ran what is shown

TOKEN = "a-token-of-this-test-alone"
WITHIN_S = 60  # a busy machine; nothing is measured
SCREENSHOTS = "VOICEBENCH_SCREENSHOTS"
STATE = """() => {
  const widget = window.jupyterapp.shell.currentWidget;
  if (!widget || !widget.context || !widget.context.isReady || !widget.sessionContext.isReady) return 'opening';
  const kernel = widget.sessionContext.session?.kernel;
  return kernel ? kernel.status : 'no kernel';
}"""
CELLS = """() => window.jupyterapp.shell.currentWidget.context.model.toJSON().cells
  .filter(cell => cell.cell_type === 'code')
  .map(cell => ({count: cell.execution_count,
                 outputs: cell.outputs.map(o => o.name || o.output_type)}))"""


@pytest.fixture(scope="module")
def lab(workplace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab on this machine alone, with a token."""
    home = tmp_path_factory.mktemp("home")
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
        "--port=0", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={workplace}",
        "--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly",
        f"--LabApp.app_settings_dir={workplace / 'notebooks' / 'settings'}",
        "--KernelManager.transport=ipc",
    ]  # fmt: skip
    environment = os.environ | {
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"), "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }  # fmt: skip
    log = home / "log"
    with log.open("wb") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
    try:
        yield _address(server, home / "runtime", log)
    finally:
        server.terminate()
        server.wait(timeout=30)


def _address(server: subprocess.Popen[bytes], runtime: Path, log: Path) -> str:
    """Of the server, once it answers."""
    for _ in range(WITHIN_S):
        assert server.poll() is None, log.read_text(errors="replace")
        for path in runtime.glob("jpserver-*.json"):
            address = str(json.loads(path.read_text())["url"])
            with urllib.request.urlopen(f"{address}api?token={TOKEN}") as answer:
                assert answer.status == 200
            return address
        time.sleep(1)
    raise AssertionError(log.read_text(errors="replace"))


@pytest.mark.parametrize(
    ("name", "cell", "shown"),
    [("02_latency_report", 4, "Run latency"), ("05_listen", 3, "heard, by confidence")],
)
def test_a_notebook_opened_and_run(
    lab: str, browser: Any, tmp_path: Path, name: str, cell: int, shown: str
) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 1600})
    page.set_default_timeout(1000 * WITHIN_S)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    # a workspace of its own: in a shared one the notebook of the test before may come to the front
    page.goto(f"{lab}lab/workspaces/{name}/tree/notebooks/{name}.ipynb?token={TOKEN}")
    page.wait_for_function("window.jupyterapp && window.jupyterapp.shell.currentWidget")
    page.wait_for_function(f"({STATE})() === 'idle'")
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(f"({CELLS})().every(cell => cell.count)")
    cells = page.evaluate(CELLS)
    assert [cell["count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert page.locator(".Toastify__toast").count() == 0  # nobody is asked about news
    assert not [kind for cell in cells for kind in cell["outputs"] if kind in ("error", "stderr")]
    page.locator(".jp-OutputArea .vb table").first.wait_for(state="attached")
    page.evaluate(f"window.jupyterapp.shell.currentWidget.content.scrollToItem({cell})")
    page.locator(".jp-Notebook .vb", has_text=shown).first.wait_for(state="attached")
    folder = Path(os.environ.get(SCREENSHOTS) or tmp_path)
    page.screenshot(path=folder / f"lab_{name}.png")
    page.close()
    assert errors == []
