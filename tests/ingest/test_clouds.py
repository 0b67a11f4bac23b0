"""Objects in a bucket are a source: against a server that speaks S3 (moto), over HTTP. Google's and Azure's stores differ in obstore's constructor alone, and are not run here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from assets.stages.ingest import land, landed_rows
from contracts.errors import SourceError
from tests.conftest import GOOD, Installation, setting

pytest.importorskip("obstore", reason="the extra `cloud` is not installed")
moto = pytest.importorskip("moto.server", reason="moto is not installed")

SECRET = "hunter2hunter2"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """A bucket of its own, and the environment that leads to it."""
    import obstore
    from obstore.store import S3Store

    name = f"b{abs(hash(request.node.name))}"
    for key, value in {
        "AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(key, value)
    import urllib3

    urllib3.request("PUT", f"{endpoint}/{name}", headers={"Authorization": "AWS4-HMAC-SHA256 Credential=someone/20261124/us-east-1/s3/aws4_request"})
    store = S3Store(name, client_options={"allow_http": True})

    class Bucket:
        def __init__(self) -> None:
            self.name = name

        def put(self, path: str, text: str) -> None:
            obstore.put(store, path, text.encode())

    return Bucket()


def test_an_object_lands_and_is_not_fetched_again_until_it_changes(installation: Installation, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from assets.hands.sources import clouds

    bucket.put("in/readings.csv", GOOD)
    installation.promise(setting("source", location=f"s3://{bucket.name}/in/readings.csv"))
    assert land(installation.run()).receipt.rows == 3
    with monkeypatch.context() as patched:
        patched.setattr(clouds, "download", lambda *_: pytest.fail("it was fetched again"))
        assert land(installation.run()).unchanged
    bucket.put("in/readings.csv", GOOD + "M4,4,day\n")
    assert land(installation.run()).receipt.rows == 4


def test_a_pattern_lands_the_objects_it_means(installation: Installation, bucket: Any) -> None:
    for path, text in {"in/b.csv": "M2,2,day\n", "in/a.csv": "M1,1,day\n", "in/deeper/c.csv": "M3,3,day\n", "in/note.txt": "no"}.items():
        bucket.put(path, "meter,energy_kwh,tariff\n" + text)
    installation.promise(setting("source", location=f"s3://{bucket.name}/in/*.csv"))
    run = installation.run()
    receipt = land(run).receipt
    assert [(file.name, file.first, file.last) for file in receipt.files] == [("in/a.csv", 1, 2), ("in/b.csv", 3, 4)]
    assert landed_rows(run, receipt.digest).collect()["meter"].to_list() == ["M1", "M2"]
    assert land(installation.run()).unchanged
    installation.promise(setting("source", location=f"s3://{bucket.name}/in/**/*.csv"))
    assert land(installation.run()).receipt.rows == 3


def test_what_is_not_there_is_refused_without_a_credential(installation: Installation, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for location in (f"s3://{bucket.name}/nothing.csv", f"s3://{bucket.name}/in/*.csv", "s3://no-such-bucket-anywhere/x.csv"):
        installation.promise(setting("source", location=location))
        with pytest.raises(SourceError, match="is not there") as refused:
            land(installation.run())
        assert SECRET not in f"{refused.value!r}{refused.value.__cause__!r}"


def test_objects_larger_than_allowed_are_not_fetched(installation: Installation, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.put("x.csv", GOOD)
    monkeypatch.setenv("ASSAY_SOURCE_MAX_BYTES", "10")
    installation.promise(setting("source", location=f"s3://{bucket.name}/x.csv"))
    with pytest.raises(SourceError, match="larger than 10 bytes"):
        land(installation.run())
