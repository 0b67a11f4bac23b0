"""Arrow IPC (file, stream, Feather 2) -> rows of text, and whole numbers as they are, that contracts/types.py reads back exactly.

Belongs here: opening and checking batches. Stays out: how a type is written as text (tables.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from assay.assets.io.decode.landing import (
    ROWS,
    Decoded,
    Task,
    Undecodable,
    UnreadableRecords,
    repeated_name,
)
from assay.assets.io.decode.parquet import OFFLINE, as_landed, name_literal, text_literal

_FILE = b"ARROW1"


def decode(task: Task) -> Decoded:
    """Batch by batch, each checked whole before anything believes its offsets; the rows counted at both ends. Raises: Undecodable: it cannot be read."""
    import duckdb
    import pyarrow as pa

    folder, null_values = Path(task.folder), tuple(task.options.get("null_values", ()))
    counted: list[int] = []
    settings: dict[str, Any] = {
        "preserve_insertion_order": "true",
        "memory_limit": f"{task.memory_mb // 2}MiB",
        "temp_directory": "",
        **OFFLINE,
    }
    try:
        with (
            _opened(Path(task.file)) as reader,
            closing(duckdb.connect(config=settings)) as connection,
        ):
            names = _named(reader.schema.names)
            connection.execute("SET TimeZone = 'UTC'")
            connection.register(
                "batches",
                pa.RecordBatchReader.from_batches(reader.schema, _checked(reader, counted)),
            )
            described = connection.execute("DESCRIBE SELECT * FROM batches").fetchall()
            cells = ", ".join(
                f"{as_landed(name, kind, null_values)} AS {name_literal(name)}"
                for name, kind, *_ in described
            )
            (written,) = connection.execute(
                f"COPY (SELECT {cells} FROM batches) TO {text_literal(str(folder / ROWS))} (FORMAT parquet, COMPRESSION lz4_raw)"  # noqa: S608  # names are quoted, the path is a literal
            ).fetchall()[0]
    except (pa.ArrowException, duckdb.Error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise Undecodable(
            f"the file cannot be read as Arrow IPC ({type(error).__name__})",
            "Write it anew as an Arrow file, stream or Feather 2",
        ) from None
    if written != sum(counted):
        raise Undecodable(
            f"{written:,} of {sum(counted):,} rows were read",
            "Write the file anew: nothing was landed, rather than rows lost",
        )
    UnreadableRecords(folder).close()
    return Decoded(int(written), 0, tuple(names))


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


def _checked(reader: Any, counted: list[int]) -> Iterator[Any]:
    import pyarrow as pa

    batches = (
        (reader.get_batch(number) for number in range(reader.num_record_batches))
        if isinstance(reader, pa.RecordBatchFileReader)
        else iter(reader)
    )
    for batch in batches:
        batch.validate(full=True)
        counted.append(batch.num_rows)
        yield batch


def _named(names: list[str]) -> list[str]:
    if not names or "" in names:
        raise Undecodable(
            "the file has no columns, or one without a name",
            "Write it anew with a name for each column",
        )
    if twice := repeated_name(names):
        raise Undecodable(f"in the file, {twice}", "Rename one of the columns")
    return names
