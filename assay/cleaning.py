"""Cleaning, for `assay clean suggest` and `assay explain`: plain data to print, and steps written into a contract.

Belongs here: asking, writing. Stays out: trying steps (assets/services/suggest.py), recomputing a row (assets/services/explain.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assay.pipelines.draft.writer import Flow, WithReason, yaml


def write_rows_to_correct(name: str, to: Path) -> dict[str, Any]:
    """Write the rows that show most of how values are written, for somebody to put right."""
    from assay.assets.io.installation import Installation
    from assay.assets.io.private import write_for_user
    from assay.assets.services.suggest import ask
    from assay.running import console

    installation = Installation.open()
    with console.status("starting…") as status:
        text = ask(
            installation, installation.contract(name), told=lambda doing: status.update(f"{doing}…")
        )
    write_for_user(to, text)
    return {"dataset": name, "asked": str(to)}


def suggested(name: str, *, write: bool, corrected: Path | None = None) -> dict[str, Any]:
    """The steps that a data set's rows speak for, each with its reason, as data and as YAML; put into the contract where `write` says so."""
    from assay.assets.io.home import contract_text
    from assay.assets.io.installation import Installation
    from assay.assets.io.private import write_for_user
    from assay.assets.services.suggest import suggest
    from assay.contracts.edit import with_steps
    from assay.contracts.load import load
    from assay.running import console

    installation = Installation.open()
    contract = installation.contract(name)
    with console.status("starting…") as status:
        found = suggest(
            installation,
            contract,
            told=lambda doing: status.update(f"{doing}…"),
            corrected=corrected,
        )
    steps = [(proposal.as_yaml, proposal.reason) for proposal in found]
    file = Path(contract.file)
    if write and found:
        text = with_steps(
            contract_text(file),
            contract.file,
            steps,
            before=sum(step.phase == "text" for step in contract.cleaning),
        )
        load(text, contract.file)  # what is not a contract any more is not written
        write_for_user(file, text)
    text = (
        yaml({"assay.cleaning": [WithReason(Flow(step), reason) for step, reason in steps]})
        if steps
        else ""
    )
    told = [
        {"step": step, "reason": reason, "cells": dict(one.cells), "doubts": dict(one.doubts)}
        for one, (step, reason) in zip(found, steps, strict=True)
    ]
    return {
        "dataset": contract.name,
        "proposals": told,
        "yaml": text,
        "written": str(file.name) if write and found else None,
    }


def explained(name: str, version: str | None, row: int) -> dict[str, Any]:
    """What each cleaning step did to a row of a version."""
    from assay.assets.io.installation import Installation
    from assay.assets.services.explain import explained as explain

    installation = Installation.open()
    contract = installation.contract(name)
    return explain(installation, contract, installation.version(name, version), row)
