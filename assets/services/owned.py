"""Whether the person who works may decide about a data set: the owners that its contract names."""

from __future__ import annotations

from assay.assets.io.installation import Installation
from assay.assets.stages.review_state import ruling
from assay.contracts.errors import AdmissionError, Where
from assay.contracts.stewards import role_includes


def check_owner(installation: Installation, name: str) -> None:
    """Check that a steward owns the data set; operators and administrators may act on every one.

    A role counts as far as the stewards' file and the adopted one both give it. Who has no entry is
    a service, or the account that owns the home.

    Raises: AdmissionError: the person is a steward of other data sets.
    """
    actor = installation.registry.actor
    persons = [policy.by_name(actor) for policy in (installation.stewards, ruling(installation))]
    is_limited = any(
        person is not None and not role_includes(person.role, "operator") for person in persons
    )
    if is_limited and actor not in installation.contract(name).owners:
        raise AdmissionError(
            f"{actor} does not own this data set",
            "Have one of the owners that its contract names, or an operator, do it",
            Where(dataset=name),
        )
