"""The command line: parse, delegate, print. Exit code 0 done, 1 an answer that is no, 2 wrong usage.

Nothing heavy is imported at the top: `assay --help` and `assay check` answer at once.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from assay import acting, clock, searching, versions
from assay.contracts.errors import AssayError, ConfigurationError, ContractErrors, Where
from assay.options import AsJson, Why

app = typer.Typer(
    name="assay",
    help="Data sets taken in, judged, repaired, published with signed evidence, and watched.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


@app.command()
def run(
    datasets: Annotated[
        list[str] | None, typer.Argument(help="Data sets to run; all of them unless named.")
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            help="The window of the source to publish, or the partition, or FIRST..LAST; what is due unless named."
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help="Where features are made: auto, polars, gpu or ray-gpu; the contract's engine unless named."
        ),
    ] = None,
) -> None:
    """Take data sets the whole way, from source to action.

    Examples: `assay run`, `assay run flights`, `assay run flights --window 2013-jun-aug`, `assay run meters --window 2013-01..2013-12`
    """
    from typing import get_args

    from assay.contracts.features import Wanted
    from assay.running import run_all

    if engine is not None and engine not in get_args(Wanted):
        raise typer.BadParameter(f"choose {', '.join(get_args(Wanted))}", param_hint="--engine")
    if not run_all(datasets or [], window, engine):
        raise typer.Exit(1)


@app.command()
def status(as_json: AsJson = False) -> None:
    """What is published, what waits for a decision, what was triggered. Example: `assay status --json`"""
    from assay.reading import status as read
    from assay.show import show_status

    _print(read(), as_json, show_status)
    _warn_of_clock()


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="NAME or NAME@VERSION")], as_json: AsJson = False
) -> None:
    """A version's data card: source, licence, rows, quality, checks, evidence. Example: `assay show flights@1.0.0`"""
    from assay.reading import card
    from assay.show import show_card

    _print(card(*_named(name)), as_json, show_card)


