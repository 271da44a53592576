"""The files of `data/`, which lie beside the packages in a checkout and inside them in a wheel."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.usage.errors import DataFileError

_PACKAGE = Path(__file__).parents[1]


def data_file(name: str) -> Path:
    """The path of a file or folder of `data/`, `prices.toml` for one."""
    in_checkout = _PACKAGE.parent / "data" / name
    return in_checkout if in_checkout.exists() else _PACKAGE / "data" / name


def read_toml(path: Path) -> dict[str, Any]:
    """What a file holds, with fractions as `Decimal`. Raises `DataFileError` for a missing file and for wrong TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise DataFileError(path, "file", f"can't be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataFileError(path, "file", f"isn't valid TOML: {error}") from error
