"""Arrow IPC (file, stream, Feather 2) -> rows of text, and whole numbers as they are, that
contracts/types.py reads back exactly.

Belongs here: opening and checking batches. Stays out: how a type is written as text (parquet.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from assay.assets.io.decode.parquet import check_digits, offline, write_rows
from assay.assets.io.decode.task import (
    Decoded,
    Task,
    Undecodable,
    UnreadableRecords,
    repeated_name,
)

_FILE = b"ARROW1"


def decode(task: Task) -> Decoded:
    """Read batch by batch, each checked whole before anything believes its offsets.

    The rows are counted at both ends. Raises: Undecodable: the file cannot be read.
    """
    import duckdb
    import pyarrow as pa

    folder = Path(task.folder)
    counts: list[int] = []
    try:
        with _opened(Path(task.file)) as reader, closing(offline(task)) as connection:
            names = _check_names(reader.schema.names)
            schema = _check_decimals(reader.schema)
            checked_batches = pa.RecordBatchReader.from_batches(
                schema, (batch.cast(schema) for batch in _check_batches(reader, counts))
            )
            connection.register("batches", checked_batches)
            written = write_rows(connection, "batches", folder, task)
    except (pa.ArrowException, duckdb.Error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise Undecodable(
            f"the file cannot be read as Arrow IPC ({type(error).__name__})",
            "Write it again as an Arrow file, stream or Feather 2",
        ) from None
    if written != sum(counts):
        raise Undecodable(
            f"{written:,} of {sum(counts):,} rows were read",
            "Write the file again. Nothing was landed, so that no row is lost",
        )
    UnreadableRecords(folder).close()
    return Decoded(written, 0, tuple(names))


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    import pyarrow as pa

    with pa.OSFile(str(file)) as stream:
        is_file = stream.read(len(_FILE)) == _FILE
        stream.seek(0)
        if is_file:
            with pa.ipc.open_file(stream) as whole:
                yield whole
        else:
            with pa.ipc.open_stream(stream) as flowing:
                yield flowing


def _check_batches(reader: Any, counts: list[int]) -> Iterator[Any]:
    """The batches, each after it was checked; its rows are added to `counts`."""
    import pyarrow as pa

    batches = (
        (reader.get_batch(number) for number in range(reader.num_record_batches))
        if isinstance(reader, pa.RecordBatchFileReader)
        else iter(reader)
    )
    for batch in batches:
        batch.validate(full=True)
        counts.append(batch.num_rows)
        yield batch


def _check_decimals(schema: Any) -> Any:
    """The schema with decimals of 128 bits, the widest that DuckDB reads.

    Raises: Undecodable: a column has decimals of more digits.
    """
    import pyarrow as pa

    fields = []
    for field in schema:
        check_digits(field.name, max(_digits_of(field.type), default=0))
        is_wide = pa.types.is_decimal256(field.type)
        narrow = pa.decimal128(field.type.precision, field.type.scale) if is_wide else field.type
        fields.append(field.with_type(narrow))
    return pa.schema(fields, metadata=schema.metadata)


def _digits_of(kind: Any) -> Iterator[int]:
    """The digits of each decimal in a type."""
    import pyarrow as pa

    if pa.types.is_decimal(kind):
        yield kind.precision
    for index in range(kind.num_fields):
        yield from _digits_of(kind.field(index).type)


def _check_names(names: list[str]) -> list[str]:
    if not names or "" in names:
        raise Undecodable(
            "the file has no columns, or a column without a name",
            "Write it again with a name for each column",
        )
    if twice := repeated_name(names):
        raise Undecodable(f"in the file, {twice}", "Rename one of the columns")
    return names
