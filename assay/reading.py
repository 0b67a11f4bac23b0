"""The installation, read: plain data for the command line to print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from assets.hands.acts import MEASURE
from assets.hands.home import home
from assets.hands.keys import PUBLIC, new_private, public_key
from assets.hands.office import Office
from assets.hands.versions import LATEST
from assets.stages import review
from assets.stages.describe import profile
from assets.stages.diff import KIND, diff
from assets.stages.expire import expire
from assets.stages.reap import reap
from assets.stages.verify import evidence_file
from assets.stages.verify import verify as verify_version
from contracts.errors import EvidenceError
from contracts.licenses import recognise
from contracts.policy import license_policy
from lineage.card import card as data_card
from pipelines.admit.license import Row as LicenseRow
from pipelines.admit.license import matrix
from pipelines.frames import Decision

MADE = ("features", "drift", "model", "index", "data_docs")


def status() -> list[dict[str, Any]]:
    """One entry a data set: versions, newest run, open reviews, triggers."""
    office = Office.open()
    reap(office)
    waiting = [row for row in office.registry.reviews() if review.stands(office, row).decision == "open"]
    return [_status(office, name, sum(row["dataset"] == name for row in waiting)) for name in office.contracts]


def _status(office: Office, name: str, waiting: int) -> dict[str, Any]:
    registry = office.registry
    versions = registry.versions(name)
    newest = registry.version(name)
    drift = registry.derived(name, newest["version"], "drift") if newest else None
    services = {kind: row["version"] for kind in ("model", "index") if (row := registry.in_service(name, kind))}
    return {
        "dataset": name, "versions": [v["version"] for v in versions], "rows": newest["rows"] if newest else None, "published_at": newest["published_at"] if newest else None,
        "references": {ref: each["version"] for ref, each in registry.references(name).items()}, "expired": [v["version"] for v in versions if v["expired_at"]],
        "note": newest["note"] if newest else None, "drift": drift["verdict"] if drift else None, "in_service": services, "waiting_reviews": waiting,
        "last_run": next(({key: run[key] for key in ("run_id", "started_at", "outcome", "details")} for run in registry.runs(name, 1)), None),
        "triggers": [{key: t[key] for key in ("version", "action", "reason", "done_at", "outcome")} for t in registry.triggers(name) if t["action"] != MEASURE],
    }  # fmt: skip


def card(name: str, version: str | None) -> dict[str, Any]:
    """The data card of one version, out of its checked evidence."""
    office = Office.open()
    office.contract(name)
    row = office.version(name, version)
    made = {kind: details for kind in MADE if (details := office.registry.derived(name, row["version"], kind))}
    references = [ref for ref, each in office.registry.references(name).items() if each["version"] == row["version"]]
    changes = office.registry.derived(name, row["version"], KIND)
    return data_card(
        office.statement(row), published_at=row["published_at"], drift=made.pop("drift", None), made=made, references=references,
        expired_at=row["expired_at"], changes=changes["note"] if changes else None,
    )  # fmt: skip


def profiled(name: str, version: str | None) -> dict[str, Any]:
    """What each column of a version holds."""
    office = Office.open()
    office.contract(name)
    return profile(office, name, version)


def compared(name: str, old: str, new: str, key: list[str], sample: int) -> dict[str, Any]:
    """How two versions differ."""
    return diff(Office.open(), name, old, new, key=key, sample=sample)


def references(name: str | None) -> list[dict[str, Any]]:
    """Every reference of one data set, or of all."""
    office = Office.open()
    names = [office.contract(name).name] if name else list(office.contracts)
    keys = ("dataset", "reference", "version", "at", "actor", "reason")
    return [{key: each[key] for key in keys} for one in names for each in office.registry.references(one).values()]


def point(name: str, version: str, reference: str, why: str) -> str:
    """Move a reference, and say where it points."""
    office = Office.open()
    row = office.registry.point(office.contract(name).name, reference, office.version(name, version)["version"], why)
    return f"{reference} of {name} now points to {row['version']}, published on {row['published_at'][:10]}: {row['rows']:,} rows"


def unpoint(name: str, reference: str, why: str) -> str:
    """Delete a reference."""
    office = Office.open()
    office.registry.forget(office.contract(name).name, reference, why)
    return f"{reference} of {name} is deleted"


def rolled_back(name: str, reference: str, to: str | None, why: str) -> str:
    """Move a reference back, and say where it points now."""
    office = Office.open()
    before = office.version(office.contract(name).name, reference)["version"]
    if to is None:
        _, row = office.registry.roll_back(name, reference, why)
    else:
        row = office.registry.point(name, reference, office.version(name, to)["version"], why)
    then = " The next publication moves it on." if reference == LATEST else ""
    return f"{reference} of {name} pointed to {before}, and now points to {row['version']}: {row['rows']:,} rows.{then}"


def expired(names: list[str], *, rehearse: bool) -> list[dict[str, Any]]:
    """The versions that are due to expire, and expire unless it is only rehearsed."""
    office = Office.open()
    wanted = [office.contract(name).name for name in names] or list(office.contracts)
    return [{"dataset": name, "versions": expire(office, name, rehearse=rehearse), "after": office.contract(name).retention.versions} for name in wanted]


def verify(named: tuple[str, str | None] | None, where: Path | None, key: Path | None) -> list[dict[str, Any]]:
    """What was checked of each version. Raises: EvidenceError: the first thing that is not as signed."""
    root = where.resolve() if where else home().root
    home().model_copy(update={"home": root}).check_layout()
    if named is None and where is None:
        Office.open().settle()  # a crash may have left evidence of a registered version to be written
    if named and named[1]:
        evidence_file(root, named[0], named[1])
        wanted = [(named[0], named[1])]
    else:
        found = sorted(file for file in (root / "evidence").glob(f"{named[0] if named else '*'}/*.dsse.json"))
        wanted = [(file.parent.name, file.name.removesuffix(".dsse.json")) for file in found]
        if not wanted and named:
            raise EvidenceError(f"there is no evidence of {named[0]}", "See `assay status` for what is published")
    public = public_key(key or root / "keys" / PUBLIC) if wanted else None
    # the registry remembers which key its installation began with
    if public is not None and key is None and where is None and named is None:
        public = Office.open().keys.public()
    done = [verify_version(root, name, version, public) for name, version in wanted if public]
    results = [{"dataset": v.dataset, "version": v.version, "checked": list(v.checked)} for v in done]
    if named is None and where is None:
        results += _registry_agrees(wanted)
    return results


def _registry_agrees(verified: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """The registry's versions all have evidence, and its audit log is whole."""
    office = Office.open()
    registered = {(name, row["version"]) for name in office.contracts for row in office.registry.versions(name)}
    missing = sorted(registered - set(verified))
    if missing:
        raise EvidenceError(f"{missing[0][0]}@{missing[0][1]} is registered, and its evidence is missing", "Run `assay run`, which writes it again from the registry")
    entries, head = office.registry.check_log()
    return [{"dataset": "audit log", "version": "", "checked": [f"{entries} entries, head {head[:16]}…", f"{len(registered)} registered version(s) have evidence"]}]


