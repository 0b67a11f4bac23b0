"""Objects in a bucket are a source: over HTTP, against servers that speak as the stores do.

S3 is moto's. Azure's (`azurite-blob`, from npm) and Google's (`fake-gcs-server`) run where they are on the PATH, and are skipped elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3

from assay.assets.stages.ingest import land, landed_rows
from assay.contracts.errors import SourceError
from tests.conftest import GOOD, SampleHome, setting

pytest.importorskip("obstore", reason="the extra `cloud` is not installed")
moto = pytest.importorskip("moto.server", reason="moto is not installed")

SECRET = "hunter2hunter2"
ACCOUNT, KEY = "ourstore", base64.b64encode(SECRET.encode()).decode()
WRONG_KEY = {
    "s3": {},
    "gs": {},
    "az": {"AZURE_STORAGE_ACCOUNT_KEY": base64.b64encode(b"another").decode()},
}  # moto and fake-gcs-server let everybody in


class Amazon:
    """S3, as moto speaks it."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.environment = {
            "AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true",
        }  # fmt: skip

    def make(self, name: str) -> None:
        _done(
            "PUT",
            f"{self.endpoint}/{name}",
            headers={
                "Authorization": "AWS4-HMAC-SHA256 Credential=someone/20261124/us-east-1/s3/aws4_request"
            },
        )

    def put(self, name: str, path: str, data: bytes) -> None:
        import obstore
        from obstore.store import S3Store

        obstore.put(S3Store(name, client_options={"allow_http": True}), path, data)


