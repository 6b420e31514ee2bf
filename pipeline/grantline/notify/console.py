"""The terminal as a destination: the evidence of one finding in a dozen lines, nothing trusted."""

from __future__ import annotations

from io import StringIO
from typing import Final

from rich.console import Console
from rich.text import Text

from grantline.model.finding import Finding
from grantline.notify.printable import printable
from grantline.ports import Retry

_STYLES: Final = {
    "info": "dim",
    "low": "cyan",
    "medium": "yellow",
    "high": "bold red",
    "critical": "bold white on red",
}
_NAMES_SHOWN: Final = 20
_LONGEST_SQL: Final = 4_000


class ConsoleNotifier:
    """Prints a finding. Raises `Retry` when the stream cannot be written to."""

    def __init__(self, console: Console | None = None, name: str = "console") -> None:
        self.name = name
        self._console = console or Console()

    def notify(self, finding: Finding) -> None:
        page = self._rendered(self._page(finding))
        try:
            self._console.file.write(page)
            self._console.file.flush()
        except (OSError, ValueError) as why:
            raise Retry(f"cannot write to the console: {type(why).__name__}") from None

    def _rendered(self, page: Text) -> str:
        """As the console would show it, but not written: rich exits over a broken pipe."""
        apart = Console(
            file=StringIO(),
            force_terminal=self._console.is_terminal,
            color_system="auto" if self._console.color_system else None,
            no_color=self._console.no_color,
        )
        with apart.capture() as rendered:
            apart.print(page, soft_wrap=True, end="")
        return rendered.get()

    def _page(self, finding: Finding) -> Text:
        page = self._headline(finding)
        for label, words in self._lines(finding):
            page.append(f"  {label:<11} ", style="dim")
            page.append(self._safe(words) + "\n")
        page.append("  reproduce\n", style="dim")
        for line in finding.sql[:_LONGEST_SQL].splitlines():
            page.append(f"    {self._safe(line)}\n", style="dim")
        return page

    def _headline(self, finding: Finding) -> Text:
        retracted = finding.status == "retracted"
        style = "dim" if retracted else _STYLES[finding.severity]
        mark = "RETRACTED" if retracted else finding.severity.upper()
        page = Text()
        page.append(f"{mark:<9}", style=style)
        page.append(f" {self._safe(finding.title)} ({self._safe(finding.reference)})\n", "bold")
        return page

    def _lines(self, finding: Finding) -> list[tuple[str, str]]:
        facts = list(finding.facts.items())[:_NAMES_SHOWN]
        seen = finding.first_seen
        if finding.last_seen != finding.first_seen:
            seen += f" to {finding.last_seen}"
        lines = [
            ("what", finding.explanation),
            ("chain", " -> ".join(finding.path[:_NAMES_SHOWN])),
            ("grant", finding.root_id or "not seen"),
            ("tokens", ", ".join(finding.token_fingerprints[:_NAMES_SHOWN])),
            *[("fact", f"{name}: {value}") for name, value in facts],
            ("seen", f"{seen}, {finding.count} time{'' if finding.count == 1 else 's'}"),
            ("confidence", f"{finding.confidence}; taken back if: {finding.retracts_if}"),
            ("do", finding.triage),
            ("rule", finding.rule),
            ("finding", finding.id),
            ("revision", str(finding.revision)),
        ]
        return [(label, words) for label, words in lines if words]

    def _safe(self, text: str) -> str:
        return printable(text, encoding=self._console.encoding)
