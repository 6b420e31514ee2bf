"""Telling people: one destination a file, and the process that tells each of them once.

`console`, `webhook` and `memory` are destinations (`ports.Notifier`). `ledger` remembers on disk
what has been taken in and told, `intake` reads findings from Kafka into it, `delivery` empties it
towards one destination, `service.run` is the process (`grantline alert`).
"""
