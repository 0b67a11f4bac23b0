"""The verdict on a run's licence: of the contract, of the text next to the source, and of the data
it is derived from.
"""

from __future__ import annotations

import re
from dataclasses import replace

from assay.assets.io.license_files import licenses_beside
from assay.assets.io.opt_out_files import opt_outs_beside
from assay.assets.io.sources import locate, seen_at
from assay.assets.stages.ingest import names_of
from assay.assets.stages.run import Run
from assay.assets.stages.verdict_json import verdict_of
from assay.contracts.errors import AdmissionError, Where
from assay.contracts.location import ELSEWHERE, kind_of
from assay.pipelines.admit.license import held_against, judge_license, looser, no_freer
from assay.pipelines.admit.opt_outs import OptOut, judge_opt_outs, tdm_reservation
from assay.pipelines.core.frames import LicenseVerdict
from assay.pipelines.publish.naming import Inputs

_LICENCE_TEXT = re.compile(
    r"(licen[cs]e|copying|readme|source|datapackage|citation|croissant|\.zenodo|metadata|terms|tdmrep|manifest|index)"
    r"(\.(md|txt|rst|html|json|cff|pdf))?",
    re.IGNORECASE,
)


def license_verdict(run: Run, inputs: Inputs) -> LicenseVerdict:
    """Judge the contract's licence with all that bears on it.

    Raises: AdmissionError: data that it is derived from have not been published.
    """
    return _with_inherited_terms(run, _declared_and_detected(run), inputs)


def _declared_and_detected(run: Run) -> LicenseVerdict:
    """The verdict on the contract's licence, compared with the text that is next to the source, if
    there is one.
    """
    wanted, policy, today = (
        run.contract.license,
        run.installation.policy,
        run.installation.clock().date(),
    )
    verdict = judge_license(wanted, policy, today)
    kind = kind_of(run.contract.source.location)
    if kind == "http":
        return judge_opt_outs(verdict, wanted, _reserved_by_server(run))
    if kind in ELSEWHERE:
        return verdict  # nothing is next to it here
    path = locate(run.contract, run.installation.home.roots)
    root = next(
        (root for root in run.installation.home.roots if path.is_relative_to(root)), None
    )  # a package's files have their licence elsewhere
    for witness in licenses_beside(path, root, policy) if root else ():
        if witness.read is not None:
            evidence = _shown_text(run, witness.evidence, path.name)
            verdict = held_against(verdict, wanted, witness.read, evidence, policy)
    reserved = [
        (_shown_text(run, name, path.name), opt_out)
        for name, opt_out in (opt_outs_beside(path, root) if root else ())
    ]
    return judge_opt_outs(verdict, wanted, reserved)


def _reserved_by_server(run: Run) -> list[tuple[str, OptOut]]:
    """What the headers of the response reserved when the address was fetched last."""
    installation = run.installation
    salt = installation.keys.derived("addresses")
    seen = seen_at(run.contract.source.location, installation.home.roots, salt)
    if seen is None or seen.reservation is None:
        return []
    opt_out = tdm_reservation(seen.reservation, seen.reservation_terms)
    return [("the response's headers", opt_out)] if opt_out else []


def _shown_text(run: Run, name: str, beside: str) -> str:
    """The name of a licence's text as it may be shown: as it is where every such text has it, or
    the contract names the file it belongs to.
    """
    is_named = kind_of(run.contract.source.location) != "glob" and name == f"{beside}.license"
    if is_named or _LICENCE_TEXT.fullmatch(name):
        return name
    return names_of(run).labels("file", [name])[0]


def _with_inherited_terms(run: Run, verdict: LicenseVerdict, inputs: Inputs) -> LicenseVerdict:
    """The verdict with what the data it was derived from demand: their obligations, and a refusal
    where the contract is looser than they are.
    """
    installation, contract = run.installation, run.contract
    inherited = _inherited_verdicts(run, inputs)
    expressions = {name: terms.expression for name, terms in inherited.items()}
    reasons = looser(contract.license, expressions, installation.policy)
    if reasons:
        return replace(verdict, outcome="refused", reasons=reasons)
    if contract.source.upstream:
        name = contract.source.upstream[0]
        verdict = no_freer(
            verdict,
            contract.license,
            expressions[name],
            f"{name}@{inputs.related[name]}",
            installation.policy,
            installation.clock().date(),
        )
    terms_of_all = [verdict, *inherited.values()]
    return replace(
        verdict,
        obligations=tuple(dict.fromkeys(o for terms in terms_of_all for o in terms.obligations)),
        attribution=tuple(dict.fromkeys(a for terms in terms_of_all for a in terms.attribution)),
    )


def _inherited_verdicts(run: Run, inputs: Inputs) -> dict[str, LicenseVerdict]:
    """The licence verdict of each data set that the data are derived from, by its name.

    Raises: AdmissionError: one of them has not been published, so it is not known what it demands.
    """
    installation, contract = run.installation, run.contract
    verdicts: dict[str, LicenseVerdict] = {}
    for name in contract.source.inherits:
        if name not in inputs.related:
            raise AdmissionError(
                f"it is derived from {name}, which has not been published",
                f"Publish it first: assay run {name}",
                Where(file=contract.file),
            )
        row = installation.version(name, inputs.related[name])
        verdicts[name] = verdict_of(installation, row).license
    return verdicts
