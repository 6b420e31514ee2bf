"""Telling people: one destination a file, and the process that tells each of them once.

`console`, `webhook`, `pagerduty` and `alertmanager` are destinations (`ports.Notifier`). `ledger` remembers on disk what has
been taken in and told, `intake` takes findings from Kafka (`reader`) into it, `delivery` empties it
towards one destination, `dead` is for what was set aside, `service.run` is the process
(`grantline alert`).
"""
