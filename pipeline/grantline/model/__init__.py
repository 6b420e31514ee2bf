"""Pure values: what a hop, a chain, a token's history and a finding are. No I/O, no clock."""
