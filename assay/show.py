"""Plain data -> tables on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

console = Console()


def table(title: str, *headers: str) -> Table:
    """An empty table in the house's style."""
    made = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="bold",
        show_edge=False,
        pad_edge=False,
        show_header=any(headers),
        box=SIMPLE_HEAD,
    )
    for header in headers:
        made.add_column(header, overflow="fold", no_wrap=header in ("name", "rows"))
    return made


def show_status(data: list[dict[str, Any]]) -> None:
    """One line a data set, then what was triggered."""
    made = table(
        "Data sets", "name", "latest", "rows", "published", "drift", "in service", "waiting"
    )
    for entry in data:
        others = ", ".join(
            f"{ref} {version}" for ref, version in entry["references"].items() if ref != "latest"
        )
        newest = (entry["references"].get("latest") or "—") + (f" ({others})" if others else "")
        services = (
            ", ".join(f"{kind} of {version}" for kind, version in entry["in_service"].items())
            or "—"
        )
        waiting = f"{entry['waiting_reviews']} review(s)" if entry["waiting_reviews"] else "—"
        made.add_row(
            entry["dataset"],
            newest,
            _number(entry["rows"]),
            (entry["published_at"] or "—")[:10],
            entry["drift"] or "—",
            services,
            waiting,
        )
    console.print(made)
    triggers = [(entry["dataset"], trigger) for entry in data for trigger in entry["triggers"]]
    if triggers:
        acts = table("Triggered", "", "", "")
        for name, trigger in triggers:
            outcome = trigger["outcome"] or {"outcome": "due", "reason": trigger["reason"]}
            acts.add_row(
                f"{name}@{trigger['version']}",
                trigger["action"],
                escape(f"{outcome['outcome']}: {outcome['reason']}"),
            )
        console.print(acts)
    late = [(entry["dataset"], delivery) for entry in data for delivery in entry["late"]]
    if late:
        waits = table("Not delivered yet", "name", "what", "since", "tries", "next try", "because")
        for name, delivery in late:
            since, then = delivery["since"][:19], delivery["next_try"][:19]
            waits.add_row(
                name,
                delivery["kind"],
                since,
                str(delivery["tries"]),
                then,
                escape(delivery["reason"]),
            )
        console.print(waits)
    for entry in data:
        if "overdue" in entry:
            console.print(_overdue(entry["dataset"], entry["overdue"]), soft_wrap=True)


def _overdue(name: str, alarm: dict[str, Any]) -> str:
    """The alarm about deliveries that wait, as a line."""
    since = f", late since {alarm['late_since'][:10]}" if alarm["late_since"] else ""
    return (
        f"[red]✗[/] {escape(name)}: {alarm['entries']:,} deliveries wait{since}. "
        "Repair what the reasons above name; they are tried again by every run"
    )


def show_references(data: list[dict[str, Any]]) -> None:
    """Where every reference points."""
    made = table("References", "name", "reference", "version", "moved", "by", "because")
    for each in data:
        made.add_row(
            each["dataset"],
            each["reference"],
            each["version"],
            each["at"][:19],
            each["actor"] or "—",
            escape(each["reason"]),
        )
    console.print(made if data else "Nothing has been published.")


def show_expired(data: list[dict[str, Any]], *, rehearsed: bool) -> None:
    """Which versions expired, or would."""
    for each in data:
        listed = ", ".join(each["versions"]) or "none"
        console.print(
            f"{each['dataset']}: {listed} {'would expire' if rehearsed else 'expired'} (kept for {each['after']})",
            highlight=False,
        )


def show_profile(data: dict[str, Any]) -> None:
    """The columns of a version, a row each."""
    made = table(
        f"{data['dataset']} {data['version']}: {data['rows']:,} rows",
        "column",
        "type",
        "missing",
        "different",
        "from",
        "quartiles",
        "to",
        "mean ± std",
        "shape",
        "mostly",
    )
    for column in data["columns"]:
        spread = f" ± {column['std']:,.4g}" if column["std"] is not None else ""
        shortest, usual, longest = column["lengths"] or (None, None, None)
        lengths = (
            ""
            if shortest is None
            else f"{shortest} characters"
            if shortest == longest
            else f"{shortest} to {longest} characters, {usual:g} on average"
        )
        often = [
            f"{escape(text[:20])} {share:.0%}"
            for text, share in (column["top"] or column["patterns"])[:3]
            if share >= 0.005
        ]
        made.add_row(
            escape(column["name"]), column["type"], f"{column['missing'] / max(data['rows'], 1):.1%}", _number(column["different"]), _render_value(column["low"]),
            " ".join(_render_value(value) for value in column["quartiles"]), _render_value(column["high"]), f"{column['mean']:,.4g}{spread}" if column["mean"] is not None else lengths,
            _bars(column["histogram"]), ", ".join(often),
        )  # fmt: skip
    console.print(made)
    if data["sample_rows"] < data["rows"]:
        console.print(
            f"Quartiles, shape and what is mostly there are of {data['sample_rows']:,} rows; many different values are estimated.",
            style="dim",
        )
    if data["hidden"]:
        console.print(
            f"No values are shown of {', '.join(data['hidden'])}: they may be personal.",
            style="dim",
        )


