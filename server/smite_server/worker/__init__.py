"""The worker: a process of its own for each device; the only importer of the engine.

`python -m smite_server.worker` is started by the server, never by hand.
"""
