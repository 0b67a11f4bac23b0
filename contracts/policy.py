"""The licence policy: what each SPDX licence lets one do with data.

Belongs here: reading policies/licenses.yaml. Stays out: deciding (pipelines/admit/license.py).
"""

from __future__ import annotations

from importlib import resources

from pydantic import ValidationError

from contracts.document import parse
from contracts.errors import ContractError, ContractErrors
from contracts.load import digest
from contracts.model import Frozen
from contracts.settings import Purpose


class LicenseTerms(Frozen):
    """One licence, as we read it. `source` says where the reading comes from."""

    uses: tuple[Purpose, ...]
    commercial: bool
    obligations: tuple[str, ...] = ()
    source: str


class LicensePolicy(Frozen):
    """Every licence that somebody has read; what is not here waits for a person."""

    licenses: dict[str, LicenseTerms]
    digest: str


def license_policy(text: str | None = None, file: str = "contracts/policies/licenses.yaml") -> LicensePolicy:
    """The policy that ships with Assay, or the one given as YAML text."""
    if text is None:
        text = resources.files("contracts").joinpath("policies/licenses.yaml").read_text(encoding="utf-8")
    document = parse(text, file)
    try:
        return LicensePolicy(licenses=(document.data or {}).get("licenses"), digest=digest(document.data))
    except ValidationError as errors:
        raise ContractErrors(
            tuple(ContractError(f"{'.'.join(map(str, e['loc']))}: {e['msg']}", "Mend the policy", document.where(e["loc"])) for e in errors.errors(include_url=False))
        ) from None
