"""What every asset of a data set shares: key, group, owners, tags, partitions, window."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg

from assay.assets.dagster.run_config import plain_schema, read_settings
from assay.contracts.model import Contract
from assay.pipelines.publish.partitions import describe_partitions, name_format


class Window(dg.Config):
    """Which part of the source to publish; the next one due by default."""

    window: str | None = None


WINDOW = plain_schema(Window)


def partitions_of(contract: Contract) -> dict[str, Any]:
    """What makes an asset partitioned, where its data set is: the partitions, and how a backfill
    goes over them.
    """
    wanted = contract.source.partitions
    if wanted is None:
        return {}
    kind = dg.MonthlyPartitionsDefinition if wanted.by == "month" else dg.DailyPartitionsDefinition
    definition = kind(
        start_date=wanted.start,
        end_date=wanted.end,
        fmt=name_format(wanted),
        timezone="UTC",
        end_offset=0 if wanted.end else 1,
    )
    together = wanted.backfill == "together"
    return {
        "partitions_def": definition,
        "backfill_policy": dg.BackfillPolicy.single_run()
        if together
        else dg.BackfillPolicy.multi_run(),
    }


def follows(contract: Contract) -> dg.AutomationCondition[Any]:
    """When what is derived from versions runs by itself: after each; of a partitioned data set also
    while some partitions have not come yet.
    """
    eager = dg.AutomationCondition.eager()
    return (
        eager.without(~dg.AutomationCondition.any_deps_missing())
        if contract.source.partitions
        else eager
    )


def window_of(context: dg.AssetExecutionContext) -> str | None:
    """What the run is to take: the partitions that Dagster names, or what its configuration states."""
    if context.has_partition_key or context.has_partition_key_range:
        return describe_partitions(context.partition_keys)
    return read_settings(Window, context.op_execution_context).window


def key(contract: Contract, stage: str) -> dg.AssetKey:
    """The asset of one stage."""
    return dg.AssetKey([contract.name, stage])


def owners(contract: Contract) -> list[str]:
    """Owners that Dagster takes: teams, and e-mail addresses of the public network.

    One of another form stays with the contract and the evidence.
    """
    return [owner for owner in contract.owners if _taken(owner)]


def _taken(owner: str) -> bool:
    """Dagster's own judgement: what it refuses ends the load of every data set."""
    try:
        dg.AssetSpec("owned", owners=[owner])
    except dg.DagsterInvalidDefinitionError:
        return False
    return True


def tags(contract: Contract) -> dict[str, str]:
    """Licence, sensitivity and region as Dagster tags: at most 63 characters of its alphabet."""
    facts = {
        "license": contract.license.expression,
        "sensitivity": contract.privacy.sensitivity,
        "region": contract.privacy.region,
        "origin": contract.source.origin,
    }
    return {
        f"assay/{name}": re.sub(r"[^A-Za-z0-9_.-]", "-", value)[:63].strip("-_.")
        for name, value in facts.items()
    }


def asset(
    contract: Contract,
    stage: str,
    after: Sequence[str] = (),
    beyond: Sequence[dg.AssetKey] = (),
    **more: Any,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """`@dg.asset` with what every asset of a data set states.

    `after` names the stages before it, `beyond` assets of other data sets.
    """
    shared: dict[str, Any] = {
        "key": key(contract, stage),
        "deps": [*(key(contract, before) for before in after), *beyond],
        "group_name": contract.name,
        "owners": owners(contract),
        "tags": tags(contract),
    }
    decorator: Callable[[Callable[..., Any]], dg.AssetsDefinition] = dg.asset(**shared, **more)
    return decorator
