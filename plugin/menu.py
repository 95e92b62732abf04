"""Nuke runs this when it starts with a window: menus."""

import sys

try:
    from smite_nuke import menus

    menus.add()
except Exception as problem:  # noqa: BLE001  (a plugin that fails must never stop Nuke)
    sys.stderr.write(f"SMITE has no menu: {problem}; run install.py again.\n")
