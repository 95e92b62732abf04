"""Nuke runs this at every start, with a window and without: paths, gizmos and callbacks."""

import os
import sys


def _start():  # type: () -> None
    here = os.path.dirname(os.path.abspath(__file__))
    if here not in sys.path:
        sys.path.insert(0, here)
    from smite_nuke import vendor

    vendor.add(here)
    from smite_nuke import startup

    startup.start(here)


try:
    _start()
except Exception as problem:  # a plugin that fails must never stop Nuke
    sys.stderr.write("SMITE does not load: {}; run install.py again.\n".format(problem))
