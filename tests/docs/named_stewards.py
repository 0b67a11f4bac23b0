"""Two stewards, as the pages have them: ann and bob, with their keys in the home folder of the reader."""

from __future__ import annotations

from pathlib import Path

from assay.assets.io.signing_keys import new_private
from tests.conftest import yaml_text


def name_stewards(folder: Path) -> dict[str, str]:
    """Create the keys and the stewards' file. Returns: the environment that a page needs for them."""
    levels = {"ann": "first", "bob": "second"}
    stewards = [
        {"name": name, "levels": [level], "key": new_private(folder / f"{name}.pem")}
        for name, level in levels.items()
    ]
    file = folder / "stewards.yaml"
    file.write_text(yaml_text({"valid_days": 30, "stewards": stewards}))
    return {"HOME": str(folder), "ASSAY_STEWARDS": str(file)}
