"""SMITE inside Nuke: nodes that learn parts from references and make mattes of shots.

`host` alone imports nuke. `startup` is called by init.py, `menus` by menu.py, `buttons` by the
gizmos' knobs, `batch` without a window.
"""

from __future__ import annotations
