"""What notebooks and training jobs import.

Belongs here: opening and verifying versions, opening features and models, searching. Stays out:
publishing them. Nothing heavy is imported before it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.contracts.extras import missing_extras_named

if TYPE_CHECKING:
    import polars as pl

    from assay.assets.services.inference import FeatureSet
    from assay.assets.services.predict import Served
    from assay.assets.services.retrieve import Found
    from assay.assets.services.verify import Verified


@missing_extras_named("`assay.open`")
def open(
    name: str, version: str | None = None, *, purpose: str, trace: str | None = None
) -> pl.LazyFrame:
    """Open a published version for a purpose, and have that recorded.

    Args:
        name: the data set; `flights@1.0.0` names a version too.
        version: such as "1.0.0", or a reference such as "prod"; what `latest` points to if None.
        purpose: one of the purposes in the version's evidence, such as "training".
        trace: a W3C `traceparent` or trace id to find the read by (`assay lineage trace`); TRACEPARENT of the
            environment, or a new one, by default.
    Returns: the version's rows. The frame stays on these files, whatever is published meanwhile.
    Raises: AdmissionError: the version was not admitted for this purpose. EvidenceError: there is
        no such version, or its files are not what was signed.

    Example: `assay.open("flights", purpose="training").select("carrier").unique().collect()`
    """
    from assay.assets.io.private import private_files
    from assay.assets.services.read import open_version

    with private_files():
        return open_version(*_with_version(name, version), purpose, trace)


def _with_version(name: str, version: str | None) -> tuple[str, str | None]:
    """The data set and the version, where the name may hold it as on the command line."""
    from assay.contracts.errors import ConfigurationError

    dataset, at, written = name.partition("@")
    if not at:
        return name, version
    if not written or version not in (None, written):
        problem = f"the name '{name}' and the version {version!r} name different versions"
        raise ConfigurationError(problem, f'Write `assay.open("{dataset}", version=…)`')
    return dataset, written


@missing_extras_named("`assay.model`")
def model(name: str, *, purpose: str) -> Served:
    """Open the model in service for a purpose; each prediction is recorded.

    Args:
        name: the model's, or its data set's.
        purpose: one of the purposes that the data it was derived from were admitted for, such as
            "analytics".
    Raises: ActionError: none is in service, or its file is not what was registered.

    Example: `assay.model("flights-late", purpose="analytics").predict(frame)`
    """
    from assay.assets.io.private import private_files
    from assay.assets.services.predict import opened

    with private_files():
        return opened(name, purpose)


@missing_extras_named("`assay.features`")
def features(name: str, version: str | None = None, *, purpose: str = "training") -> FeatureSet:
    """Open the features of a published version for a purpose, and have that recorded.

    Args:
        name, version: as for `open`.
        purpose: a purpose of the version, which the classes of its features must allow too.
    Returns: the feature table as `rows`, and `transform(frame, history=None)`, which gives later
        rows the same features, bit by bit.
    Raises: AdmissionError: not for this purpose. FeatureError: the version has no features.
        EvidenceError: there is no such version, or files are not what was signed.

    Example: `assay.features("flights", "1.0.0").transform(frame)`
    """
    from assay.assets.io.private import private_files
    from assay.assets.services.inference import open_features

    with private_files():
        return open_features(*_with_version(name, version), purpose)


@missing_extras_named("`assay.search`")
def search(
    name: str,
    question: str,
    *,
    purpose: str = "retrieval",
    k: int = 5,
    traceparent: str | None = None,
) -> Found:
    """The passages of a data set's index that answer a question best, and have that recorded.

    Args:
        purpose: one of the purposes in the version's evidence.
        traceparent: of W3C Trace Context, if this belongs to a call that has one.
    Returns: passages, the best first, each with document, place, and licence; the version they
        are in, the attribution to give, and the trace id.
    Raises: AdmissionError: the version was not admitted for this purpose. ActionError: no index is
        in service.

    Example: `assay.search("python_docs", "what does a with statement do").passages[0].text`
    """
    from assay.assets.io.private import private_files
    from assay.assets.services.retrieve import search as found

    with private_files():
        return found(name, question, purpose=purpose, k=k, traceparent=traceparent)


@missing_extras_named("`assay.verify`")
def verify(name: str, version: str) -> Verified:
    """Hold a version's files against its signed evidence, offline.

    Raises: EvidenceError: names what is not as signed.
    """
    from assay.assets.io.home import home
    from assay.assets.io.signing_keys import PUBLIC, public_key
    from assay.assets.services.verify import verify as check

    where = home()
    where.check_layout()
    root = where.root
    return check(root, name, version, public_key(root / "keys" / PUBLIC))
