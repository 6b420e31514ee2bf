"""A chain as a picture: one drawing for command line, notebook and page.

`text` draws lines for a terminal. `picture` makes the cards and `fold` leaves out what would hide
the rest and says so; `svg`, `html` and `mermaid` write them down. Everything takes the rows of the
macros `tree` and `chain`, and asks nothing itself. Names in them were chosen by whoever ran the
agents: they are shown, never read as markup.
"""
