"""A web UI with a delivery that will be held, and three stewards whom a provider knows."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from tests.conftest import SampleHome, columns
from tests.web_ui import WebUi, wait_for, web_ui

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the mock uses parts of Authlib that will go
    import oidc_provider_mock

PERSONS = ("ann", "bob", "cy")


@contextmanager
def held_delivery(installation: SampleHome, **more: str) -> Iterator[WebUi]:
    """The data set is ann's, and holds an e-mail address that its contract does not declare."""
    with oidc_provider_mock.run_server_in_thread() as server:
        issuer = f"http://localhost:{server.server_port}"
        installation.promise(
            columns({"name": "meter", "logicalType": "string"}),
            lambda data: data["team"]["members"][0].update(username="ann@example.com"),
            lambda data: data["schema"][0].update(quality=[]),
        )
        installation.deliver("meter\nask dan@example.com\nM2\n")
        for name in PERSONS:
            subjects = [{"issuer": issuer, "subject": name}]
            installation.appoint(f"{name}@example.com", "first", "second", subjects=subjects)
        settings = {"ISSUER": issuer, "CLIENT_ID": "assay", "CLIENT_SECRET": "of the test"}
        variables = {f"ASSAY_OIDC_{name}": value for name, value in settings.items()}
        with web_ui(installation, **variables, **more) as started:
            wait_for(started.has_definitions)
            yield started
