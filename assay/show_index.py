"""Passages and builds -> text on a terminal."""

from __future__ import annotations

from typing import Any

from rich.markup import escape

from assay.show import console, table


def show_found(data: dict[str, Any]) -> None:
    """Each passage under the place it comes from, then whom to name."""
    for place, passage in enumerate(data["passages"], start=1):
        under = f" — {passage['heading']}" if passage["heading"] else ""
        console.print(
            f"[bold]{place}. {escape(passage['document'])}[/]{escape(under)}", highlight=False
        )
        console.print(escape(passage["text"]), highlight=False, soft_wrap=True)
        cited = f"{data['dataset']}@{data['version']}, {passage['document']}, characters {passage['start']}–{passage['end']}, passage {passage['passage'][:12]}, {passage['license']}"
        console.print(f"[dim]   {escape(cited)}[/]\n", highlight=False, soft_wrap=True)
    if not data["passages"]:
        console.print("Nothing in the index answers that.")
    if data["attribution"] != "none":
        console.print(f"Name: {escape(data['attribution'])}", highlight=False, soft_wrap=True)
    console.print(
        f"[dim]obligations: {escape(data['obligations'])} · index {data['build']} · trace {data['trace_id']}[/]",
        highlight=False,
        soft_wrap=True,
    )


def show_builds(data: list[dict[str, Any]]) -> None:
    """One line a build."""
    made = table(
        "Indexes",
        "name",
        "build",
        "state",
        "documents",
        "passages",
        "embedded",
        "recall",
        "nDCG",
        "MRR",
        "cited",
        "p95 ms",
        "because",
    )
    for each in data:
        measured = each["measured"]
        numbers = [f"{measured[name]:.3f}" for name in ("recall", "ndcg", "mrr", "citations")]
        made.add_row(
            each["dataset"], each["build"], each["state"], f"{each['documents']:,}", f"{each['chunks']:,}", f"{each['changed']['embedded']:,}", *numbers, f"{measured['p95_ms']:.1f}",
            escape(each["because"] or each["reason"]),
        )  # fmt: skip
    console.print(made if data else "No index has been built.")


def show_rebuilt(data: dict[str, Any]) -> None:
    """What came of a build."""
    changed = data["changed"]
    console.print(
        f"{data['build']}: {data['outcome']}: {escape(data['reason'])}",
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"{data['documents']:,} documents, {data['chunks']:,} passages: {changed['carried']:,} carried over, {changed['embedded']:,} embedded",
        highlight=False,
        soft_wrap=True,
    )
