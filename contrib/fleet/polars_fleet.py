"""Reads a fleet of telemetry with Polars.

from polars_fleet import records_of_lines, records_of_copy, text_of

records = records_of_lines("FLEET")
print(records.group_by("host", "level").len().collect())
print(records.select(text_of("http.url")).drop_nulls().head().collect())
"""

from pathlib import Path

import polars as pl

SEGMENTS = [
    "host=*/app=*/profile=*/log=*/events.*.jsonl",
    "host=*/app=*/profile=*/log=*/events.*.jsonl.zst",
]


def text_of(key: str, column: str = "properties") -> pl.Expr:
    """Returns the value of a key in a column of JSON as text, whatever its type is."""
    return pl.col(column).str.json_path_match(f"$['{key}']")


def number_of(key: str, column: str = "properties") -> pl.Expr:
    """Returns the value of a key in a column of JSON if it is a number."""
    # A comparison with a number selects numbers. It works on the elements of a list.
    listed = pl.concat_str(pl.lit('{"list":['), pl.col(column), pl.lit("]}"))
    path = f"$.list[?(@['{key}'] > -1e308)]['{key}']"
    return listed.str.json_path_match(path).cast(pl.Float64)


def records_of_lines(fleet: str) -> pl.LazyFrame:
    """Returns the records of the tree that `localtel import` makes.

    The lines are read as texts: `scan_ndjson` fails at a line that a crash tore.
    """
    files = sorted(path for pattern in SEGMENTS for path in Path(fleet).glob(pattern))
    lines = pl.scan_lines(files, name="line", include_file_paths="path")
    keys = [
        "level",
        "source",
        "target",
        "event",
        "message",
        "session",
        "properties",
        "spans",
        "once",
    ]
    path = pl.col("path")
    records = lines.select(
        path.str.extract("/host=([^/]+)/").alias("host"),
        path.str.extract("/profile=([^/]+)/").alias("profile"),
        path.str.extract("/log=([^/]+)/").alias("log"),
        path.str.extract(r"events\.(\d+)\.").cast(pl.Int32).alias("segment"),
        text_of("timestamp", "line")
        .str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us")
        .alias("timestamp"),
        text_of("seq", "line").cast(pl.UInt64).alias("seq"),
        *(text_of(key, "line").alias(key) for key in keys),
    )
    return records.filter(pl.col("session").is_not_null()).with_columns(
        text_of("command").alias("command"),
        text_of("result").alias("result"),
        text_of("error").alias("error"),
        number_of("duration").alias("duration"),
    )


def records_of_copy(copy: str) -> pl.LazyFrame:
    """Returns the records of the Parquet copy that `localtel-fleet parquet` makes."""
    # Without a schema, the host `0042` would be the number 42.
    return pl.scan_parquet(
        f"{copy}/host=*/date=*/*.parquet",
        hive_partitioning=True,
        hive_schema={"host": pl.String, "date": pl.Date},
    )
