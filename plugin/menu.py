"""Nuke runs this when it starts with a window: menus."""

import sys

try:
    from smite_nuke import menus

    menus.add()
except Exception as problem:  # a plugin that fails must never stop Nuke
    sys.stderr.write("SMITE has no menu: {}; run install.py again.\n".format(problem))
