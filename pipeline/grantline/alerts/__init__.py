"""Pure decisions about findings: whom to tell of which incident, one stage a file. No I/O, no clock.

`member` (what of a finding counts) -> `group` (whose incident it is) -> `inhibit` (is it explained by
another) -> `incident` (how all of one incident stand) -> `standing` (open, or over, and why) ->
`decide` (what is news to a destination: `threshold`, escalation, `ongoing`) -> `page` (what it says).
Who keeps the state hands it in; `filing` says which incidents one finding touches.
"""