@app.command()
def verify(
    name: Annotated[
        str | None, typer.Argument(help="NAME@VERSION, or NAME for all its versions")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every version, and the audit log.")] = False,
    home: Annotated[
        Path | None, typer.Option(help="A copy of another installation's evidence and lake.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="The public key that must have signed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Hold versions against their signed evidence, offline. Examples: `assay verify flights@1.0.0`, `assay verify --all`"""
    from assay.show import show_verified
    from assay.verifying import verify as check

    if (name is None) != all_:
        raise typer.BadParameter("give NAME@VERSION, or --all")
    results = check(_named(name) if name else None, home, key)
    _print(results, as_json, show_verified)
    problems = [entry["problem"] for entry in results if "problem" in entry]
    for problem in problems:
        print(f"assay: {problem}", file=sys.stderr)
    if problems:
        raise typer.Exit(1)


@app.command()
def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Contracts, or folders of them; ./contracts, or ASSAY_CONTRACTS, by default."
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            help="A git revision: contracts that changed since are compared, and their new rules tried on published data."
        ),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="text, json, junit, sarif, github, gitlab or markdown; with =FILE into a file. May be given several times.",
            metavar="FORMAT[=FILE]",
        ),
    ] = None,
    fail_on: Annotated[
        str, typer.Option(help="error, warning or never: from what on the exit code is 1.")
    ] = "error",
) -> None:
    """Check contracts: the standard, our settings, the policies, and what a change would break.

    Examples: `assay check contracts/datasets`, `assay check --base origin/main --format github --format sarif=assay.sarif`
    """
    from assay.checking import check_contracts
    from assay.reports import FORMATS, exit_code, render

    wanted = [_format(text, FORMATS) for text in formats or ["text"]]
    if fail_on not in ("error", "warning", "never"):
        raise typer.BadParameter("choose error, warning or never", param_hint="--fail-on")
    outcome = check_contracts(paths or [], base)
    for name, file in wanted:
        if file is None:
            print(render(outcome, name), end="")
        else:
            _write(file, render(outcome, name))
    raise typer.Exit(exit_code(outcome, fail_on))


@app.command()
def new(
    source: Annotated[
        Path, typer.Argument(help="A CSV, Parquet, Arrow or Excel file, or an archive of one.")
    ],
    name: Annotated[
        str | None, typer.Option(help="The data set's name; the file's unless given.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Where the contract goes; ./contracts, or ASSAY_CONTRACTS, by default."),
    ] = None,
    license_: Annotated[
        str | None,
        typer.Option("--license", help="SPDX expression, where no licence lies beside the file."),
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option(help="E-mail of who answers for the data; git's user.email unless given."),
    ] = None,
) -> None:
    """Draft a contract from a file: types, keys, ranges, personal data, licence, each with its reason.

    Example: `assay new inbox/readings.csv --license CC0-1.0`
    """
    from assay.new import new as draft

    draft(source, name=name, output=output, license=license_, owner=owner)


@app.command()
def explain(
    name: Annotated[str, typer.Argument(help="NAME or NAME@VERSION")],
    row: Annotated[
        int, typer.Option(help="The record's number in its source, as where rows are set aside.")
    ],
    as_json: AsJson = False,
) -> None:
    """What each cleaning step did to a row: before and after, and where it went. Example: `assay explain flights@1.0.0 --row 4711`"""
    from assay.cleaning import explained
    from assay.show import show_explained

    _print(explained(*_named(name), row), as_json, show_explained)


@app.command()
def reveal(
    label: Annotated[str, typer.Argument(help="As a message or the evidence shows it.")],
    why: Why,
    as_json: AsJson = False,
) -> None:
    """The name of a delivered file, object or member behind its label; who looked it up, and why, is kept. Example: `assay reveal file-7f3a9c12d4e5.csv --why "ask for it again"`"""
    from assay.names import revealed
    from assay.show import show_revealed

    _print(revealed(label, why), as_json, show_revealed)


clean_app = typer.Typer(
    name="clean",
    help="Cleaning steps, proposed from the data.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
app.add_typer(clean_app)


@clean_app.command("suggest")
def clean_suggest(
    name: Annotated[str, typer.Argument(help="A data set of this installation.")],
    write: Annotated[
        bool,
        typer.Option(
            "--write", help="Put the steps into the contract; without it they are printed."
        ),
    ] = False,
    ask: Annotated[
        Path | None,
        typer.Option(
            "--ask",
            help="Write the 20 rows that show most of how values are written to this CSV file, for you to put right.",
        ),
    ] = None,
    corrected: Annotated[
        Path | None,
        typer.Option(
            "--corrected",
            help="That file, put right: it teaches patterns, and which steps do harm.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Propose cleaning steps from the source's rows, each with its reason. Examples: `assay clean suggest beers --ask rows.csv`, `assay clean suggest beers --corrected rows.csv --write`"""
    from assay.cleaning import suggested, write_rows_to_correct
    from assay.show import show_asked, show_suggested

    if ask:
        _print(write_rows_to_correct(name, ask), as_json, show_asked)
    else:
        _print(suggested(name, write=write, corrected=corrected), as_json, show_suggested)


contracts_app = typer.Typer(
    name="contracts",
    help="Contracts compared, upgraded, and turned into other tools' formats.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
app.add_typer(contracts_app)


@contracts_app.command()
def diff(
    old: Annotated[str, typer.Argument(help="A contract's file, or REVISION:FILE in git.")],
    new: Annotated[str, typer.Argument(help="The contract it became.")],
    as_json: AsJson = False,
) -> None:
    """Classify every change between two contracts, and the version step that they demand. Exit code 1 where one breaks and the version does not say so.

    Examples: `assay contracts diff v1.odcs.yaml v2.odcs.yaml`, `assay contracts diff main:contracts/flights.odcs.yaml contracts/flights.odcs.yaml`
    """
    from assay.contract_commands import compared
    from assay.show import show_comparison

    comparison = compared(old, new)
    _print(comparison, as_json, show_comparison)
    raise typer.Exit(1 if comparison["breaking"] and not comparison["version_suffices"] else 0)


@contracts_app.command()
def upgrade(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Contracts in an older version of ODCS, or Data Contract Specifications."
        ),
    ],
    write: Annotated[
        bool, typer.Option("--write", help="Rewrite the files; without it the result is printed.")
    ] = False,
) -> None:
    """Rewrite contracts as ODCS v3.2.0, keeping comments. Example: `assay contracts upgrade old.odcs.yaml --write`"""
    from assay.contract_commands import upgraded

    for path in paths:
        text, notes = upgraded(path, write=write)
        for note in notes or ["nothing to change"]:
            print(f"{path}: {note}", file=sys.stderr)
        if not write:
            print(text, end="")


@contracts_app.command()
def export(
    name: Annotated[
        str, typer.Argument(help="A data set of this installation, or a contract's file.")
    ],
    to: Annotated[
        str,
        typer.Option(
            help="pandera, polars, great-expectations, jsonschema, croissant, openlineage, evidently or dagster."
        ),
    ],
    output: Annotated[
        Path | None, typer.Option(help="A file; standard output unless given.")
    ] = None,
) -> None:
    """Turn a contract into another tool's format. Example: `assay contracts export flights --to croissant`"""
    from assay.contract_commands import exported

    text = exported(name, to)
    if output is None:
        print(text)
    else:
        _write(output, text)


@contracts_app.command()
def docs(
    name: Annotated[str, typer.Argument(help="NAME or NAME@VERSION")],
    output: Annotated[
        Path | None, typer.Option(help="A folder; below the installation's reports unless given.")
    ] = None,
) -> None:
    """Great Expectations' Data Docs of a published version: the contract's suite, run on it. Example: `assay contracts docs flights`"""
    from assay.contract_commands import documented

    print(documented(*_named(name), output))


@app.command()
def licences(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Licences as somebody wrote them: SPDX expressions, hub tags, addresses; all that have been read unless named."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What each licence allows for each purpose. Examples: `assay licences`, `assay licences cc-by-nc-sa-4.0 "MIT OR ODbL-1.0"`"""
    from assay.reading import licences as read
    from assay.show import show_licences

    _print(read(names or []), as_json, show_licences)


versions.register(app)
acting.register(app)
searching.register(app)
clock.register(app)
review_app = typer.Typer(
    name="review",
    help="What waits for people, and their signed decisions.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
app.add_typer(review_app)
Number = Annotated[int, typer.Argument(help="The review's number, from `assay review list`.")]
KeyFile = Annotated[Path, typer.Option("--key", help="Your private key; it stays where it is.")]


@review_app.command("list")
def review_list(as_json: AsJson = False) -> None:
    """What waits for a decision, and what was decided. Example: `assay review list`"""
    from assay.reading import reviews as read
    from assay.show import show_reviews

    _print(read(), as_json, show_reviews)


@review_app.command("show")
def review_show(number: Number, as_json: AsJson = False) -> None:
    """One review: the reasons, the digest that is decided on, who has decided, what is missing. Example: `assay review show 1`"""
    from assay.reading import reviewed
    from assay.show import show_reviews

    _print(reviewed(number), as_json, lambda data: show_reviews([data]))


@review_app.command("approve")
def review_approve(number: Number, why: Why, key: KeyFile) -> None:
    """Sign an approval and hand it in. Example: `assay review approve 1 --key ann.pem --why "part codes, not phones"`"""
    from assay.reading import sign, submit

    print(submit(number, sign(number, "approve", why, key)))


@review_app.command("reject")
def review_reject(number: Number, why: Why, key: KeyFile) -> None:
    """Sign a rejection and hand it in. Example: `assay review reject 1 --key ann.pem --why "no lawful basis"`"""
    from assay.reading import sign, submit

    print(submit(number, sign(number, "reject", why, key)))


@review_app.command("sign")
def review_sign(
    number: Number,
    decision: Annotated[str, typer.Argument(help="approve or reject")],
    why: Why,
    key: KeyFile,
) -> None:
    """Sign a decision and print it, to be pasted into the job `review` of the web UI. Example: `assay review sign 1 approve --key ann.pem --why "part codes"`"""
    from assay.reading import sign

    match decision:
        case "approve" | "reject":
            print(sign(number, decision, why, key))
        case _:
            raise typer.BadParameter("the decision is approve or reject")


@review_app.command("submit")
def review_submit(
    number: Number, file: Annotated[Path, typer.Argument(help="What `assay review sign` printed.")]
) -> None:
    """Hand in a decision that was signed elsewhere. Example: `assay review submit 1 ann.dsse.json`"""
    from assay.reading import submit

    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"it cannot be read ({type(error).__name__})",
            "Give what `assay review sign` printed",
            Where(file=str(file)),
        ) from None
    print(submit(number, text))


@review_app.command("key")
def review_key(
    name: Annotated[str, typer.Argument(help="Your name, as the policies and contracts write it.")],
    out: Annotated[Path, typer.Option(help="A new file for the private key.")],
) -> None:
    """Make a steward's key, and print the entry for the stewards' policy. Example: `assay review key ann@example.com --out ann.pem`"""
    from assay.reading import steward_key

    print(steward_key(name, out))


quarantine_app = typer.Typer(
    name="quarantine",
    help="Rows that were set aside: looked at, released, discarded, replayed, expired.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
app.add_typer(quarantine_app)
DataSet = Annotated[str, typer.Argument(help="The data set.")]
OfRun = Annotated[
    str | None,
    typer.Option(
        "--run",
        help="The run that set the rows aside, or how its name begins; the newest unless given.",
    ),
]
OfRule = Annotated[
    str | None, typer.Option("--rule", help="The reason: a rule's name, or a cleaning step's.")
]
OfRows = Annotated[
    list[int] | None,
    typer.Option("--row", help="A row's number in its source. May be given several times."),
]


@quarantine_app.command("list")
def quarantine_list(
    name: Annotated[str | None, typer.Argument(help="A data set; all unless named.")] = None,
    as_json: AsJson = False,
) -> None:
    """What waits, per run: rows with their reasons, what was decided, when they expire. Example: `assay quarantine list flights`"""
    from assay.quarantine import listed
    from assay.show_quarantine import show_quarantines

    _print(listed(name), as_json, show_quarantines)


@quarantine_app.command("show")
def quarantine_show(
    name: DataSet,
    run: OfRun = None,
    rule: OfRule = None,
    rows: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """The first rows, with reasons and the values of columns that are not personal. Example: `assay quarantine show flights --rule dep_time_minimum`"""
    from assay.quarantine import shown
    from assay.show_quarantine import show_rows

    _print(shown(name, run, rule, rows), as_json, show_rows)


@quarantine_app.command("release")
def quarantine_release(
    name: DataSet, why: Why, run: OfRun = None, rule: OfRule = None, row: OfRows = None
) -> None:
    """Have the next version hold rows though they broke a rule. Example: `assay quarantine release readings --row 7 --why "meter 12 was calibrated on Monday"`"""
    from assay.quarantine import decided

    print(decided(name, "release", run, rule, row or [], why))


@quarantine_app.command("discard")
def quarantine_discard(
    name: DataSet, why: Why, run: OfRun = None, rule: OfRule = None, row: OfRows = None
) -> None:
    """Remove rows' values for good; they stay counted. Example: `assay quarantine discard readings --rule meter_pattern --why "test meters"`"""
    from assay.quarantine import decided

    print(decided(name, "discard", run, rule, row or [], why))


@quarantine_app.command("replay")
def quarantine_replay(name: DataSet, run: OfRun = None, as_json: AsJson = False) -> None:
    """Which of the rows that wait would pass today's contract, per reason. Example: `assay quarantine replay flights`"""
    from assay.quarantine import replayed
    from assay.show_quarantine import show_replay

    _print(replayed(name, run), as_json, show_replay)


@quarantine_app.command("expire")
def quarantine_expire(
    name: Annotated[str | None, typer.Argument(help="A data set; all unless named.")] = None,
    as_json: AsJson = False,
) -> None:
    """Remove what is older than `retention.quarantine`; every publication does so too. Example: `assay quarantine expire`"""
    from assay.quarantine import expired
    from assay.reading import check_contracts_can_be_read
    from assay.show_quarantine import show_expired

    _print(expired(name), as_json, show_expired)
    if not name:
        check_contracts_can_be_read("none of its quarantines expires")


@app.command()
def demo() -> None:
    """Three data sets, from source to action, on real data. Example: `assay demo`"""
    from assay.demo.tour import tour

    if not tour():
        raise typer.Exit(1)


@app.command()
def doctor(
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Close what is open to other users, and write a lost public key again."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What this machine has for Assay, and what is wrong with the home: files, keys, clock. Exit code 1 where something is. Examples: `assay doctor`, `assay doctor --fix`"""
    from assay.doctor import looked_at
    from assay.show import show_doctor

    parts = looked_at(fix=fix)
    _print(parts, as_json, show_doctor)
    if any(part["wrong"] for part in parts.values()):
        raise typer.Exit(1)


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = 3000,
    link: Annotated[
        bool, typer.Option("--link", help="Print a new sign-in link of the web UI that runs.")
    ] = False,
) -> None:
    """Open the steward's web UI (Dagster) on this installation. It prints a link that signs you in, once.

    Examples: `assay ui --port 3000`, `assay ui --link`
    """
    from assay.assets.io.home import home
    from assay.web.serve import new_link, serve

    root = home().root
    if link:
        print(new_link(root))
    else:
        raise typer.Exit(serve(root, port))


def _named(name: str) -> tuple[str, str | None]:
    dataset, _, version = name.partition("@")
    return dataset, version or None


def _format(text: str, known: Iterable[str]) -> tuple[str, Path | None]:
    """`sarif=FILE` or `text` -> the format, and where it goes."""
    name, _, file = text.partition("=")
    if name not in known:
        raise typer.BadParameter(f"'{name}' is none of {', '.join(known)}", param_hint="--format")
    return name, Path(file) if file else None


def _write(file: Path, text: str) -> None:
    from assay.assets.io.private import users_files

    try:
        # appended where the file is a CI system's summary, which several steps write into
        how = "a" if str(file) == os.environ.get("GITHUB_STEP_SUMMARY") else "w"
        with users_files():
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open(how, encoding="utf-8") as stream:
                stream.write(text)
    except OSError as error:
        raise ConfigurationError(
            f"it cannot be written ({error.strerror})",
            "Name a file this user may write",
            Where(file=str(file)),
        ) from None


def _warn_of_clock() -> None:
    from assay.assets.io.clock_doubts import REMEDY
    from assay.assets.io.installation import Installation

    reason = Installation.open().registry.clock_doubt()
    if reason is not None:
        print(
            f"assay: nothing expires, and no approval is taken: {reason}. {REMEDY}.",
            file=sys.stderr,
        )


def _print(data: Any, as_json: bool, as_text: Any) -> None:
    if as_json:
        print(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        as_text(data)


def main() -> None:
    """Run the command line; every error is one message and an exit code, never a traceback of ours."""
    from assay.assets.io.private import private_files

    with private_files():
        _main()


def _main() -> None:
    try:
        app()
    except AssayError as error:
        problems = error.problems if isinstance(error, ContractErrors) else (error,)
        for problem in problems:
            print(f"assay: {problem}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("assay: stopped; nothing half done is visible", file=sys.stderr)
        sys.exit(130)
    except BaseException as error:  # the last door: whatever comes out of a library
        if isinstance(error, SystemExit) or os.environ.get("ASSAY_DEBUG") == "1":
            raise
        print(f"assay: {_last_words(error)}", file=sys.stderr)
        sys.exit(1)


def _last_words(error: BaseException) -> AssayError:
    """One sentence for an exception that no command expects; where it came from goes into a log."""
    from assay.assets.io.disk import is_read_only
    from assay.assets.io.failures import unexpected
    from assay.assets.io.home import READ_ONLY, READ_ONLY_REMEDY
    from assay.assets.io.home import home as current_home

    try:
        current = current_home()
        if is_read_only(error) and not current.is_writable:
            return ConfigurationError(READ_ONLY, READ_ONLY_REMEDY)
        there = current.root if current.root.is_dir() else None
    except (AssayError, OSError):
        there = None
    return unexpected(there, error)


if __name__ == "__main__":
    main()