def _render_value(value: Any) -> str:
    return (
        ""
        if value is None
        else f"{value:,.4g}"
        if isinstance(value, float)
        else f"{value:,}"
        if isinstance(value, int)
        else escape(str(value))
    )


def _bars(shares: Sequence[float]) -> str:
    """A histogram of one line."""
    return (
        "".join("▁▂▃▄▅▆▇█"[min(int(8 * share / max(shares)), 7)] for share in shares)
        if any(shares)
        else ""
    )


def show_diff(data: dict[str, Any]) -> None:
    """Two versions beside each other."""
    name, old, new = data["dataset"], data["old"], data["new"]
    rows = table(f"{name}: {old} → {new}", "", "")
    by = (
        f"by {', '.join(data['key'])}"
        if data["key"]
        else "as whole rows" + ("; the key repeats" if data["key_repeats"] else "")
    )
    rows.add_row("rows", f"{data['rows'][0]:,} → {data['rows'][1]:,}; compared {by}")
    for kind in ("added", "removed", "changed"):
        rows.add_row(kind, _number(data[kind]))
    for column, count in data["changed_columns"].items():
        rows.add_row(f"  {column}", f"differs in {count:,}")
    rows.add_row("schema", "; ".join(data["schema"]) or "the same")
    if any(data["partitions"].values()):
        rows.add_row(
            "partitions",
            "; ".join(
                f"{kind} {', '.join(names)}" for kind, names in data["partitions"].items() if names
            ),
        )
    if data["shared_files"]:
        rows.add_row("files", f"{data['shared_files']} shared")
    console.print(rows)
    for kind, keys in data["keys"].items():
        for key in keys:
            console.print(
                f"  {kind}: "
                + escape(", ".join(f"{column} {value}" for column, value in key.items())),
                highlight=False,
            )
    _show_statistics(data["statistics"])


def _show_statistics(sides: dict[str, dict[str, dict[str, Any]]]) -> None:
    if not sides:
        return
    made = table("Statistics", "column", "measure", "old", "new")
    for column in dict.fromkeys([*sides["old"], *sides["new"]]):
        measures = [side.get(column, {}) for side in sides.values()]
        for measure in dict.fromkeys([*measures[0], *measures[1]]):
            values = [side.get(measure) for side in measures]
            made.add_row(
                column,
                measure,
                *(
                    "—"
                    if value is None
                    else f"{value:,g}"
                    if isinstance(value, int | float)
                    else str(value)
                    for value in values
                ),
            )
    console.print(made)


def show_comparison(data: dict[str, Any]) -> None:
    """Every change between two contracts, those that break first, and the version they demand."""
    if not data["changes"]:
        console.print("Nothing changed.")
        return
    made = table("Changes", "step", "what", "breaks", "")
    for change in sorted(
        data["changes"], key=lambda change: ("error", "warning", "info").index(change["severity"])
    ):
        who = [who for who in ("producer", "consumer") if change[who] == "breaking"]
        made.add_row(
            change["level"],
            escape(change["text"]),
            " and ".join(f"{each}s" for each in who) or "—",
            "" if change["direction"] == "neither" else change["direction"],
        )
    console.print(made)
    says = "says so" if data["version_suffices"] else "does not say so"
    console.print(
        f"They demand {data['demanded_version']} after {data['old_version']}; the version {data['new_version']} {says}.",
        highlight=False,
    )


