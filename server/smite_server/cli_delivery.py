"""How a plate goes to the server and how its mattes come back, where the two share no disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smite_protocol.client import Client
from smite_protocol.errors import PathMissing, PathRefused, VersionTaken
from smite_protocol.specs import NEXT_VERSION, SegmentSpec

from .cli_follow import MatteReceiver, below
from .cli_inputs import absolute, plate_files
from .cli_output import ProgressView
from .latest import update_latest
from .output_names import OutputNames, flat_files, proxy_folder
from .versions import next_version


@dataclass(frozen=True)
class Delivery:
    """How the plate goes to the server and how the mattes come back.

    ``plate`` and ``out`` are this machine's absolute paths; ``send`` sends the plate's files even
    where the server could read them.
    """

    plate: Path
    out: Path
    send: bool

    def roots(self, model: str) -> list[Path]:
        """Return what a private server may touch: plate, output, the model's file."""
        found = [self.plate if self.plate.exists() else self.plate.parent, self.out]
        if absolute(model).is_file():
            found.append(absolute(model))
        return found

    def submit(
        self, client: Client, spec: SegmentSpec, view: ProgressView
    ) -> tuple[str, MatteReceiver | None]:
        """Submit by path where the server sees the paths, else send frames and ask for bytes.

        Return the job and what writes its mattes, if they come back as bytes.
        """
        roots = client.server.roots
        comes_back = not below(self.out, roots)
        if comes_back:
            spec = self._version_here(spec)
        if self.send or not below(self.plate, roots):
            return self._send(client, spec, view), self._receiver(comes_back)
        try:
            return client.submit(spec), self._receiver(comes_back)
        except (PathRefused, PathMissing):
            if client.server.private:
                raise
            # The server runs where these paths mean something else, in a container for example.
            spec = spec if comes_back else self._version_here(spec)
            return self._send(client, spec, view), self._receiver(True)

    def _receiver(self, comes_back: bool) -> MatteReceiver | None:
        return MatteReceiver(self.out) if comes_back else None

    def _send(self, client: Client, spec: SegmentSpec, view: ProgressView) -> str:
        view.note("The server does not read this plate by path: its frames are sent.")
        files: Iterable[Any] = plate_files(self.plate, spec.frames)
        return client.submit(replace(spec, plate=None), plate=files)

    def _version_here(self, spec: SegmentSpec) -> SegmentSpec:
        """Return ``spec`` for mattes that come back, its version one that is free on this side.

        Raises VersionTaken.
        """
        names = _names(spec, self.out)
        if spec.version == NEXT_VERSION:
            return replace(spec, out=None, version=next_version(names))
        if names.report.exists() and not spec.overwrite:
            raise VersionTaken(
                f"Version {spec.version} of the shot {spec.shot} was delivered: {names.report};"
                " use --version next, or ask for --overwrite."
            )
        return replace(spec, out=None)


def _names(spec: SegmentSpec, out: Path) -> OutputNames:
    """The names of a spec's files, as far as they are known before the parts are."""
    members = {style: (style,) for style in spec.styles}
    templates = {style: spec.template for style in spec.styles if spec.template}
    folder = proxy_folder(out, spec.proxy)
    return OutputNames(folder, spec.shot, max(1, spec.version), members, templates)


def here(result: dict[str, Any], spec: SegmentSpec, out: Path) -> dict[str, Any]:
    """Return a job's result with this machine's places for what came back as bytes."""
    styles = {
        style: {member: str(out / name) for member, name in dict(files).items()}
        for style, files in dict(result.get("styles", {})).items()
    }
    found = {**result, "styles": styles, "files": flat_files(styles)}
    for name in ("report", "review", "contact_sheet"):
        found[name] = str(out / result[name])
    names = replace(
        _names(spec, out),
        version=result["version"],
        members={style: tuple(files) for style, files in styles.items()},
    )
    update_latest(names)
    return found
