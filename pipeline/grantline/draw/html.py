"""A picture as a page of its own: the drawing, what was folded, and the chain in words."""

from __future__ import annotations

import html as escaping
from collections.abc import Sequence

from grantline.draw.picture import Picture
from grantline.draw.svg import svg
from grantline.model.plain import plain

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 1rem }}
figure {{ margin: 0; overflow-x: auto }}
pre {{ overflow-x: auto; line-height: 1.35 }}
</style>
</head>
<body>
<h1>{title}</h1>
<figure tabindex="0" aria-label="the chain, drawn">{picture}</figure>
<h2>Line by line</h2>
<pre tabindex="0">{lines}</pre>
</body>
</html>
"""


def html(drawn: Picture, title: str, lines: Sequence[str]) -> str:
    """`lines` are those of `text.draw`, which leaves nothing out."""
    return _PAGE.format(
        title=escaping.escape(plain(title)),
        picture=svg(drawn, title),
        lines=escaping.escape("\n".join(map(plain, lines))),
    )
