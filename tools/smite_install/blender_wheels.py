"""What an extension of Blender brings besides its own package: wheels, ours among them.

Blender (4.2 and later) unpacks the wheels that the manifests of enabled extensions list into a
folder that all of them share, and takes away those that none lists any more: "Python Wheels" in its
manual, `_bpy_internal/extensions/wheel_manager.py` in its scripts. An extension may bring top-level
modules in no other way, so the packages that all hosts share become a wheel too.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from pathlib import Path

from . import payload

OWN = "smite_plugin"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can say


def write_own_wheel(repository: Path, version: str, folder: Path) -> Path:
    """Write the wheel of the packages that all hosts share; return its path.

    Its version ends in a hash of its contents: Blender takes a wheel of a known version for
    unpacked. The same contents have the same bytes.
    """
    files = _shared_files(repository)
    total = hashlib.sha256()
    for name, content in files.items():
        total.update(f"{name}\0{len(content)}\0".encode() + content)
    full = f"{version}+{total.hexdigest()[:8]}"
    info = f"{OWN}-{full}.dist-info"
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {OWN}\nVersion: {full}\n".encode()
    files[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: smite\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD")
    wheel = folder / f"{OWN}-{full}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, content)
    return wheel


def _shared_files(repository: Path) -> dict[str, bytes]:
    plugin = repository / "plugin"
    return {
        path.relative_to(plugin).as_posix(): path.read_bytes()
        for package in payload.shared_packages(repository)
        for path in payload.files_of(plugin / package)
    }


def _record(files: dict[str, bytes], own_name: str) -> bytes:
    """Return the RECORD of a wheel: each file, its hash in URL-safe base64, its size."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
        writer.writerow((name, f"sha256={digest.decode()}", len(content)))
    writer.writerow((own_name, "", ""))
    return text.getvalue().encode()


def unpacked_wheels(extension: Path) -> list[Path]:
    """Return what Blender unpacked of an extension's wheels that no other extension lists."""
    extensions = extension.parents[1]
    others = [
        manifest.read_text(encoding="utf-8", errors="replace")
        for manifest in extensions.glob("*/*/blender_manifest.toml")
        if manifest.parent != extension
    ]
    found: list[Path] = []
    for wheel in (extension / "wheels").glob("*.whl"):
        name, version = wheel.name.split("-")[:2]
        if any(f"{name}-{version}-" in text for text in others):
            continue
        for info in (extensions / ".local").glob(f"lib/*/site-packages/{name}-{version}.dist-info"):
            found += [info, info.parent / f"{name}.libs"]
            found += [info.parent / top for top in _top_folders(info) if top != info.name]
    return [path for path in dict.fromkeys(found) if path.exists()]


def _top_folders(info: Path) -> set[str]:
    """Return the first folder or file in each path that an unpacked wheel's RECORD lists."""
    try:
        with (info / "RECORD").open(encoding="utf-8", newline="") as file:
            names = {row[0].replace("\\", "/").split("/")[0] for row in csv.reader(file) if row}
    except (OSError, ValueError):
        return set()
    return names - {"", ".", ".."}
