"""Answers the questions of a file of SQL over a fleet of telemetry, with Spark 4.

    spark-submit --master 'local[*]' spark.py FLEET questions.sql
    spark-submit --master 'local[*]' spark.py --parquet COPY questions.sql

FLEET is the tree that `localtel import` makes, and COPY what `localtel-fleet parquet` makes of it.
Both may be any path that Spark reads, such as one in HDFS or in an object store, and the master may
be any cluster: nothing here depends on one machine.
"""

import argparse
import json
import re
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

# The columns are fixed, and not inferred: that would read everything twice, and give a key that has
# both numbers and texts another type from day to day. What has keys of its own remains JSON text.
LINES = """
    timestamp TIMESTAMP, level STRING, source STRING, target STRING, event STRING, message STRING,
    session STRING, seq DECIMAL(20, 0), properties STRING,
    spans ARRAY<STRUCT<name: STRING, properties: STRING>>, spans_left_out DECIMAL(20, 0),
    once STRING, host STRING, app STRING, profile STRING, log STRING
"""
COPY = """
    timestamp TIMESTAMP, level STRING, source STRING, target STRING, event STRING, message STRING,
    session STRING, seq BIGINT, properties STRING,
    spans ARRAY<STRUCT<name: STRING, properties: STRING>>, once STRING,
    command STRING, result STRING, error STRING, duration DOUBLE,
    host_name STRING, application STRING, profile STRING, log STRING, segment INT, offset BIGINT,
    host STRING, date DATE
"""


def text_of(column: str, key: str) -> str:
    """Returns the expression for a text in a column of JSON; a value of another type is null."""
    value = f"variant_get(try_parse_json({column}), '$[\"{key}\"]')"
    return f"CASE WHEN schema_of_variant({value}) = 'STRING' THEN CAST({value} AS STRING) END"


def number_of(column: str, key: str) -> str:
    """Returns the expression for a number in a column of JSON; a value of another type is null."""
    value = f"variant_get(try_parse_json({column}), '$[\"{key}\"]')"
    is_number = f"schema_of_variant({value}) RLIKE '^(BIGINT|DECIMAL|DOUBLE)'"
    return f"CASE WHEN {is_number} THEN CAST({value} AS DOUBLE) END"


# The version of an application is in the first record of a session, or in its only one.
OF_SESSIONS = [
    f"""
    CASE
        WHEN once IS NOT NULL THEN {text_of("once", "version")}
        WHEN target = 'localtel' AND event = 'session' THEN {text_of("properties", "version")}
    END AS version
    """,
    # How many events this record says were lost.
    f"""
    CASE
        WHEN target = 'localtel' AND event = 'dropped' THEN {number_of("properties", "count")}
    END AS lost
    """,
]


def records_of_lines(spark: SparkSession, fleet: str) -> DataFrame:
    """Returns the records of a tree of JSON lines."""
    lines = (
        spark.read.schema(LINES).option("basePath", fleet)
        # The other version of a segment, which an import kept beside it, has another ending.
        .json(f"{fleet}/host=*/app=*/profile=*/log=*/events.*.{{jsonl,jsonl.zst}}")
    )
    columns = [column for column in lines.columns if column != "seq"]
    # A line that a crash tore is not JSON, and has no session.
    return lines.where("session IS NOT NULL").selectExpr(
        *columns,
        "TRY_CAST(seq AS BIGINT) AS seq",
        "CAST(regexp_extract(_metadata.file_name, 'events[.]([0-9]+)[.]', 1) AS INT) AS segment",
        text_of("properties", "command") + " AS command",
        text_of("properties", "result") + " AS result",
        text_of("properties", "error") + " AS error",
        number_of("properties", "duration") + " AS duration",
        *OF_SESSIONS,
    )


def records_of_copy(spark: SparkSession, copy: str) -> DataFrame:
    """Returns the records of a Parquet copy."""
    files = spark.read.schema(COPY).parquet(copy)
    return files.selectExpr("*", *OF_SESSIONS)


def questions(sql: str) -> list[tuple[str, str]]:
    """Returns the title and the statement of each question in a file of SQL."""
    parts = re.split(r"^-- (\d+\. .*)$", sql, flags=re.MULTILINE)
    return [(title, sql.strip().rstrip(";")) for title, sql in zip(parts[1::2], parts[2::2])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("place", help="the tree, or with --parquet the copy")
    parser.add_argument("questions", help="a file of SQL, in which each question has a number")
    parser.add_argument("--parquet", action="store_true", help="read a Parquet copy")
    parser.add_argument("--json", action="store_true", help="print each answer as a line of JSON")
    args = parser.parse_args()

    spark = SparkSession.builder.appName("localtel fleet").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    # Otherwise a host `0042` would be the number 42.
    spark.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "false")

    records = (records_of_copy if args.parquet else records_of_lines)(spark, args.place)
    records.createOrReplaceTempView("records")
    for title, sql in questions(Path(args.questions).read_text()):
        answer = spark.sql(sql)
        if args.json:
            rows = [list(row) for row in answer.collect()]
            print(json.dumps({"question": title, "rows": rows}, default=str), flush=True)
        else:
            print(title)
            answer.show(100, truncate=False)
    spark.stop()


if __name__ == "__main__":
    main()
