"""Tables that a user gives at the command line: rows to score, what came true.

Belongs here: reading them, and saying in one sentence why not. Stays out: what they must hold
(assets/stages), sources of data sets (assets/io/sources).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from assay.contracts.errors import ActionError, Where, shown


def read_table(file: Path, null_values: Sequence[str] = ()) -> pl.DataFrame:
    """A CSV as text, or a Parquet file, that a user gives.

    Raises: ActionError: it is not there, cannot be read, or has no rows.
    """
    where, remedy = Where(file=shown(file)), "Give a CSV or Parquet file"
    try:
        frame = (
            pl.read_parquet(file)
            if file.suffix == ".parquet"
            else pl.read_csv(file, infer_schema=False, null_values=list(null_values))
        )
    except FileNotFoundError:
        raise ActionError("there is no such file", "Check the path", where) from None
    except pl.exceptions.NoDataError:
        raise ActionError("the file is empty", remedy, where) from None
    except OSError as error:
        raise ActionError(
            f"the file cannot be read ({error.strerror or type(error).__name__})", remedy, where
        ) from None
    except pl.exceptions.PolarsError:
        problem = (
            "the file is not Parquet"
            if file.suffix == ".parquet"
            else "the file is not CSV, or a row has more cells than the header"
        )
        raise ActionError(problem, remedy, where) from None
    if frame.is_empty():
        raise ActionError("the file has no rows", "Use a file with rows", where)
    return frame
