"""Nuke runs this at every start, with a window and without: paths, gizmos and callbacks."""

import sys
from pathlib import Path

try:
    _here = str(Path(__file__).resolve().parent)
    if _here not in sys.path:
        sys.path.insert(0, _here)
    from smite_nuke import vendor

    vendor.add(_here)
    from smite_nuke import startup

    startup.start(_here)
except Exception as problem:  # noqa: BLE001  (a plugin that fails must never stop Nuke)
    sys.stderr.write(f"SMITE does not load: {problem}; run install.py again.\n")
