"""A version may stand in the name, as on the command line."""

from __future__ import annotations

import pytest

import assay
from assay.contracts.errors import ConfigurationError
from tests.conftest import SampleHome


@pytest.fixture
def home(installation: SampleHome, monkeypatch: pytest.MonkeyPatch) -> SampleHome:
    monkeypatch.setenv("ASSAY_HOME", str(installation.root))
    monkeypatch.setenv("ASSAY_CONTRACTS", str(installation.contracts))
    installation.published()
    return installation


@pytest.mark.usefixtures("home")
def test_a_version_in_the_name_is_opened() -> None:
    for name, version in (
        ("readings@1.0.0", None),
        ("readings@1.0.0", "1.0.0"),
        ("readings@latest", None),
    ):
        assert assay.open(name, version, purpose="analytics").collect().height == 3
    for name, version in (("readings@1.0.0", "2.0.0"), ("readings@", None)):
        with pytest.raises(ConfigurationError, match="name different versions"):
            assay.open(name, version, purpose="analytics")
