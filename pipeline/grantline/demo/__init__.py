"""`make demo`: the whole way, small and real. Agents, broker, worker, writer, findings, SQL."""
