"""Write Great Expectations' Data Docs of a published table: HTML that people who know them expect.

Belongs here: the sample, the run, the pages on the disk. Stays out: which expectations
(contracts/exports/great_expectations.py), any gate: these pages decide nothing.
Great Expectations reads neither Polars nor DuckDB (1.24, 2026-11), hence the sample in pandas. No
page ever shows a value: not even of a column that is not personal.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from assay.assets.io.installation import Installation
from assay.contracts.errors import ContractError, Where
from assay.contracts.exports.great_expectations import great_expectations, library
from assay.contracts.model import Contract
from assay.pipelines.core.engine import run
from assay.pipelines.core.sample import drawn

NO_VALUES = {
    "result_format": "SUMMARY",
    "partial_unexpected_count": 0,
    "include_unexpected_rows": False,
}
"""Counts and percentages of what is wrong, without the values that are wrong."""
ROW_COUNT = "expect_table_row_count_to_be_between"
_PAGES = ("expectations", "validations", "profiling", "static")
_NUMBER = "_number"


def document(
    installation: Installation,
    name: str,
    version: str | None,
    folder: Path | None = None,
    *,
    sample_rows: int = 50_000,
    seed: int = 0,
) -> dict[str, Any]:
    """Make the pages of a published version below the installation's reports (or in `folder`), and
    remember where they are.

    Raises: EvidenceError: there is no such version, or it is not what was signed. ContractError: a
        rule could not be evaluated.
    """
    contract, row = installation.contract(name), installation.version(name, version)
    index = data_docs(
        contract,
        installation.scan(row),
        folder or pages_of(installation, name, row.version),
        sample_rows=sample_rows,
        seed=seed,
    )
    details = {
        "version": row.version,
        "index": str(index.resolve()),
        "rows": min(row.rows, sample_rows),
        "of_rows": row.rows,
        "seed": seed,
    }
    if folder is None:
        installation.registry.derived.keep(name, row.version, "data_docs", details)
    return details


def pages_of(installation: Installation, name: str, version: str) -> Path:
    """The folder of a version's pages."""
    return installation.home.root / "reports" / name / version / "data_docs"


def data_docs(
    contract: Contract,
    frame: pl.LazyFrame,
    folder: Path,
    *,
    sample_rows: int = 50_000,
    seed: int = 0,
) -> Path:
    """Judge a sample of a version with the contract's suite, and write the pages.

    Args:
        frame: a version's rows; only the columns that the suite names are read, at most
            `sample_rows` rows of them, the same for the same seed.
        folder: where the pages go, and nothing else does; pages of an earlier run there are
            replaced.
    Returns: the file to open. Nothing is sent anywhere; the pages take their style sheets and
        scripts from the network when a browser shows them.
    Raises: ContractError: Great Expectations could not evaluate a rule; no page is written.
    """
    suite = json.loads(great_expectations(contract))
    rows = run(frame.select(pl.len())).item()
    if rows > sample_rows:
        suite = _without_row_counts(suite, f"the pages show {sample_rows:,} of {rows:,} rows")
    named = {
        column
        for expectation in suite["expectations"]
        for column in _columns(expectation["kwargs"])
    }
    columns = [column.name for column in contract.published_columns if column.name in named]
    return _pages(contract, suite, _sample(frame.select(columns), rows, sample_rows, seed), folder)


def _without_row_counts(suite: dict[str, Any], reason: str) -> dict[str, Any]:
    """What speaks of the whole table cannot be asked of a sample."""
    kept = [
        expectation for expectation in suite["expectations"] if expectation["type"] != ROW_COUNT
    ]
    left_out = {
        expectation["meta"]["assay_rule"]: reason
        for expectation in suite["expectations"]
        if expectation["type"] == ROW_COUNT
    }
    return {
        **suite,
        "expectations": kept,
        "meta": {**suite["meta"], "left_out": {**suite["meta"]["left_out"], **left_out}},
    }


def _columns(words: Mapping[str, Any]) -> Iterator[str]:
    yield from words.get("column_list", ())
    if "column" in words:
        yield words["column"]


def _sample(frame: pl.LazyFrame, rows: int, sample_rows: int, seed: int) -> pl.DataFrame:
    """`sample_rows` rows in their own order, drawn by a seeded hash of the row's number."""
    if rows <= sample_rows:
        return run(frame)
    return run(
        drawn(frame.with_row_index(_NUMBER), sample_rows, rows, seed, by=_NUMBER).drop(_NUMBER)
    )


def _pages(contract: Contract, suite: dict[str, Any], sample: pl.DataFrame, folder: Path) -> Path:
    context = _context()
    _judge(context, contract, suite, sample)
    for earlier in _PAGES:
        shutil.rmtree(folder / earlier, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.resolve())}
    site = {
        "class_name": "SiteBuilder",
        "store_backend": store,
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "show_how_to_buttons": False,
    }
    context.add_data_docs_site("assay", site)
    context.build_data_docs(site_names=["assay"])
    return folder / "index.html"


def _context() -> Any:
    """A context of Great Expectations that keeps nothing, sends nothing and prints nothing."""
    gx = library()
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    settings = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )
    return gx.get_context(mode="ephemeral", project_config=settings)


def _judge(context: Any, contract: Contract, suite: dict[str, Any], sample: pl.DataFrame) -> None:
    """Judge the sample in the context. Raises: ContractError: a rule could not be evaluated."""
    gx = library()
    table = (
        context.data_sources.add_pandas("assay")
        .add_dataframe_asset(contract.name)
        .add_batch_definition_whole_dataframe("sample")
    )
    validation = context.validation_definitions.add(
        gx.ValidationDefinition(
            name=contract.name, data=table, suite=context.suites.add(gx.ExpectationSuite(**suite))
        )
    )
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(
            name=contract.name, validation_definitions=[validation], result_format=NO_VALUES
        )
    )
    # Arrow-backed: plain pandas turns integers with nulls into fractions
    result = checkpoint.run(
        batch_parameters={"dataframe": sample.to_pandas(use_pyarrow_extension_array=True)}
    )
    for outcome in next(iter(result.run_results.values())).results:
        _refuse_trouble(contract, outcome)


def _refuse_trouble(contract: Contract, outcome: Any) -> None:
    """An exception's text may quote values, and its page would show it: name the rule, and stop."""
    exceptions = outcome.exception_info or {}
    if exceptions.get("raised_exception") or any(
        isinstance(entry, dict) and entry.get("raised_exception") for entry in exceptions.values()
    ):
        rule = outcome.expectation_config.meta["assay_rule"]
        place = Where(file=contract.file, dataset=contract.name, rule=rule)
        raise ContractError(
            "Great Expectations could not evaluate the rule",
            "Report this as a bug in Assay, with the rule; the version itself is not affected",
            place,
            "assay.export",
        )
