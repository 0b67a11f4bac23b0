"""The reference pages that are lists: findings, metrics, environment, evidence."""

from __future__ import annotations

import ast
import inspect
import json
import re
from pathlib import Path
from typing import Any, get_args

from tools.site.tables import code, meanings, table

ROOT = Path(__file__).parents[2]
ROOMS = ("contracts", "pipelines", "lineage", "assets", "assay")
ID = re.compile(r"(?:assay|odcs|yaml|policy|change|check|backtest)\.[a-z_]+")
NO_IDS = re.compile(
    r"assay\.(?:source|license|privacy|bias|features|drift|retrain|index|retention|cleaning|approvals"
    r"|contracts|demo|home|null_values|pipelines|progress|rejected|tolerance_pct|trigger|visitor)"
)
"""Properties, packages and tags, which look like ids."""
SWITCHES_OF_TESTS = {"ASSAY_CRASH_AT", "ASSAY_STOP_AT"}


def strings_in_code() -> set[str]:
    """Every text constant of the rooms."""
    files = (file for room in ROOMS for file in (ROOT / room).rglob("*.py"))
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text("utf-8"))))
    return {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def check_ids() -> set[str]:
    """The ids of findings that the code names."""
    return {text for text in strings_in_code() if ID.fullmatch(text) and not NO_IDS.fullmatch(text)}


def findings() -> str:
    """Render the page of findings and exceptions."""
    rows = ((code(id), text) for id, text in meanings("checks").items())
    return f"""# Findings and errors
`assay check` gives each finding an id, the same in every format. A finding about a rule has the
rule's name as its id, such as `dep_delay_minimum`. In Python, every error has the attributes
`where`, `problem` and `remedy`.

## Findings of `assay check`

{table(("id", "meaning"), rows)}

## Exceptions

{table(("class in `assay.contracts.errors`", "meaning"), _exceptions())}
"""


def _exceptions() -> list[tuple[str, str]]:
    from assay.contracts import errors

    classes = [value for value in vars(errors).values() if inspect.isclass(value)]
    return [
        (code(kind.__name__), (inspect.getdoc(kind) or "").split("\n\n")[0])
        for kind in classes
        if issubclass(kind, errors.AssayError)
    ]


def metrics() -> str:
    """Render the page of metrics."""
    from assay.contracts.settings.drift import Method
    from assay.contracts.settings.index import Index
    from assay.contracts.settings.retraining import Retrain

    texts = meanings("metrics")
    rows = ((code(name), text["unit"], text["meaning"]) for name, text in texts.items())
    others = [
        ("`assay.drift`, `method`", _choices(Method, "method")),
        ("`assay.retrain`, `metric`", _choices(Retrain, "metric")),
        ("`assay.index`, `metric`", _choices(Index, "metric")),
    ]
    return f"""# Metrics
[Quality](../how-to/quality.md) describes how a contract sets a bound on a metric.

## Quality of a version

{table(("metric", "unit", "meaning"), rows)}

## Drift, models and indexes

{table(("setting", "values"), others)}
"""


def metric_names() -> tuple[str, ...]:
    """The quality metrics that the code knows."""
    from assay.contracts.model import MetricName

    return get_args(MetricName)


def _choices(model: Any, field: str) -> str:
    return ", ".join(code(value) for value in get_args(model.model_fields[field].annotation))


def variables() -> dict[str, str]:
    """The variables of the settings classes, with their defaults."""
    from assay.assets.io.home import Home
    from assay.assets.io.sources.child import Limits
    from assay.web.provider import ProviderSettings

    return {
        f"{model.model_config.get('env_prefix', '')}{name}".upper(): _default(field)
        for model in (Home, Limits, ProviderSettings)
        for name, field in model.model_fields.items()
    }


def _default(field: Any) -> str:
    value = field.default
    is_plain = isinstance(value, int | Path) and not Path(str(value)).is_absolute()
    return code(value) if is_plain else ""


def environment() -> str:
    """Render the page of environment variables."""
    texts = meanings("environment")
    defaults = variables()
    settings = ((code(n), defaults.get(n, ""), t) for n, t in texts["settings"].items())
    others = ((code(name), text) for name, text in texts["others"].items())
    return f"""# Environment
A wrong value stops Assay with one sentence; it is never replaced by a default.

{table(("variable", "default", "meaning"), settings)}

Assay also reads:

{table(("variable", "meaning"), others)}

Object stores read their own variables: [Connect sources](../how-to/connect-sources.md).
"""


def renamed() -> str:
    """Render the page of renamed code."""
    parts = meanings("renamed")
    head = ("before", "now")
    return f"""# Renamed code
Modules moved under the one package `assay`: `contracts.…` became `assay.contracts.…`, and so on.

## Modules

{table(head, parts["modules"])}

## Classes and functions

{table(head, parts["classes_and_functions"])}
"""


def evidence_keys() -> list[str]:
    """The keys of a version's evidence, as the tests keep them."""
    golden = json.loads((ROOT / "tests" / "golden" / "surface.json").read_text("utf-8"))
    keys: list[str] = golden["keys of evidence"]
    return keys


def evidence() -> str:
    """Render the page of the evidence's schema."""
    keys = evidence_keys()
    parts = meanings("evidence")
    rows = (
        (code(part), text, ", ".join(code(key) for key in _below(part, keys)))
        for part, text in parts.items()
    )
    return f"""# Evidence
Each version has a signed statement, `evidence/NAME/VERSION.dsse.json` in the home. It is an
[in-toto statement](https://github.com/in-toto/attestation) in a
[DSSE envelope](https://github.com/secure-systems-lab/dsse), signed with Ed25519. The subjects are
the published files with their SHA-256 digests. `assay verify` checks it, and so can every tool that
reads in-toto.

The predicate has these parts:

{table(("key", "holds", "keys below it"), rows)}
"""


def _below(part: str, keys: list[str]) -> list[str]:
    names = (key.split(".")[1] for key in keys if key.startswith(f"{part}."))
    return list(dict.fromkeys(names))
