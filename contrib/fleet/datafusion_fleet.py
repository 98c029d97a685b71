"""Reads a fleet of telemetry with DataFusion.

from datafusion_fleet import open_lines, open_copy

fleet = open_lines("FLEET")
print(fleet.sql("SELECT host, level, count(*) FROM records GROUP BY host, level"))
print(fleet.sql("SELECT json_text(properties, 'http.url') FROM records LIMIT 10"))
"""

import json

import pyarrow as pa
from datafusion import CsvReadOptions, SessionContext, udf

PARTITIONS = [(name, pa.string()) for name in ("host", "app", "profile", "log")]
TEXTS = ["timestamp", "level", "source", "target", "event", "message", "session"]
JSON = ["properties", "spans", "once"]
PROMOTED = ["command", "result", "error"]
RECORD = pa.struct(
    [(name, pa.string()) for name in TEXTS + JSON + PROMOTED]
    + [("seq", pa.uint64()), ("duration", pa.float64())]
)


def as_text(value: object) -> str | None:
    """Returns a value of JSON as text: a text as it is, and anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def as_record(line: str) -> dict:
    """Returns the columns of a record, or none for a line that a crash tore."""
    try:
        keys = json.loads(line)
    except ValueError:
        return {}
    if not isinstance(keys, dict):
        return {}
    record = {name: as_text(keys.get(name)) for name in TEXTS + JSON}
    record["seq"] = keys.get("seq")
    properties = keys.get("properties", {})
    # A value of another type is null, as in the columns of the Parquet copy.
    for name in PROMOTED:
        value = properties.get(name)
        record[name] = value if isinstance(value, str) else None
    duration = properties.get("duration")
    is_number = isinstance(duration, (int, float)) and not isinstance(duration, bool)
    record["duration"] = float(duration) if is_number else None
    return record


def as_records(lines: pa.Array) -> pa.Array:
    return pa.array([as_record(line) for line in lines.to_pylist()], RECORD)


def json_text(values: pa.Array, keys: pa.Array) -> pa.Array:
    """Returns the value of a key in a column of JSON as text, whatever its type is."""
    pairs = zip(values.to_pylist(), keys.to_pylist())
    return pa.array(
        [as_text(json.loads(value or "{}").get(key)) for value, key in pairs], pa.string()
    )


def new_context() -> SessionContext:
    context = SessionContext()
    context.register_udf(
        udf(json_text, [pa.string(), pa.string()], pa.string(), "immutable", "json_text")
    )
    return context


def open_lines(fleet: str) -> SessionContext:
    """Returns a context with the view `records` over the tree that `localtel import` makes.

    The lines are read as texts, as a table with one column: the reader of JSON fails at a line that
    a crash tore, and DataFusion has no functions for JSON of its own.
    """
    context = new_context()
    context.register_udf(udf(as_records, [pa.string()], RECORD, "volatile", "as_record"))
    for table, end, compression in [("plain", ".jsonl", ""), ("compressed", ".jsonl.zst", "zstd")]:
        options = CsvReadOptions(
            has_header=False,
            # Neither of these occurs in a line.
            delimiter="\x01",
            quote="\x02",
            schema=pa.schema([("line", pa.string())]),
            file_extension=end,
            file_compression_type=compression,
            table_partition_cols=PARTITIONS,
        )
        context.register_csv(table, fleet, options=options)
    names = [*TEXTS[1:], *JSON, *PROMOTED, "seq", "duration"]
    keys = ", ".join(f"record['{name}'] AS {name}" for name in names)
    context.sql(f"""
        CREATE VIEW records AS
        SELECT host, profile, log, CAST(record['timestamp'] AS TIMESTAMP) AS timestamp, {keys}
        FROM (
            SELECT host, profile, log, as_record(line) AS record FROM plain
            UNION ALL
            SELECT host, profile, log, as_record(line) AS record FROM compressed
        )
        WHERE record['session'] IS NOT NULL
        """)
    return context


def open_copy(copy: str) -> SessionContext:
    """Returns a context with `records` over the copy that `localtel-fleet parquet` makes."""
    context = new_context()
    partitions = [("host", pa.string()), ("date", pa.date32())]
    context.register_parquet("records", copy, table_partition_cols=partitions)
    return context
