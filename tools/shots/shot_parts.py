"""The parts of the two shots, in the order of the codes in the toy rocket's `rocket_parts`."""

PARTS: dict[str, tuple[str, ...]] = {
    "tuft": ("hair", "face", "scarf", "wires"),
    "plane": ("body", "wings", "propeller", "tail"),
}
