"""The installation, read: plain data for the command line to print."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.assets.io.contract_folder import problem_of, readable
from assay.assets.io.home import HOW_TO_GET_ONE
from assay.assets.io.installation import Installation
from assay.assets.io.registry.derived import CHANGES
from assay.assets.io.registry.outbox import OutboxEntry, Overdue
from assay.assets.io.registry.references import LATEST
from assay.assets.io.registry.triggers import MEASURE
from assay.assets.io.signing_keys import new_private
from assay.assets.services import acts, review
from assay.assets.services.lost_runs import reap
from assay.assets.services.opening import open_installation
from assay.assets.stages import review_state
from assay.contracts.errors import ConfigurationError, ContractErrors
from assay.contracts.model import Contract
from assay.lineage.card import card as data_card
from assay.pipelines.admit.acts import ActKind
from assay.pipelines.core.frames import Decision

NO_STEWARD = "No steward is named yet: see `assay review key --help`."
MADE = ("features", "drift", "model", "index", "data_docs")


def status() -> list[dict[str, Any]]:
    """One entry a data set: versions, newest run, open reviews, triggers, and what is wrong with its contract."""
    installation = open_installation()
    reap(installation)
    published = installation.registry.versions.names()
    if not published:
        installation.home.contract_paths()  # reports that there is no contract either
    waiting = [
        row
        for row in installation.registry.reviews.all()
        if review_state.stands(installation, row).decision == "open"
    ]
    late = [entry for entry in installation.registry.outbox.pending() if entry.tries]
    overdue = {alarm.dataset: alarm for alarm in installation.registry.outbox.overdue()}
    contracts = installation.contracts
    late_names = [entry.dataset for entry in late]
    names = dict.fromkeys([*contracts, *published, *late_names, *overdue])
    return [
        {
            **_status(installation, name, sum(row.dataset == name for row in waiting)),
            "late": [_late(entry) for entry in late if entry.dataset == name],
            "contract_problem": _contract_problem(contracts, name, name in published),
            **(_alarm(overdue[name]) if name in overdue else {}),
        }
        for name in names
    ]


def _contract_problem(
    contracts: Mapping[str, Contract], name: str, is_published: bool
) -> dict[str, Any] | None:
    """What keeps a data set from being run: its contract cannot be read, or it has none any more."""
    if name not in contracts:
        missing = {"place": "", "problem": "no contract describes it", "remedy": HOW_TO_GET_ONE}
        return missing if is_published else None
    error = problem_of(contracts, name)
    if error is None:
        return None
    further = len(error.problems) - 1 if isinstance(error, ContractErrors) else 0
    more = f" (and {further} more: assay check)" if further else ""
    return {
        "place": str(error.where),
        "problem": f"{error.problem}{more}",
        "remedy": error.remedy,
    }


def check_contracts_can_be_read(consequence: str) -> None:
    """Whether every contract can be read, for a command that went over all data sets.

    Raises: ConfigurationError: names those that cannot, with the consequence for them.
    """
    contracts = Installation.open().contracts
    broken = [name for name in contracts if problem_of(contracts, name)]
    if broken:
        raise ConfigurationError(
            f"the contract of {', '.join(broken)} cannot be read, so {consequence}",
            "See `assay check`, and fix it",
        )


def _alarm(overdue: Overdue) -> dict[str, Any]:
    """That too much waits in the outbox, or for too long."""
    return {"overdue": {"entries": overdue.entries, "late_since": overdue.late_since}}


def _late(entry: OutboxEntry) -> dict[str, Any]:
    """What could not be delivered, why, and when it is tried again."""
    return {
        "kind": entry.kind,
        "since": entry.failed_since or "unknown",
        "tries": entry.tries,
        "next_try": entry.not_before,
        "error": entry.error or "unknown",
        "reason": entry.reason or "recorded by an earlier release, without a reason",
    }


def _status(installation: Installation, name: str, waiting: int) -> dict[str, Any]:
    registry = installation.registry
    versions = registry.versions.all(name)
    newest = registry.references.resolve(name)
    drift = registry.derived.get(name, newest.version, "drift") if newest else None
    services = {
        kind: row.version for kind in ("model", "index") if (row := registry.in_service(name, kind))
    }
    return {
        "dataset": name, "versions": [v.version for v in versions], "rows": newest.rows if newest else None, "published_at": newest.published_at if newest else None,
        "references": {ref: each.version for ref, each in registry.references.all(name).items()}, "expired": [v.version for v in versions if v.expired_at],
        "note": newest.note if newest else None, "drift": drift["verdict"] if drift else None, "in_service": services, "waiting_reviews": waiting,
        "last_run": next(({key: getattr(run, key) for key in ("run_id", "started_at", "outcome", "details")} for run in registry.runs.newest(name, 1)), None),
        "triggers": [{key: getattr(t, key) for key in ("version", "action", "reason", "done_at", "outcome")} for t in registry.triggers.all(name) if t.action != MEASURE],
    }  # fmt: skip


def card(name: str, version: str | None) -> dict[str, Any]:
    """The data card of one version, out of its checked evidence."""
    installation = Installation.open()
    installation.dataset(name)
    row = installation.version(name, version)
    made = {
        kind: details
        for kind in MADE
        if (details := installation.registry.derived.get(name, row.version, kind))
    }
    references = [
        ref
        for ref, each in installation.registry.references.all(name).items()
        if each.version == row.version
    ]
    changes = installation.registry.derived.get(name, row.version, CHANGES)
    return data_card(
        installation.statement(row), published_at=row.published_at, drift=made.pop("drift", None), made=made, references=references,
        expired_at=row.expired_at, changes=changes["note"] if changes else None,
    )  # fmt: skip


def versions(name: str) -> list[dict[str, Any]]:
    """The versions of a data set, the newest first, with the references that point to each."""
    installation = Installation.open()
    registry = installation.registry
    references = registry.references.all(installation.dataset(name)).items()
    return [
        {
            "dataset": name,
            "version": row.version,
            "rows": row.rows,
            "published_at": row.published_at,
            "contract_version": row.contract_version,
            "references": [ref for ref, target in references if target.version == row.version],
            "note": row.note,
            "expired_at": row.expired_at,
        }
        for row in reversed(registry.versions.all(name))
    ]


def profiled(name: str, version: str | None) -> dict[str, Any]:
    """What each column of a version holds."""
    installation = Installation.open()
    installation.dataset(name)
    from assay.assets.services.describe import profile

    return profile(installation, name, version)


def compared(name: str, old: str, new: str, key: list[str], sample: int) -> dict[str, Any]:
    """How two versions differ."""
    from assay.assets.services.diff import diff

    return diff(Installation.open(), name, old, new, key=key, sample=sample)


def references(name: str | None) -> list[dict[str, Any]]:
    """Every reference of one data set, or of all."""
    installation = open_installation()
    published = installation.registry.versions.names()
    names = [installation.dataset(name)] if name else [*installation.contracts, *published]
    keys = ("dataset", "reference", "version", "at", "actor", "reason")
    return [
        {key: getattr(each, key) for key in keys}
        for dataset in dict.fromkeys(names)
        for each in installation.registry.references.all(dataset).values()
    ]


def point(name: str, version: str, reference: str, why: str, key: Path | None = None) -> str:
    """Move a reference, or request it where that needs a signature, and describe the result."""
    installation = open_installation()
    dataset = installation.dataset(name)
    number = installation.version(name, version).version
    if acts.is_signed_for(installation, dataset, reference):
        wish = {"reference": reference, "to": number}
        return request(installation, dataset, "move reference", wish, why, key)
    _check_unsigned(reference, key)
    row = installation.registry.references.point(dataset, reference, number, why)
    return f"{reference} of {name} now points to {row.version}, published on {row.published_at[:10]}: {row.rows:,} rows"


def unpoint(name: str, reference: str, why: str, key: Path | None = None) -> str:
    """Delete a reference, or request it where that needs a signature."""
    installation = open_installation()
    dataset = installation.dataset(name)
    if acts.is_signed_for(installation, dataset, reference):
        wish = {"reference": reference, "to": None}
        return request(installation, dataset, "move reference", wish, why, key)
    _check_unsigned(reference, key)
    installation.registry.references.delete(dataset, reference, why)
    return f"{reference} of {name} is deleted"


def rolled_back(
    name: str, reference: str, to: str | None, why: str, key: Path | None = None
) -> str:
    """Move a reference back, or request it where that needs a signature, and describe the result."""
    installation = open_installation()
    dataset, references = installation.dataset(name), installation.registry.references
    before = installation.version(dataset, reference).version
    if to is None:
        _, target = references.plan_roll_back(dataset, reference)
    else:
        target = installation.version(name, to).version
    if acts.is_signed_for(installation, dataset, reference):
        wish = {"reference": reference, "to": target}
        return request(installation, dataset, "move reference", wish, why, key)
    _check_unsigned(reference, key)
    row = references.point(dataset, reference, target, why)
    then = " The next publication moves it forward." if reference == LATEST else ""
    return f"{reference} of {name} pointed to {before}, and now points to {row.version}: {row.rows:,} rows.{then}"


def _check_unsigned(reference: str, key: Path | None) -> None:
    if key is not None:
        raise ConfigurationError(f"'{reference}' moves without a signature", "Leave out --key")


def request(
    installation: Installation,
    dataset: str,
    kind: ActKind,
    wish: dict[str, Any],
    why: str,
    key: Path | None,
) -> str:
    """Request an act that persons sign, and describe what follows.

    Args:
        key: the private key of the person who requests it, to sign it too.
    """
    number = acts.request(installation, dataset, kind, wish, why).review_id
    if key is not None:
        return submit(number, sign(number, "approve", why, key))
    described = reviewed(number)
    levels = _needed(described["missing"])
    stewards = "" if review_state.ruling(installation).stewards else f" {NO_STEWARD}"
    return (
        f"request {number}: {described['reasons'][0]}. It needs {levels}:"
        f' assay review approve {number} --key KEYFILE --why "…"{stewards}'
    )


def _needed(missing: Sequence[str]) -> str:
    return f"an approval of the {' and of the '.join(missing)} level"


def expired(names: list[str], *, dry_run: bool) -> list[dict[str, Any]]:
    """The versions that are due to expire, and expire unless this is a dry run.

    Where no name is given, a data set whose contract cannot be read is left out.
    """
    from assay.assets.stages.expire import expire

    installation = Installation.open()
    wanted = names or list(readable(installation.contracts))
    return [
        {
            "dataset": name,
            "versions": expire(installation, name, dry_run=dry_run, thorough=True),
            "after": installation.contract(name).retention.versions,
        }
        for name in wanted
    ]


def reviews() -> list[dict[str, Any]]:
    """Every review, the open ones first."""
    installation = open_installation()
    return sorted(
        (
            review_state.describe_review(installation, row)
            for row in installation.registry.reviews.all()
        ),
        key=lambda each: each["decision"] != "open",
    )


def reviewed(number: int) -> dict[str, Any]:
    """One review: what is asked, of which digests, and what it waits for."""
    installation = open_installation()
    return review_state.describe_review(installation, review.review_of(installation, number))


def sign(number: int, decision: Decision, why: str, key: Path) -> str:
    """A signed decision, as text to be handed on."""
    return review.sign(open_installation(), number, decision, why, key)


def submit(number: int, text: str) -> str:
    """Keep a signed decision, and say the state of the review."""
    installation = open_installation()
    standing = review.submit(installation, number, text)
    name = review.review_of(installation, number).dataset
    act = installation.registry.acts.of_review(number)
    subject = f"{'request' if act else 'review'} {number} of {name}"
    if act is not None and act.note:
        return f"{subject}: {standing.decision}. {act.note}"
    if standing.decision == "open":
        return f"{subject}: recorded; it still needs {_needed(standing.missing)}"
    return f"{subject}: {standing.decision}. " + (
        "Run it again: assay run"
        + ("" if name in (review_state.POLICIES, review_state.STEWARDS) else f" {name}")
        if standing.decision == "approved"
        else "Nothing is published"
    )


def steward_key(name: str, file: Path) -> str:
    """A new key for a steward: the private half in the file, the entry for the policy returned."""
    key = new_private(file)
    entry = {"name": name, "levels": ["first", "second"], "key": key}
    return "  - " + json.dumps(entry)
