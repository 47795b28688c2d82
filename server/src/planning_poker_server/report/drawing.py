"""A matplotlib figure as an SVG that takes its colours and its font from the page around it."""

import io
import re
from collections.abc import Mapping
from typing import Any, Final
from xml.etree import ElementTree

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# What the figure is drawn with, and the variable of the page's style that takes its place.
# The numbers mean nothing: they only have to differ from each other.
INKS: Final[Mapping[str, str]] = {
    role: f"#00{number:02x}ff"
    for number, role in enumerate(
        ("ink", "muted", "faint", "rule", "paper", "most", "some", "apart", "special", "second")
    )
}
_NO_METADATA: Final = {"Creator": None, "Date": None, "Format": None, "Type": None}
_COLOUR: Final = re.compile("|".join(INKS.values()))
_ROLE: Final = {ink: f"var(--{role})" for role, ink in INKS.items()}
_FAMILY: Final = re.compile(r"font-family: [^;]*(; )?")
_DIGITS: Final = re.compile(r"\d+\.\d{2,}")
_TEXT: Final = "{http://www.w3.org/2000/svg}text"
_XLINK: Final = "{http://www.w3.org/1999/xlink}href"


class Drawing:
    """A canvas of some pixels, with one plot on it.

    Text is set by the reader's browser, so it may hold any script and emoji. What
    matplotlib gets in its place are digits of about the same width: it has no font
    for everything, and would measure and complain.
    """

    def __init__(
        self, width: int, height: int, *, left: int = 0, bottom: int = 0, top: int = 0
    ) -> None:
        self.width, self.height = width, height
        self._figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor="none")
        box = (left / width, bottom / height, 1 - left / width, 1 - (bottom + top) / height)
        self.axes: Axes = self._figure.add_axes(box)
        self.axes.set_axis_off()
        self._texts: list[str] = []

    def text(self, x: float, y: float, text: str, ink: str = "muted", **how: Any) -> None:
        """Write `text` at a place in the plot; `how` is what matplotlib's `text` takes."""
        gid = f"text-{len(self._texts)}"
        self._texts.append(text)
        placeholder = "0" * max(len(text), 1)
        self.axes.text(x, y, placeholder, gid=gid, color=INKS[ink], **how)

    def svg(self, name: str, alternative: str) -> Markup:
        """The drawing for a page, told as `alternative` to who cannot see it.

        The same drawing gives the same text each time. `name` must be unique on the page.
        """
        written = io.BytesIO()
        # The salt makes ids unique: each chart has its own.
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "svg.id": None}):
            self._figure.savefig(written, format="svg", metadata=_NO_METADATA)
        root = ElementTree.fromstring(written.getvalue())  # noqa: S314 - written by ourselves
        self._set_texts(root)
        _adapt(root)
        root.attrib |= {"class": "chart", "role": "img", "aria-label": alternative}
        root.set("style", f"max-width:{self.width}px")
        return Markup(ElementTree.tostring(root, encoding="unicode", short_empty_elements=True))  # noqa: S704

    def _set_texts(self, root: ElementTree.Element) -> None:
        groups = {each.get("id"): each for each in root.iter()}
        for number, text in enumerate(self._texts):
            for element in groups[f"text-{number}"].iter(_TEXT):
                element.text = text


def _adapt(root: ElementTree.Element) -> None:
    """Leave out what an SVG inside of a page has no use for, and the figure's own colours."""
    for parent in list(root.iter()):
        for child in list(parent):
            # Comments have no name; a style would hold for all of the page.
            if not isinstance(child.tag, str) or child.tag.endswith(("}metadata", "}style")):
                parent.remove(child)
    used = {each.attrib[_XLINK] for each in root.iter() if _XLINK in each.attrib}
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.tail = None
        if element.tag != "text":
            element.text = None
        if f"#{element.get('id')}" not in used:
            element.attrib.pop("id", None)
        if _XLINK in element.attrib:
            element.set("href", element.attrib.pop(_XLINK))
        if element.get("transform", "").startswith("rotate(-0 "):
            del element.attrib["transform"]
        for key, value in element.attrib.items():
            element.set(key, _plain(element.tag, key, value))
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)


def _plain(tag: str, key: str, value: str) -> str:
    """An attribute with tenths of a pixel, and with the page's colours and font."""
    if key == "style":
        style = _FAMILY.sub("", value) if tag == "text" else value
        return _COLOUR.sub(lambda found: _ROLE[found[0]], style)
    if key in ("d", "x", "y"):
        return _DIGITS.sub(lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), value)
    return value
