"""Prints the answers of an engine to the questions of a file of SQL, a line of JSON for each.

    answers.py ENGINE lines|copy PLACE SQL

The views and functions are those of contrib/fleet. For Spark, contrib/fleet/spark.py does the same.
"""

import json
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

CONTRIB = Path(__file__).resolve().parents[3] / "contrib" / "fleet"
ZONE = {
    "clickhouse": "nullIf(JSONExtractString(properties, 'cloud.zone'), '')",
    "datafusion": "json_text(properties, 'cloud.zone')",
    "duckdb": "properties ->> '$.\"cloud.zone\"'",
    "polars": "zone",
}


def questions(path: str, zone: str) -> list[tuple[str, str]]:
    """Returns the title and the statement of each question."""
    parts = re.split(r"^-- (\d+\. .*)$", Path(path).read_text(), flags=re.MULTILINE)
    statements = [sql.replace("{zone}", zone).strip().rstrip(";") for sql in parts[2::2]]
    return list(zip(parts[1::2], statements))


def statements(name: str) -> list[str]:
    """Returns the statements of a file of contrib/fleet."""
    text = (CONTRIB / name).read_text()
    text = re.sub(r"^ *--.*$", "", text, flags=re.MULTILINE)
    return [sql.strip() for sql in text.split(";") if sql.strip()]


class DuckDb:
    def __init__(self, form: str, place: str) -> None:
        import duckdb

        os.chdir(place)
        self.connection = duckdb.connect()
        name = {"lines": "duckdb.sql", "copy": "duckdb-parquet.sql"}[form]
        self.connection.execute((CONTRIB / name).read_text())

    def rows(self, sql: str) -> Iterable:
        return self.connection.sql(sql).fetchall()


class ClickHouse:
    def __init__(self, form: str, place: str) -> None:
        from chdb.session import Session

        os.chdir(place)
        self.session = Session()
        for sql in ["CREATE DATABASE IF NOT EXISTS fleet", "USE fleet"]:
            self.session.query(sql)
        name = {"lines": "clickhouse.sql", "copy": "clickhouse-parquet.sql"}[form]
        for sql in statements(name) + statements("clickhouse-table.sql"):
            self.session.query(sql)

    def rows(self, sql: str) -> Iterable:
        # From the table that was filled from the view, so that both are tried.
        sql = re.sub(r"\bFROM records\b", "FROM fleet", sql)
        answer = self.session.query(sql, "JSONCompactEachRow").bytes().decode()
        return [json.loads(line) for line in answer.splitlines()]


class Polars:
    def __init__(self, form: str, place: str) -> None:
        import polars
        import polars_fleet

        read = {"lines": polars_fleet.records_of_lines, "copy": polars_fleet.records_of_copy}[form]
        zone = polars_fleet.text_of("cloud.zone").alias("zone")
        self.context = polars.SQLContext(records=read(place).with_columns(zone))

    def rows(self, sql: str) -> Iterable:
        return self.context.execute(sql, eager=True).rows()


class DataFusion:
    def __init__(self, form: str, place: str) -> None:
        import datafusion_fleet

        read = {"lines": datafusion_fleet.open_lines, "copy": datafusion_fleet.open_copy}[form]
        self.context = read(place)

    def rows(self, sql: str) -> Iterable:
        return [list(row.values()) for row in self.context.sql(sql).to_pylist()]


ENGINES = {"clickhouse": ClickHouse, "datafusion": DataFusion, "duckdb": DuckDb, "polars": Polars}


def main() -> None:
    name, form, place, sql = sys.argv[1:]
    sql = os.path.abspath(sql)
    sys.path.insert(0, str(CONTRIB))
    engine = ENGINES[name](form, place)
    for title, statement in questions(sql, ZONE[name]):
        rows = [list(row) for row in engine.rows(statement)]
        print(json.dumps({"question": title, "rows": rows}, default=str), flush=True)


if __name__ == "__main__":
    main()
