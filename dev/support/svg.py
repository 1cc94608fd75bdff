"""Pictures in SVG: a few shapes in a few named colours, for light pages or dark ones, and words for who cannot see them."""

from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
MARKS = ("circle", "square", "triangle", "diamond")


@dataclass(frozen=True)
class Theme:
    """Colours by what they are for. Any kind of colour vision tells the series apart; in grey, their marks do."""

    suffix: str
    text: str
    quiet: str
    line: str
    series: tuple[str, ...]


LIGHT = Theme("", "#1f2328", "#59636e", "#d1d9e0", ("#0b63c5", "#b35900", "#00785a", "#8f4a86", "#6b7280"))
DARK = Theme("~dark", "#f0f6fc", "#9ea7b3", "#3d444d", ("#6cb6ff", "#f0a04b", "#3ccb9f", "#d79ad0", "#aab2bd"))
THEMES = (LIGHT, DARK)


@dataclass
class Picture:
    """Shapes are drawn in the order in which they are added. Lengths are pixels, from the upper left."""

    theme: Theme
    width: int
    height: int
    title: str
    # The figures in words: what a screen reader says.
    description: str
    _shapes: list[str] = field(default_factory=list)

    def text(
        self, x: float, y: float, words: str, *, size: int = 12, anchor: str = "start", color: str = "", bold: bool = False
    ) -> None:
        weight = ' font-weight="600"' if bold else ""
        self._shapes.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"{weight}'
            f' fill="{color or self.theme.text}">{escape(words)}</text>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, *, color: str = "", dashes: str = "") -> None:
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        self._shapes.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color or self.theme.line}"{dashed}/>'
        )

    def bar(self, x: float, y: float, width: float, height: float, series: int) -> None:
        self._shapes.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="1.5"'
            f' fill="{self.theme.series[series]}"/>'
        )

    def curve(self, points: list[tuple[float, float]], series: int) -> None:
        """A line through the points, and the series' mark at each."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        color = self.theme.series[series]
        self._shapes.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        for x, y in points:
            self.mark(x, y, series)

    def mark(self, x: float, y: float, series: int) -> None:
        fill = f'fill="{self.theme.series[series]}"'
        match MARKS[series % len(MARKS)]:
            case "circle":
                shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" {fill}/>'
            case "square":
                shape = f'<rect x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7" {fill}/>'
            case "triangle":
                shape = f'<polygon points="{x:.1f},{y - 4.5:.1f} {x + 4.5:.1f},{y + 4:.1f} {x - 4.5:.1f},{y + 4:.1f}" {fill}/>'
            case _:
                corners = f"{x:.1f},{y - 5:.1f} {x + 5:.1f},{y:.1f} {x:.1f},{y + 5:.1f} {x - 5:.1f},{y:.1f}"
                shape = f'<polygon points="{corners}" {fill}/>'
        self._shapes.append(shape)

    def render(self) -> str:
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}"'
                f' height="{self.height}" role="img" aria-labelledby="title description" font-family={quoteattr(FONT)}>',
                f'<title id="title">{escape(self.title)}</title>',
                f'<desc id="description">{escape(self.description)}</desc>',
                *self._shapes,
                "</svg>",
                "",
            ]
        )
