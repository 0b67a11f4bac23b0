"""Object stores (S3, Google Cloud Storage, Azure): objects -> their bytes in files.

Belongs here: listing, streaming, going on after a break, asking whether anything changed. Stays
out: credentials, which obstore takes from the environment (AWS_*, GOOGLE_*, AZURE_*) or from the
machine's own identity, and which are never in a contract and never shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from assay.assets.io.sources.places import CHUNK, MAX_FILES, Seen, Sink, fixed_part, matches
from assay.assets.io.work_progress import report_progress
from assay.contracts.errors import SourceError, Where
from assay.contracts.extras import missing_extra

TRIES = 4
_MIN_CHUNK = 4 * CHUNK


@dataclass(frozen=True)
class Object:
    """One object of a bucket, as the store lists it."""

    name: str
    size_bytes: int
    etag: str | None
    modified: str


def listed(location: str, where: Where) -> list[Object]:
    """The objects that a location means, by name.

    Raises: SourceError: there is none, too many, or the store does not let us look.
    """
    import obstore

    store, path = _store(location, where), _path(location)
    try:
        if not any(mark in path for mark in "*?["):
            return [_object(obstore.head(store, path))]
        objects: list[Object] = []
        for batch in obstore.list(store, prefix=fixed_part(path) or None, chunk_size=1000):
            objects += [_object(meta) for meta in batch if matches(path, meta["path"])]
            if len(objects) > MAX_FILES:
                raise SourceError(
                    f"the location matches more than {MAX_FILES:,} objects",
                    "Narrow the pattern, or deliver fewer and larger files",
                    where,
                )
    except (obstore.exceptions.BaseError, OSError) as error:
        # the store's own words may hold an account or a key id
        raise _refused(error, where) from None
    if not objects:
        raise SourceError(
            "the source does not exist: no object matches",
            "Deliver it, or correct `location` under assay.source",
            where,
        )
    return sorted(objects, key=lambda item: item.name)


def download(location: str, item: Object, sink: Sink) -> Seen:
    """Stream one object into the sink, and go on where a break left it, as long as it is the same
    object.

    Raises: SourceError: the store refuses, the object changed meanwhile, or it does not come whole
        in a few tries.
    """
    import obstore

    store = _store(location, sink.where)
    problem: Exception | None = None
    for _ in range(TRIES):
        options: Any = {"if_match": item.etag} if item.etag else {}
        if sink.size and item.etag:
            options["range"] = {"offset": sink.size}
        else:
            sink.restart()
        try:
            answer = obstore.get(store, item.name, options=options)
            if item.etag and _quoted(answer.meta.get("e_tag")) not in (item.etag, None):
                # a store that passes over If-Match, as some that only speak like Google's do
                raise _changed(sink.where)
            for chunk in answer.stream(min_chunk_size=_MIN_CHUNK):
                sink.write([bytes(chunk)])
                report_progress(
                    f"{sink.size / 1e6:,.0f} of {item.size_bytes / 1e6:,.0f} MB fetched"
                )
            if sink.size == item.size_bytes:
                return Seen(sink.digest, sink.size, item.etag, item.modified)
        except obstore.exceptions.PreconditionError:
            raise _changed(sink.where) from None
        except (obstore.exceptions.GenericError, TimeoutError, ConnectionError) as error:
            problem = error
        except (obstore.exceptions.BaseError, FileNotFoundError, PermissionError) as error:
            raise _refused(error, sink.where) from None
    kind = f" ({type(problem).__name__})" if problem else ""
    raise SourceError(
        f"the object could not be fetched in {TRIES} tries{kind}",
        "Run again later; if it happens again, check the store",
        sink.where,
    )


def _object(meta: Any) -> Object:
    return Object(
        meta["path"], meta["size"], _quoted(meta.get("e_tag")), meta["last_modified"].isoformat()
    )


def _quoted(etag: str | None) -> str | None:
    """The tag as HTTP writes it: Azure leaves its quotes away in lists, and takes If-Match with
    them.
    """
    return etag if etag is None or etag.endswith('"') else f'"{etag}"'


def _path(location: str) -> str:
    # not urlsplit: `?` and `#` may be in an object's name, and in a glob
    return location.split("://", 1)[1].partition("/")[2]


def _store(location: str, where: Where) -> Any:
    try:
        from obstore.exceptions import BaseError
        from obstore.store import AzureStore, GCSStore, S3Store
    except ModuleNotFoundError:
        raise missing_extra("a source in an object store", "cloud", where) from None
    scheme, bucket = location.split(":", 1)[0].lower(), urlsplit(location).netloc
    retries: Any = {"max_retries": 2}
    try:
        if scheme == "s3":
            return S3Store(bucket, retry_config=retries, client_options=_client("AWS"))
        if scheme == "gs":
            return GCSStore(bucket, retry_config=retries, client_options=_client("GOOGLE"))
        return AzureStore(bucket, retry_config=retries, client_options=_client("AZURE"))
    except (BaseError, ValueError) as error:
        raise SourceError(
            f"the store cannot be opened ({type(error).__name__})",
            "Check the bucket's name, and the store's variables in the environment",
            where,
        ) from None


def _client(prefix: str) -> Any:
    """Plain HTTP only where the environment states it, as for a store of one's own on the same
    network.
    """
    import os

    return {
        "allow_http": os.environ.get(f"{prefix}_ALLOW_HTTP", "").lower() in ("1", "true"),
        "connect_timeout": "10s",
        "timeout": "120s",
    }


def _changed(where: Where) -> SourceError:
    return SourceError("the object changed while it was fetched", "Run again", where)


def _refused(error: Exception, where: Where) -> SourceError:
    # of a refused list, obstore gives the status in words alone
    answered = re.search(r"status code: (\d{3})\b", str(error))
    status = "401" if "token request" in str(error) else answered[1] if answered else ""
    if isinstance(error, FileNotFoundError) or status == "404":
        return SourceError(
            "the source does not exist",
            "Deliver it, or correct `location` under assay.source",
            where,
        )
    if (
        isinstance(error, PermissionError)
        or type(error).__name__ in ("PermissionDeniedError", "UnauthenticatedError")
        or status in ("401", "403")
    ):
        return SourceError(
            "the store refuses access",
            "Set the store's credentials in the environment, with the right to list and read",
            where,
        )
    return SourceError(
        f"the store cannot be read ({type(error).__name__})",
        "Check the bucket, the region and the credentials in the environment",
        where,
    )
