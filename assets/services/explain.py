"""Explain a row of a version: recompute it step by step with what cleaning had learned, and report
what each step did to it.

Belongs here: running the steps again on one row. Stays out: what they do (pipelines/clean),
printing. Personal columns are shown as they were treated.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import polars as pl

from assay.assets.io.git import earlier_states
from assay.assets.io.installation import Installation
from assay.assets.io.registry.versions import Version
from assay.assets.stages import fitted
from assay.assets.stages.admit import found_again
from assay.assets.stages.clean_validate import LAYERS
from assay.assets.stages.profile_pass import redacts
from assay.assets.stages.run import Run
from assay.assets.stages.search import FOUND_SCHEMA
from assay.assets.stages.window_rows import treated_rows
from assay.contracts.errors import ContractError, EvidenceError, Where
from assay.contracts.load import digest, lint
from assay.contracts.model import Contract
from assay.pipelines.clean import steps
from assay.pipelines.core.engine import run, run_together
from assay.pipelines.core.fitting import Fitted
from assay.pipelines.core.frames import FLAGGED_BY, REASONS, REMOVED_BY, ROW, SET_ASIDE_BY
from assay.pipelines.publish.naming import Inputs

MOST = 20  # lines of what was learned that are shown


def explained(
    installation: Installation, contract: Contract, row: Version, number: int
) -> dict[str, Any]:
    """What became of a row of a version, and by what.

    Args:
        number: `_row`, the record's number in its source.
    Raises: ContractError: the version was created by another contract than the one that is here.
        EvidenceError: the source has no such row, or what cleaning had learned is not what was
        signed.
    """
    predicate = installation.statement(row)["predicate"]
    where = Where(dataset=contract.name, file=contract.file)
    if predicate["contract"]["digest"] != contract.digest:
        raise _other_contract(contract, row.version, predicate["contract"], where)
    current = Run(installation, contract, row.run_id)
    learned = fitted.of_version(current, predicate["cleaning"])
    treated = _treated_row(current, row, predicate["inputs"], number)
    received = run(treated.select(pl.col(contract.column_names).cast(pl.String)))
    if not received.height:
        raise EvidenceError(
            f"the source of {row.version} has no row {number}",
            "Give a row number of the source, as in `_row` of quarantined rows",
            where,
        )
    walked = _walked(treated, contract, learned)
    return {
        "dataset": contract.name,
        "version": row.version,
        "row": number,
        "received": received.row(0, named=True),
        "steps": walked,
        "learned": _named(learned, contract, number),
        **_end(installation, predicate, number, walked),
    }


def _other_contract(
    contract: Contract, version: str, signed: dict[str, Any], where: Where
) -> ContractError:
    """That a version was published with another state of the contract, and where that state is."""
    states = (
        state
        for state, text in earlier_states(Path(contract.file))
        if (document := lint(text, contract.file).document)
        and digest(document.data) == signed["digest"]
    )
    state = next(states, None)
    remedy = (
        f"Write that state into the file with `git show {state} > {contract.file}`, "
        "and repeat the command"
        if state
        else f"Restore the contract {signed['version']} as it was; git has no commit with it"
    )
    return ContractError(
        f"version {version} was published with another state of the contract", remedy, where
    )


def _treated_row(
    current: Run, row: Version, signed_inputs: dict[str, Any], number: int
) -> pl.LazyFrame:
    """The row as admission handed it on: text, its personal values treated."""
    fields_now = {field.name for field in fields(Inputs)}
    inputs = Inputs(**{key: value for key, value in signed_inputs.items() if key in fields_now})
    redacting = redacts(current.contract)
    found = found_again(current, row) if redacting else pl.DataFrame(schema=FOUND_SCHEMA)
    return treated_rows(current, inputs, found).filter(pl.col(ROW) == number)


def _walked(
    treated: pl.LazyFrame, contract: Contract, learned: tuple[Fitted, ...]
) -> list[dict[str, Any]]:
    """What each step did: the cells it changed, and whether it removed, quarantined or noted the row."""
    stages = list(steps.stages(treated, contract, dict(enumerate(learned))))
    frames = run_together([frame for _, frame in stages])
    shown = {column.name for column in contract.published_columns}
    rows = [frame.row(0, named=True) for frame in frames]
    return [
        _step(name, before, after, shown)
        for (name, _), before, after in zip(stages[1:], rows, rows[1:], strict=False)
    ]


def _step(
    name: str, before: dict[str, Any], after: dict[str, Any], shown: set[str]
) -> dict[str, Any]:
    changes = (
        [
            {"column": c, "before": _plain(before[c]), "after": _plain(after[c])}
            for c in before
            if c in shown and _plain(before[c]) != _plain(after[c])
        ]
        if name != "read"
        else []
    )
    flags = [flag for flag in after[FLAGGED_BY] if flag not in before[FLAGGED_BY]]
    out = (
        "removed"
        if after[REMOVED_BY] == name
        else "set aside"
        if after[SET_ASIDE_BY] == name
        else None
    )
    return {"step": name, "changes": changes, "flags": flags, "out": out}


def _named(learned: tuple[Fitted, ...], contract: Contract, number: int) -> list[dict[str, Any]]:
    """Lines of what the steps learned that name the row: such as the cluster of duplicates it is
    in, and which row was kept.
    """
    lines = []
    for index, step in enumerate(learned):
        for name, table in step.tables.items():
            numbers = [
                column
                for column, kind in table.schema.items()
                if kind.is_integer() and (column == ROW or column.endswith(ROW))
            ]
            if numbers:
                names_row = pl.any_horizontal(pl.col(column) == number for column in numbers)
                label = steps.label(index, contract.cleaning[index])
                lines += [
                    {"step": label, "table": name, **line}
                    for line in table.filter(names_row).head(MOST).iter_rows(named=True)
                ]
    return lines


def _end(
    installation: Installation, predicate: dict[str, Any], number: int, walked: list[dict[str, Any]]
) -> dict[str, Any]:
    """Where the row went: published, or into one of the layers, with the reasons that are written
    there.
    """
    reasons: list[str] = []
    for layer, why in LAYERS.items():
        file = installation.home.lake / predicate["set_aside"][layer]["path"]
        if layer == "flagged" or not file.exists():
            continue
        at = run(pl.scan_parquet(file).filter(pl.col(ROW) == number).select(why))
        if at.height:
            reasons = list(at[why].item()) if why == REASONS else [at[why].item()]
            return {
                "outcome": "removed" if layer == "removed" else "quarantined",
                "reasons": reasons,
            }
    left = next((step for step in walked if step["out"]), None)
    if left:
        return {
            "outcome": "removed" if left["out"] == "removed" else "quarantined",
            "reasons": [left["step"]],
        }
    return {"outcome": "published", "reasons": []}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
