"""Drift, models and traces on a terminal."""

from __future__ import annotations

from typing import Any

from rich.markup import escape

from assay.show import console, table


def show_drift(data: dict[str, Any]) -> None:
    """A version's measurements: what has drifted first."""
    made = table(
        f"{data['dataset']}@{data['version']}: {data['verdict']}",
        "column",
        "against",
        "measured by",
        "score",
        "threshold",
        "p",
        "verdict",
        "note",
    )
    for m in sorted(data["measurements"], key=lambda m: {True: 0, None: 1, False: 2}[m["drifted"]]):
        column = m["column"] + (f" [{m['part']}]" if m.get("part") else "")
        verdict = {True: "drifted", False: "stable", None: "—"}[m["drifted"]]
        made.add_row(
            escape(column),
            m.get("against", ""),
            m["method"],
            _number(m["score"]),
            f"{m['threshold']:g}",
            _number(m.get("p_value"), 2),
            verdict,
            escape(m["note"]),
        )
    console.print(made)
    for reason in (*data["reasons"], *data.get("changes", [])):
        console.print(f"  {escape(reason)}", highlight=False)
    show_decisions(data["decisions"])


def show_decisions(data: list[dict[str, Any]]) -> None:
    """Decisions, a line each."""
    made = table("Decisions", "number", "version", "at", "action", "by the rule", "because", "by")
    for each in data:
        made.add_row(
            str(each["id"]),
            each["version"],
            each["at"][:19],
            each["action"],
            each["rule"],
            escape(each["reason"]),
            escape(each["by"]),
        )
    console.print(made if data else "Nothing was decided.")


def show_triggers(data: list[dict[str, Any]]) -> None:
    """What waits."""
    made = table("Waiting", "number", "data set", "action", "for", "since", "tries", "because")
    for each in data:
        made.add_row(
            str(each["id"]),
            f"{each['dataset']}@{each['version']}",
            each["action"],
            each["actor"],
            each["raised_at"][:19],
            str(each["attempts"] or 0),
            escape(each["reason"]),
        )
    console.print(made if data else "Nothing waits.")


def show_replay(data: dict[str, Any]) -> None:
    """A decision made again."""
    console.print(
        f"decision {data['id']} about {data['dataset']}@{data['version']} on {data['at'][:19]}: {data['action']} ({data['rule']})",
        highlight=False,
    )
    console.print(f"  {escape(data['reason'])}", highlight=False)
    again = data["again"]
    console.print(
        "  again: the same"
        if data["same"]
        else f"  again: {again['action']} ({again['rule']}): {escape(again['reason'])}",
        highlight=False,
    )
    console.print(
        "  the measurements it names are those that are kept"
        if data["evidence_is_kept"]
        else "  the measurements it names are NOT those that are kept",
        highlight=False,
    )


def show_models(data: list[dict[str, Any]]) -> None:
    """Versions of models, and the switches."""
    for model in data:
        made = table(
            f"{model['model']} (from {model['dataset']})",
            "version",
            "role",
            "of",
            model["metric"],
            "better by",
            "outcomes",
            "live",
            "refused",
        )
        for each in model["versions"]:
            metrics = each["metrics"]
            better = (
                f"{metrics['better_by']:+.4f} ({metrics['better_by_low']:+.4f} to {metrics['better_by_high']:+.4f})"
                if "better_by" in metrics
                else "—"
            )
            made.add_row(
                each["version"],
                each["role"] or "—",
                each["dataset_version"] or "—",
                _number(metrics.get(model["metric"])),
                better,
                f"{each['outcomes']:,}",
                _number(each["live"]),
                escape(each["refused"] or "—"),
            )
        console.print(made)
        switches = table("Switches", "at", "role", "version", "by", "because")
        for each in model["switches"]:
            switches.add_row(
                each["at"][:19],
                each["role"],
                each["version"] or "nobody",
                each["by"],
                escape(each["reason"]),
            )
        console.print(switches if model["switches"] else "Nobody has served yet.")


def show_compared(data: dict[str, Any]) -> None:
    """Two versions beside each other."""
    first, second = data["versions"]
    found, held = data["held_back"]["evaluation"], data["held_back"]
    made = table(
        f"{data['model']}: version {first} against {second}",
        "on",
        "rows",
        f"{data['metric']} of {first}",
        f"of {second}",
        "better by",
    )
    better = found["better"]
    made.add_row(
        f"held-back rows of {held['dataset_version']}",
        f"{held['rows']:,}",
        _number(found["candidate"]["value"]),
        _number(found["champion"]["value"]),
        f"{better['value']:+.4f} ({better['low']:+.4f} to {better['high']:+.4f})",
    )
    for part in found["slices"]:
        made.add_row(
            escape(part["name"]),
            f"{part['rows']:,}",
            _number(part["candidate"]),
            _number(part["champion"]),
            "",
        )
    if "live" in data:
        live = data["live"]
        made.add_row(
            "outcomes",
            " / ".join(f"{count:,}" for count in live["outcomes"]),
            _number(live["values"][0]),
            _number(live["values"][1]),
            f"{live['better_by']:+.4f} (p {live['p_value']:.2g})",
        )
    console.print(made)


def show_trace(data: dict[str, Any]) -> None:
    """What a trace led to."""
    made = table(f"Trace {data['trace_id']}", "at", "what", "data set", "")
    for each in data["entries"]:
        told = "; ".join(
            f"{key.replace('_', ' ')}: {', '.join(map(str, value)) if isinstance(value, list) else value}"
            for key, value in each["told"].items()
            if value not in (None, [], "")
        )
        made.add_row(
            (each["at"] or "—")[:19],
            each["kind"],
            f"{each['dataset']}@{each['version']}",
            escape(told),
        )
    console.print(made)


def show_users(data: dict[str, Any]) -> None:
    """What was made from a version."""
    made = table(f"{data['dataset']}@{data['version']}", "", "")
    for kind, said in data["made"].items():
        made.add_row(kind, escape(said))
    for role, version in data["serving"].items():
        made.add_row(f"serving as {role}", f"version {version}")
    if data["data_sets"]:
        made.add_row("data sets derived from it", ", ".join(data["data_sets"]))
    console.print(made)
    uses = table("Uses", "at", "kind", "purpose", "by", "trace", "")
    for each in data["uses"]:
        told = ", ".join(
            f"{key.replace('_', ' ')} {each[key]}"
            for key in ("model", "model_version", "rows")
            if key in each
        )
        uses.add_row(
            each["at"][:19],
            each["kind"],
            each["purpose"] + ("" if each["allowed"] else " (refused)"),
            each["by"],
            each["trace_id"] or "—",
            told,
        )
    console.print(uses if data["uses"] else "Nobody has used it.")


def _number(value: float | None, digits: int = 4) -> str:
    return "—" if value is None else f"{value:.{digits}g}"
