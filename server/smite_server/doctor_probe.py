"""Tries to import every library of the server; prints what it found as JSON.

A program of its own (``python -m smite_server.doctor_probe``): a library that crashes while it is
loaded takes this process, not the command that asks. torch is tried by the worker.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import sys
import warnings
from typing import Any

LIBRARIES = {
    "numpy": "numpy",
    "OpenEXR": "OpenEXR",
    "OpenImageIO": "OpenImageIO",
    "PyOpenColorIO": "opencolorio",
    "av": "av",
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "safetensors": "safetensors",
    "diffusers": "diffusers",
    "transformers": "transformers",
    "zmq": "pyzmq",
    "msgpack": "msgpack",
}
"""Import name -> name of the distribution that holds it."""


def probe(module: str, package: str) -> dict[str, Any]:
    """Import ``module``; return whether that worked, and its version or what went wrong."""
    try:
        found = importlib.import_module(module)
        if module == "PyOpenColorIO":
            found.GetCurrentConfig()
        detail = importlib.metadata.version(package)
    except Exception as problem:  # noqa: BLE001  (a report on whatever a library does)
        detail = f"{type(problem).__name__}: {problem}".splitlines()[0]
        return {"ok": False, "detail": detail, "package": package}
    return {"ok": True, "detail": detail, "package": package}


def main() -> None:
    """Print the report on standard output."""
    warnings.simplefilter("ignore")
    found = {package: probe(module, package) for module, package in LIBRARIES.items()}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
