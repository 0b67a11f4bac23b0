"""The asset `drift`."""

from typing import Any

import dagster as dg

from assets import metadata
from assets.common import asset, follows
from assets.resources import OfficeResource, failures_told
from assets.stages.drift import measure_drift, report_file
from contracts.model import Contract


def drift(contract: Contract) -> dg.AssetsDefinition:
    """The newest version against the one before: a verdict, scores that plot, a report."""

    @asset(
        contract,
        "drift",
        after=["published"],
        kinds={"evidently", "polars"},
        automation_condition=follows(contract),
        description="How far the newest version has moved from the one before.",
    )
    def _drift(context: dg.AssetExecutionContext, office: OfficeResource) -> dg.MaterializeResult:  # type: ignore[type-arg]  # no value
        run = office.run(contract, context.run.run_id)
        with failures_told():
            done = measure_drift(run)
        details = done.details
        rows = [
            (
                m["column"] + (f" [{m['part']}]" if m["part"] else ""),
                m["against"],
                m["method"],
                _score(m["score"]),
                f"{m['threshold']:g}",
                {True: "**drifted**", False: "stable", None: "unknown"}[m["drifted"]],
                m["note"],
            )
            for m in details["measurements"]
        ]
        # one comparison keeps its plain name, so that it plots on over the versions; what is in a slice or against something else says so
        scores: dict[str, Any] = {}
        for m in details["measurements"]:
            plain = f"{m['method']}/{m['column']}" + (f" [{m['part']}]" if m["part"] else "")
            if m["score"] is not None:
                scores[plain if plain not in scores else f"{plain} against {m['against']}"] = float(m["score"])
        report = report_file(run.office.home.root, contract.name, done.version)
        return dg.MaterializeResult(
            metadata={
                "verdict": details["verdict"], "version": done.version, "reference": details["reference"] or "none", "decision": done.decision["action"], "decision_number": int(done.decision.get("id", 0)), "evidence": done.decision["situation"]["evidence"],
                "because": metadata.markdown(["reason"], [(reason,) for reason in (*details["reasons"], details["intent"]["reason"])]),
                "measurements": metadata.markdown(["column", "against", "method", "score", "threshold", "verdict", "note"], rows), **scores,
                **({"report": dg.MetadataValue.path(report)} if report.exists() else {}),
            },
        )  # fmt: skip

    return _drift


def _score(score: float | None) -> str:
    return "—" if score is None else f"{score:.4f}"
