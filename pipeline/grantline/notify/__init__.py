"""Telling people: one destination a file, and the process that tells each of them once.

`console`, `webhook`, `slack`, `pagerduty` and `alertmanager` are destinations (`ports.Notifier`), the
last four by `posting`. `ledger` remembers on disk what has been taken in and told, `intake` takes findings from Kafka (`reader`) into it, `delivery` empties it
towards one destination, `dead` is for what was set aside, `service.run` is the process
(`grantline alert`).
"""
