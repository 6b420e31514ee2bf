"""`python notebooks [FOLDER]`: renew the notebooks' outputs, and the picture that the README shows.

With a folder, both are written there, and nothing here is touched.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from day import replayed
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from grantline import lab

HERE = Path(__file__).parent
TITLE = "One grant, one stolen token: from the alert back to the human"


class ThisInterpreter(KernelSpecManager):
    """Every kernel is the Python that runs this, whatever is installed for Jupyter."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


def main(arguments: list[str]) -> None:
    """Draw the picture, run every notebook."""
    folder = Path(arguments[0]) if arguments else HERE
    today = replayed()
    alert = next(finding for finding in today.findings if finding["severity"] == "critical")
    with lab.connect(today.store) as db:
        drawn = db.chain(alert["id"], TITLE).svg()
    (folder / "chain.svg").write_text(drawn + "\n", "utf-8")
    for path in sorted(HERE.glob("*.ipynb")):
        print(path.name)
        nbformat.write(executed(path), folder / path.name)


def executed(path: Path) -> nbformat.NotebookNode:
    """The notebook with its outputs, and nothing that differs from one run to the next."""
    notebook = nbformat.read(path, as_version=4)
    manager = AsyncKernelManager(kernel_spec_manager=ThisInterpreter())
    where = {"metadata": {"path": str(path.parent)}}
    NotebookClient(
        notebook, km=manager, timeout=120, resources=where, record_timing=False
    ).execute()
    notebook.metadata.pop("language_info", None)
    return notebook


if __name__ == "__main__":
    main(sys.argv[1:])
