"""What a test has measured, for whoever looks: pytest shows it with -s or -rP."""

from collections.abc import Mapping


def tell(figures: Mapping[str, object]) -> None:
    """Print figures by name."""
    width = max(map(len, figures))
    print("", *(f"{name:>{width}}: {value}" for name, value in figures.items()), sep="\n")  # noqa: T201
