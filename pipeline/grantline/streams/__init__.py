"""The stream processor: Faust, its topics and what leaves and enters them.

Everything here moves records and keeps its place in the log; what a record means is decided in
the pure part. `worker.build_app` and `worker.run` are the way in, `settings.WorkerSettings`
says what may be set.
"""