class Azure:
    """Blob storage, as Azurite speaks it."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = f"{endpoint}/{ACCOUNT}"
        self.environment = {
            "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
            "AZURE_STORAGE_ACCOUNT_KEY": KEY,
            "AZURE_STORAGE_ENDPOINT": self.endpoint,
            "AZURE_ALLOW_HTTP": "true",
        }

    def make(self, name: str) -> None:
        """A container, which obstore cannot make. Source: Microsoft, Authorize with Shared Key (the account stands twice where the endpoint's path holds it)."""
        headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
        told = (
            "PUT"
            + "\n" * 12
            + "".join(f"{key}:{value}\n" for key, value in headers.items())
            + f"/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
        )
        signature = base64.b64encode(
            hmac.new(SECRET.encode(), told.encode(), hashlib.sha256).digest()
        ).decode()
        _done(
            "PUT",
            f"{self.endpoint}/{name}?restype=container",
            headers={**headers, "Authorization": f"SharedKey {ACCOUNT}:{signature}"},
        )

    def put(self, name: str, path: str, data: bytes) -> None:
        import obstore
        from obstore.store import AzureStore

        obstore.put(AzureStore(name, client_options={"allow_http": True}), path, data)


class Google:
    """Cloud Storage, as fake-gcs-server speaks it. Written with Google's JSON, since obstore writes with a token alone."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.environment = {
            "GOOGLE_BASE_URL": endpoint,
            "GOOGLE_SKIP_SIGNATURE": "true",
            "GOOGLE_ALLOW_HTTP": "true",
        }

    def make(self, name: str) -> None:
        _done("POST", f"{self.endpoint}/storage/v1/b?project=ours", json={"name": name})

    def put(self, name: str, path: str, data: bytes) -> None:
        _done(
            "POST",
            f"{self.endpoint}/upload/storage/v1/b/{name}/o?{urlencode({'uploadType': 'media', 'name': path})}",
            body=data,
        )


def _done(method: str, url: str, **request: Any) -> None:
    answer = urllib3.request(method, url, **request)
    assert answer.status in (200, 201), f"{answer.status}: {answer.data[:200]!r}"


def _served(
    command: list[str], port: int, environment: dict[str, str] | None = None
) -> Iterator[str]:
    """Run a server until the tests are through with it."""
    process = subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            pytest.fail(f"{command[0]} did not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module", params=["s3", "gs", "az"])
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Any]]:
    """Each kind of store by its scheme, with a server that is one."""
    if request.param == "s3":
        server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, number = server.get_host_and_port()
        yield "s3", Amazon(f"http://{host}:{number}")
        server.stop()
        return
    name = {"gs": "fake-gcs-server", "az": "azurite-blob"}[request.param]
    program, port = shutil.which(name), _free_port()
    if program is None:
        pytest.skip(f"{name} is not on the PATH")
    if request.param == "gs":
        command = [
            program,
            "-backend",
            "memory",
            "-scheme",
            "http",
            "-host",
            "127.0.0.1",
            "-port",
            str(port),
            "-public-host",
            f"127.0.0.1:{port}",
        ]
        for endpoint in _served(command, port):
            yield "gs", Google(endpoint)
    else:
        folder: Path = tmp_path_factory.mktemp("azurite")
        command = [
            program,
            "--blobHost",
            "127.0.0.1",
            "--blobPort",
            str(port),
            "--location",
            str(folder),
            "--disableTelemetry",
        ]
        for endpoint in _served(command, port, {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}):
            yield "az", Azure(endpoint)


@pytest.fixture
def bucket(store: tuple[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A bucket of its own, and the environment that leads to it."""
    for key, value in store[1].environment.items():
        monkeypatch.setenv(key, value)

    class Bucket:
        scheme, name = store[0], f"b{uuid.uuid4().hex[:12]}"
        address = f"{scheme}://{name}"

        def put(self, path: str, text: str) -> None:
            store[1].put(self.name, path, text.encode())

    store[1].make(Bucket.name)
    return Bucket()


def test_an_object_lands_and_is_not_fetched_again_until_it_changes(
    installation: SampleHome, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.assets.io.sources import clouds

    bucket.put("in/readings.csv", GOOD)
    installation.promise(setting("source", location=f"{bucket.address}/in/readings.csv"))
    assert land(installation.run()).receipt.rows == 3
    with monkeypatch.context() as patched:
        patched.setattr(clouds, "download", lambda *_: pytest.fail("it was fetched again"))
        assert land(installation.run()).unchanged
    bucket.put("in/readings.csv", GOOD + "M4,4,day\n")
    assert land(installation.run()).receipt.rows == 4


def test_a_pattern_lands_the_objects_it_means(installation: SampleHome, bucket: Any) -> None:
    for path, text in {
        "in/b.csv": "M2,2,day\n",
        "in/a.csv": "M1,1,day\n",
        "in/deeper/c.csv": "M3,3,day\n",
        "in/note.txt": "no",
    }.items():
        bucket.put(path, "meter,energy_kwh,tariff\n" + text)
    installation.promise(setting("source", location=f"{bucket.address}/in/*.csv"))
    run = installation.run()
    receipt = land(run).receipt
    assert [(installation.name_of(file.name), file.first, file.last) for file in receipt.files] == [
        ("in/a.csv", 1, 2),
        ("in/b.csv", 3, 4),
    ]
    assert landed_rows(run, receipt.digest).collect()["meter"].to_list() == ["M1", "M2"]
    assert land(installation.run()).unchanged
    installation.promise(setting("source", location=f"{bucket.address}/in/**/*.csv"))
    assert land(installation.run()).receipt.rows == 3


def test_what_is_not_there_is_refused_without_a_credential(
    installation: SampleHome, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for location in (
        *(f"{bucket.address}/{path}" for path in ("nothing.csv", "in/*.csv")),
        f"{bucket.scheme}://no-such-bucket-anywhere/x.csv",
    ):
        installation.promise(setting("source", location=location))
        with pytest.raises(SourceError, match="does not exist") as refused:
            land(installation.run())
        assert SECRET not in f"{refused.value!r}{refused.value.__cause__!r}"


def test_a_pattern_in_a_bucket_that_is_not_there_is_refused(
    installation: SampleHome, bucket: Any
) -> None:
    if bucket.scheme == "gs":
        pytest.skip(
            "fake-gcs-server answers the list of a missing bucket with 500, where Google answers 404"
        )
    installation.promise(
        setting("source", location=f"{bucket.scheme}://no-such-bucket-anywhere/*.csv")
    )
    with pytest.raises(SourceError, match="does not exist"):
        land(installation.run())


def test_objects_larger_than_allowed_are_not_fetched(
    installation: SampleHome, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("x.csv", GOOD)
    monkeypatch.setenv("ASSAY_SOURCE_MAX_BYTES", "10")
    installation.promise(setting("source", location=f"{bucket.address}/x.csv"))
    with pytest.raises(SourceError, match="larger than 10 bytes"):
        land(installation.run())


def test_an_object_that_changes_between_the_list_and_the_fetch_is_refused(
    installation: SampleHome, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.assets.io.sources import clouds

    listed = clouds.listed

    def listed_too_early(*about: Any) -> list[clouds.Object]:
        objects = listed(*about)
        bucket.put("in/a.csv", GOOD.replace("1.5", "9.5"))  # of the same length
        return objects

    bucket.put("in/a.csv", GOOD)
    installation.promise(setting("source", location=f"{bucket.address}/in/*.csv"))
    monkeypatch.setattr(clouds, "listed", listed_too_early)
    with pytest.raises(SourceError, match="changed while it was fetched"):
        land(installation.run())


def test_an_object_is_the_same_by_its_name_and_by_a_pattern(bucket: Any) -> None:
    """Azure writes an object's tag without quotes in a list, and with them elsewhere."""
    from assay.assets.io.sources.clouds import listed
    from assay.contracts.errors import NOWHERE

    bucket.put("in/a.csv", GOOD)
    [by_name], [by_pattern] = (
        listed(f"{bucket.address}/in/a.csv", NOWHERE),
        listed(f"{bucket.address}/in/*.csv", NOWHERE),
    )
    assert (by_name.name, by_name.size_bytes, by_name.etag) == (
        by_pattern.name,
        by_pattern.size_bytes,
        by_pattern.etag,
    )
    assert re.fullmatch('".+"', by_name.etag or "")


@pytest.mark.parametrize("path", ["in/a.csv", "in/*.csv"])
def test_who_may_not_read_is_told_so_without_a_credential(
    installation: SampleHome, bucket: Any, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    if not WRONG_KEY[bucket.scheme]:
        pytest.skip(f"the server that stands for {bucket.scheme}:// asks nobody for a key")
    bucket.put("in/a.csv", GOOD)
    for key, value in WRONG_KEY[bucket.scheme].items():
        monkeypatch.setenv(key, value)
    installation.promise(setting("source", location=f"{bucket.address}/{path}"))
    with pytest.raises(SourceError, match="refuses access") as refused:
        land(installation.run())
    assert not any(
        word in f"{refused.value!r}{refused.value.__cause__!r}"
        for word in (ACCOUNT, *WRONG_KEY[bucket.scheme].values())
    )
