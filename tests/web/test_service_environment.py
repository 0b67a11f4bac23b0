"""Which service of the web UI starts with which environment variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.web.service_environment import environment_of

SERVICES = ("code-server", "web-server", "daemon")
SOURCES = (
    "ASSAY_CONNECTION_SHOP", "ASSAY_EMBEDDING_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_TOKEN", "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_APPLICATION_CREDENTIALS", "ASSAY_MLFLOW_URI", "ASSAY_LINEAGE_URL", "MLFLOW_TRACKING_TOKEN",
    "DATABASE_URL", "MY_TOKEN", "GITHUB_TOKEN", "DAGSTER_CLOUD_API_TOKEN", "AN_API_KEY",
)  # fmt: skip
SIGN_IN = ("ASSAY_OIDC_CLIENT_SECRET", "ASSAY_OIDC_ISSUER", "ASSAY_OIDC_URL")
EVERYBODYS = (
    "ASSAY_HOME",
    "ASSAY_REGISTRY_URL",
    "DAGSTER_HOME",
    "PATH",
    "LC_ALL",
    "https_proxy",
    "PGPASSFILE",
)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("name", [*SOURCES, *SIGN_IN, *EVERYBODYS])
def test_a_service_gets_what_it_needs(service: str, name: str) -> None:
    needed = (
        name in EVERYBODYS
        or (name in SOURCES and service == "code-server")
        or (name in SIGN_IN and service == "web-server")
    )
    assert (name in environment_of(service, {name: "x"})) is needed


@pytest.mark.parametrize("service", SERVICES)
def test_what_dagsters_settings_name_is_there_for_all(service: str, tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text(
        "storage: {postgres: {postgres_db: {password: {env: OF_THE_STORAGE}, hosts: [{env: A_HOST}]}}}\n"
        "other: {env: ASSAY_OIDC_CLIENT_SECRET}\n"
    )
    given = {
        "DAGSTER_HOME": str(tmp_path), "OF_THE_STORAGE": "x", "A_HOST": "x", "ELSE": "x",
        "ASSAY_OIDC_CLIENT_SECRET": "x",
    }  # fmt: skip
    got = set(environment_of(service, given))
    assert {"OF_THE_STORAGE", "A_HOST"} <= got
    assert ("ELSE" in got) is (service == "code-server")
    assert ("ASSAY_OIDC_CLIENT_SECRET" in got) is (service == "web-server")


@pytest.mark.parametrize("text", [None, "", "a: [", "\x00", "7", "!!python/object:os.system {}"])
def test_settings_that_cannot_be_read_name_nothing(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "dagster.yaml").write_text(text)
    given = {"DAGSTER_HOME": str(tmp_path), "ELSE": "x"}
    assert set(environment_of("daemon", given)) == {"DAGSTER_HOME"}
