"""Where the files of `data/` are: beside the packages in a checkout, inside them in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def data_file(name: str) -> Path:
    """The path of a file or folder of `data/`, `prices.toml` for one."""
    in_checkout = _PACKAGE.parent / "data" / name
    return in_checkout if in_checkout.exists() else _PACKAGE / "data" / name