def show_card(data: dict[str, Any]) -> None:
    """A data card."""
    lic, rows, quality = data["license"], data["rows"], data["quality"]
    facts = table(f"{data['dataset']}@{data['version']}", "", "")
    window = f", window {data['source']['window']}" if data["source"]["window"] else ""
    upstream = data["source"].get("upstream")
    window += f", which was {upstream['dataset']}@{upstream['version']}" if upstream else ""
    for name, value in (
        ("published", f"{data['published_at'][:19]} UTC — {data['note']}"), ("changes", data["changes"]),
        ("references", ", ".join(data["references"]) or "none"), *([("expired", data["expired_at"][:10])] if data["expired_at"] else []), ("source", f"{data['source']['location']}{window}"), ("source sha256", data["source"]["sha256"]),
        ("licence", f"{lic['expression']}: {lic['verdict']} for {', '.join(lic['purposes'])} (decided by {lic['decided_by']})"), ("holder", lic["holder"]),
        ("obligations", ", ".join(lic["obligations"]) or "none"), ("attribution", "\n".join(lic["attribution"]) or "none"), ("sensitivity", f"{data['sensitivity']}, region {data['region']}, lawful basis: {data['lawful_basis']}"),
        ("owners", ", ".join(data["owners"])), ("contract", f"{data['contract']['file']} {data['contract']['version']}"), ("sampling", data["sampling"]),
        ("rows", f"{rows['rows_in']:,} in = {rows['published']:,} published + {rows['quarantined']:,} quarantined + {rows['removed']:,} removed"),
        ("quality", ", ".join(f"{name.removesuffix('_pct').replace('_', ' ')} {value}{' %' if name.endswith('_pct') and value != 'unknown' else ''}" for name, value in quality.items())),
        ("retention", ", ".join(f"{layer} {days}" for layer, days in data["retention"].items() if days)), ("made of it", ", ".join(data["made"]) or "nothing yet"),
        ("data docs", data["made"].get("data_docs", {}).get("index") or f"not made: assay contracts docs {data['dataset']}@{data['version']}"),
        ("evidence", f"{data['evidence']['file']} — check it: assay verify {data['dataset']}@{data['version']}"), ("trace id", data["trace_id"]),
    ):  # fmt: skip
        facts.add_row(name, escape(str(value)))
    console.print(facts)
    _show_partitions(data["partitions"])
    _show_left(rows)
    _show_quality(data)
    if data["personal_data"]:
        personal = table("Personal data found", "column", "kind", "rows", "declared", "treatment")
        for finding in data["personal_data"]:
            personal.add_row(
                finding["column"],
                finding["kind"],
                _number(finding["rows"]),
                "yes" if finding["declared"] else "no",
                finding["treatment"],
            )
        console.print(personal)
    _show_checks(data["checks"])


def _show_partitions(partitions: dict[str, dict[str, Any]]) -> None:
    if partitions:
        made = table(
            "Partitions", "name", "rows in", "published", "quarantined", "removed", "made in"
        )
        for name, rows in partitions.items():
            made.add_row(
                name,
                *(
                    _number(rows[count])
                    for count in ("rows_in", "published", "quarantined", "removed")
                ),
                rows["made_in"],
            )
        console.print(made)


def _show_left(rows: dict[str, Any]) -> None:
    left = [
        *(("removed", step, count) for step, count in rows["removed_by"].items()),
        *(("quarantined", rule, count) for rule, count in rows["quarantined_by"].items()),
    ]
    if left:
        gone = table("Rows that left", "", "by", "rows")
        for kind, by, count in left:
            gone.add_row(kind, by, _number(count))
        console.print(gone)


def _show_quality(data: dict[str, Any]) -> None:
    """Groups and their outcome, and which decisions about quarantined rows the version carries."""
    if data["bias"]:
        groups = table("Groups", "column", "group", "rows", "share %", "outcome %")
        for each in data["bias"]:
            for group in each["groups"]:
                outcome = "unknown" if group["label_pct"] is None else f"{group['label_pct']:g}"
                groups.add_row(
                    each["column"],
                    escape(str(group["value"])),
                    _number(group["rows"]),
                    f"{group['share_pct']:g}",
                    outcome,
                )
            if each["suppressed"]:
                groups.add_row(
                    each["column"],
                    f"({each['suppressed']} groups too small to be named)",
                    "",
                    "",
                    "",
                )
        console.print(groups)
    if data["quarantine_decisions"]:
        decisions = table("Decisions about quarantined rows", "", "of", "rows", "by", "why")
        for each in data["quarantine_decisions"]:
            decisions.add_row(
                each["action"],
                escape(each["rule"] or f"rows {', '.join(map(str, each['chosen']))}"),
                _number(each["taken"]),
                each["by"],
                escape(each["why"]),
            )
        console.print(decisions)


def _show_checks(checks: list[dict[str, Any]]) -> None:
    broken = [check for check in checks if check["failing"] or check["passed"] is not True]
    made = table(
        f"Checks: {sum(c['passed'] is True for c in checks)} of {len(checks)} passed"
        + (", with rows set aside or reported:" if broken else ""),
        "rule",
        "severity",
        "failing rows",
        "allowed",
        "passed",
    )
    for check in broken:
        made.add_row(
            check["rule"],
            check["severity"],
            _number(check["failing"]),
            check["bound"],
            {True: "yes", False: "no", None: "unknown"}[check["passed"]],
        )
    console.print(made)