def licences(names: list[str]) -> list[dict[str, Any]]:
    """One entry a licence: its terms, and for each purpose the outcome without and with gain; of `names` as well how they were read."""
    policy = license_policy()
    read = {name: recognise(name, policy.names) for name in names}
    asked = [{"asked": name, "how": each.how} for name, each in read.items()]
    rows = matrix(policy, [each.expression or name for name, each in read.items()])
    return [{**how, **_license_row(row)} for how, row in zip(asked or [{}] * len(rows), rows, strict=True)]


def _license_row(row: LicenseRow) -> dict[str, Any]:
    terms = row.terms
    barred = {"no derivatives": not terms.derivatives, "no redistribution": not terms.redistribution}
    said = [*terms.obligations, *(name for name, holds in barred.items() if holds)]
    return {"license": row.license, "use": terms.use, "terms": said, "training": terms.training, "outcomes": row.outcomes, "source": terms.source}


def reviews() -> list[dict[str, Any]]:
    """Every review, the open ones first."""
    office = Office.open()
    return sorted((review.told(office, row) for row in office.registry.reviews()), key=lambda each: each["decision"] != "open")


def reviewed(number: int) -> dict[str, Any]:
    """One review: what is asked, of which digests, and what it waits for."""
    office = Office.open()
    return review.told(office, review.review_of(office, number))


def sign(number: int, decision: Decision, why: str, key: Path) -> str:
    """A signed decision, as text to be handed on."""
    return review.sign(Office.open(), number, decision, why, key)


def submit(number: int, text: str) -> str:
    """Keep a signed decision, and say where the review stands."""
    office = Office.open()
    standing = review.submit(office, number, text)
    name = review.review_of(office, number)["dataset"]
    if standing.decision == "open":
        return f"review {number} of {name}: noted; it still needs an approval of the {' and of the '.join(standing.missing)} level"
    return f"review {number} of {name}: {standing.decision}. " + (
        "Run it again: assay run" + ("" if name in (review.POLICIES, review.STEWARDS) else f" {name}") if standing.decision == "approved" else "Nothing is published"
    )


def steward_key(name: str, file: Path) -> str:
    """A new key for a steward: the private half in the file, the entry for the policy returned."""
    key = new_private(file)
    entry = {"name": name, "levels": ["first", "second"], "key": key}
    return "  - " + json.dumps(entry)
