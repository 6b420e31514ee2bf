"""Pure: how hops become chains and token histories, in whatever order they come."""