def show_licences(data: list[dict[str, Any]]) -> None:
    """A line a licence: its terms, then what each purpose comes to, without and with gain."""
    purposes = list(data[0]["outcomes"]) if data else []
    made = table(
        "Licences: what each lets one do; per purpose without gain / for gain",
        "licence",
        "use",
        "terms",
        *purposes,
    )
    marks = {"allowed": "[green]✓[/]", "review": "[yellow]?[/]", "refused": "[red]✗[/]"}
    for entry in data:
        made.add_row(
            entry["license"],
            entry["use"],
            ", ".join(entry["terms"]) or "—",
            *(
                " ".join(marks[outcome] for outcome in entry["outcomes"][purpose].values())
                for purpose in purposes
            ),
        )
    console.print(made)
    console.print("✓ allowed   ? a person decides   ✗ refused", highlight=False)
    for entry in data:
        if "asked" in entry:
            console.print(
                f"\n'{entry['asked']}' is read as {entry['license']} ({entry['how']}). {entry['source']}",
                highlight=False,
                markup=False,
            )


def show_verified(data: list[dict[str, Any]]) -> None:
    """What was checked of each version, and what is not as signed."""
    for entry in data:
        mark = "[bold red]✗[/]" if "problem" in entry else "[bold green]✓[/]"
        version = f"@{entry['version']}" if entry["version"] else ""
        console.print(f"{mark} [bold]{entry['dataset']}{version}[/]")
        for line in entry["checked"]:
            console.print(f"    {escape(line)}")
    good = [entry for entry in data if "problem" not in entry]
    if len(good) == len(data):
        console.print(f"{len(data)} verified, nothing differs from its evidence.")
    else:
        console.print(f"{len(good)} verified, {len(data) - len(good)} are not as signed.")


def show_reviews(data: list[dict[str, Any]]) -> None:
    """Reviews, the open ones first."""
    made = table("Reviews", "number", "data set", "reasons", "digest", "decision", "by")
    for entry in data:
        waits = (
            f"open: needs the {' and the '.join(entry['missing'])} level"
            if entry["decision"] == "open"
            else entry["decision"]
        )
        by = "\n".join(
            f"{each['approver']} ({each['decision']}, until {each['expires_at'][:10]}): {each['why']}"
            for each in entry["by"]
        )
        made.add_row(
            str(entry["id"]),
            entry["dataset"],
            escape("; ".join(entry["reasons"])),
            entry["input_key"][:16],
            waits,
            escape(by) or "—",
        )
    console.print(made if data else "No review was ever needed.")


def show_asked(data: dict[str, Any]) -> None:
    """Where the rows are, and what to do with them."""
    console.print(
        f"{escape(data['asked'])}: put the cells right, leave '_row' and an apostrophe before =, +, - or @ as they are, then: assay clean suggest {data['dataset']} --corrected {escape(data['asked'])}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip


def show_suggested(data: dict[str, Any]) -> None:
    """Steps to paste, or where they were put."""
    if not data["proposals"]:
        console.print("The rows speak for no step that is not there.")
    elif data["written"]:
        console.print(
            f"{len(data['proposals'])} steps put into {escape(data['written'])}. Read them, then: assay check, assay run {data['dataset']}",
            highlight=False,
            soft_wrap=True,
        )
    else:
        console.print(escape(data["yaml"]), end="", highlight=False, soft_wrap=True)


def show_explained(data: dict[str, Any]) -> None:
    """A row on its way: what each step did to it, and where it ended."""
    made = table(
        f"Row {data['row']} of {data['dataset']}@{data['version']}",
        "step",
        "column",
        "before",
        "after",
    )
    for step in data["steps"]:
        for change in step["changes"]:
            made.add_row(
                step["step"],
                escape(change["column"]),
                escape(_cell(change["before"])),
                escape(_cell(change["after"])),
            )
        for note in [*step["flags"], *([step["out"]] if step["out"] else [])]:
            made.add_row(step["step"], "", "", escape(note))
    console.print(made if made.row_count else "No step changed it.")
    for line in data["learned"]:
        console.print(
            escape(", ".join(f"{key} {value}" for key, value in line.items())), highlight=False
        )
    console.print(
        f"{data['outcome']}{': ' + '; '.join(data['reasons']) if data['reasons'] else ''}",
        highlight=False,
        markup=False,
    )


def _cell(value: object) -> str:
    return "—" if value is None else str(value)


def _number(value: int | None) -> str:
    return "—" if value is None else f"{value:,}"


def show_revealed(data: dict[str, Any]) -> None:
    """The name behind a label, in one line."""
    console.print(escape(data["name"]), highlight=False, soft_wrap=True)


def show_doctor(data: dict[str, dict[str, Any]]) -> None:
    """A line a part."""
    for name, part in data.items():
        mark = "[red]✗[/]" if part["wrong"] else "[green]✓[/]" if part["there"] else "[dim]–[/]"
        console.print(f"{mark} {name:<9} {escape(part['said'])}", highlight=False, soft_wrap=True)
