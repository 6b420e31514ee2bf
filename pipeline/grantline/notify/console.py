"""The terminal as a destination: one page in some twenty lines, nothing trusted."""

from __future__ import annotations

from io import StringIO
from typing import Final

from rich.console import Console
from rich.text import Text

from grantline.model.page import BEGINS, Page
from grantline.notify.lines import lines
from grantline.notify.printable import printable
from grantline.ports import Retry

_STYLES: Final = {
    "info": "dim",
    "low": "cyan",
    "medium": "yellow",
    "high": "bold red",
    "critical": "bold white on red",
}
_GOES_ON: Final = frozenset({"updated"})
_LONGEST_SQL: Final = 4_000


class ConsoleNotifier:
    """Prints a page. Raises `Retry` when the stream cannot be written to."""

    def __init__(self, console: Console | None = None, name: str = "console") -> None:
        self.name = name
        self._console = console or Console()

    def notify(self, page: Page) -> None:
        shown = self._rendered(self._text(page))
        try:
            self._console.file.write(shown)
            self._console.file.flush()
        except (OSError, ValueError) as why:
            raise Retry(f"cannot write to the console: {type(why).__name__}") from None

    def _rendered(self, text: Text) -> str:
        """As the console would show it, but not written: rich exits over a broken pipe."""
        apart = Console(
            file=StringIO(),
            force_terminal=self._console.is_terminal,
            color_system="auto" if self._console.color_system else None,
            no_color=self._console.no_color,
        )
        with apart.capture() as rendered:
            apart.print(text, soft_wrap=True, end="")
        return rendered.get()

    def _text(self, page: Page) -> Text:
        text = self._headline(page)
        for label, words in lines(page):
            text.append(f"  {label:<11} ", style="dim")
            text.append(self._safe(words) + "\n")
        text.append('  reproduce   with `grantline sql "..."`\n', style="dim")
        for query in page.sql:
            for line in query[:_LONGEST_SQL].splitlines():
                text.append(f"    {self._safe(line)}\n", style="dim")
        return text

    def _headline(self, page: Page) -> Text:
        style = "dim" if page.over else _STYLES[page.severity]
        word = "GOES ON" if page.event in _GOES_ON else page.event.upper()
        mark = page.severity.upper() if page.event in BEGINS else word
        text = Text()
        text.append(f"{mark:<9}", style=style)
        text.append(f" {self._safe(page.title)} ({self._safe(page.reference)})\n", "bold")
        return text

    def _safe(self, text: str) -> str:
        return printable(text, encoding=self._console.encoding)
