"""Formats (sizes with a name) and layers (sets of channels) of a script."""

from __future__ import annotations

from .rules import MainThreadOnly


class Format(MainThreadOnly):
    """Width, height, image area and pixel aspect. nuke.Format(width, height, x, y, r, t, pa)."""

    def __init__(
        self,
        width: int,
        height: int,
        x: int = 0,
        y: int = 0,
        r: int = 0,
        t: int = 0,
        pixelAspect: float = 1.0,
        name: str = "",
    ) -> None:
        self._size = (int(width), int(height))
        self._area = (int(x), int(y), int(r) or int(width), int(t) or int(height))
        self._aspect = float(pixelAspect)
        self._name = name

    def width(self) -> int:
        return self._size[0]

    def height(self) -> int:
        return self._size[1]

    def x(self) -> int:
        return self._area[0]

    def y(self) -> int:
        return self._area[1]

    def r(self) -> int:
        return self._area[2]

    def t(self) -> int:
        return self._area[3]

    def pixelAspect(self) -> float:
        return self._aspect

    def name(self) -> str:
        return self._name

    def setName(self, name: str) -> None:
        self._name = name

    def _written(self) -> str:
        """As in a script: `2048 1556 0 0 2048 1556 2 2K_Cinemascope`."""
        area = " ".join(str(edge) for edge in self._area)
        return f"{self._size[0]} {self._size[1]} {area} {self._aspect:g} {self._name}".rstrip()


def parse_format(text: str) -> Format:
    """What nuke.addFormat takes: `w h [x y r t] [aspect] [name]`.

    ValueError where it is no format.
    """
    words = text.split()
    numbers = []
    while words and _is_number(words[0]):
        numbers.append(float(words.pop(0)))
    name = " ".join(words)
    if len(numbers) not in (2, 3, 6, 7):
        raise ValueError(f'"{text}" is no format: width height [x y r t] [pixel aspect] [name].')
    aspect = numbers.pop() if len(numbers) in (3, 7) else 1.0
    whole = [int(number) for number in numbers]
    area = whole[2:] or [0, 0, whole[0], whole[1]]
    return Format(whole[0], whole[1], *area, aspect, name)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


class Formats:
    """The formats that a session knows by name."""

    def __init__(self) -> None:
        # Nuke's own list is longer; 2K_Super_35(full-ap) is what a new root has.
        known = (
            "2048 1556 0 0 2048 1556 1 2K_Super_35(full-ap)",
            "2048 1556 0 0 2048 1556 2 2K_Cinemascope",
            "1920 1080 0 0 1920 1080 1 HD_1080",
            "1280 720 0 0 1280 720 1 HD_720",
            "3840 2160 0 0 3840 2160 1 UHD_4K",
        )
        self.known = [parse_format(text) for text in known]

    @property
    def default(self) -> Format:
        return self.known[0]

    def add(self, text: str) -> Format:
        made = parse_format(text)
        self.known.append(made)
        return made

    def of(self, text: str) -> Format:
        for known in self.known:
            if known._name == text:
                return known
        return parse_format(text)


class Layer(MainThreadOnly):
    """A layer of channels. nuke.Layer('name', ['name.red', 'name.green']) adds one."""

    def __init__(self, name: str, channels: list[str] | tuple[str, ...] = ()) -> None:
        from . import state

        self._name = name
        self._channels = [c if "." in c else f"{name}.{c}" for c in channels]
        state.current().script.layers.add(self)

    def name(self) -> str:
        return self._name

    def channels(self) -> list[str]:
        return list(self._channels)

    def visible(self) -> bool:
        return True


class Layers:
    """The layers of a script, in the order in which they came.

    Nuke has 1023 channels in a script (user guide, "Channel Management"); the fake does not count.
    """

    BUILT_IN = {
        "rgb": ("rgba.red", "rgba.green", "rgba.blue"),
        "rgba": ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha"),
        "alpha": ("rgba.alpha",),
        "depth": ("depth.Z",),
        "motion": ("forward.u", "forward.v", "backward.u", "backward.v"),
        "forward": ("forward.u", "forward.v"),
        "backward": ("backward.u", "backward.v"),
        "mask": ("mask.a",),
    }

    def __init__(self) -> None:
        self._channels: dict[str, list[str]] = {
            name: list(channels) for name, channels in self.BUILT_IN.items()
        }

    def add(self, layer: Layer) -> None:
        self.add_channels(layer._channels)

    def add_channels(self, channels: list[str]) -> None:
        for channel in channels:
            layer = channel.split(".")[0]
            have = self._channels.setdefault(layer, [])
            if channel not in have:
                have.append(channel)

    def names(self) -> list[str]:
        return list(self._channels)

    def all_channels(self) -> list[str]:
        found: dict[str, None] = {}
        for channels in self._channels.values():
            found.update(dict.fromkeys(channels))
        return list(found)

    def of(self, name: str) -> list[str]:
        """The channels of a layer, or the channel of that name; KeyError: no such thing."""
        if name in self._channels:
            return list(self._channels[name])
        for channel in (name, f"rgba.{name}"):
            if channel in self.all_channels():
                return [channel]
        raise KeyError(name)

    def knows(self, name: str) -> bool:
        try:
            self.of(name)
        except KeyError:
            return False
        return True
