"""Pure decisions about findings: whom to tell of which state, one stage a file. No I/O, no clock.

`threshold` (is it worth a page) -> `dedup` (do they know already); `decide` puts the two together.
"""
