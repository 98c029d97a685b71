"""Compares the answers of the engines with those of localtel, and prints what runs where.

    compare.py DIRECTORY [PAGE]

In the directory are `expected.json`, the answers of `localtel stats`, and `ENGINE.FORM.json` for
each engine and form. With a page, the table replaces the one between its markers. The variable
`SPARK_VERSION` is the version of Spark, which is not installed as a package.
"""

import importlib.metadata
import json
import math
import os
import re
import sys
from pathlib import Path

FORMS = {"lines": "JSON lines", "zst": "`.jsonl.zst`", "copy": "Parquet"}
NAMES = {
    "duckdb": "DuckDB",
    "spark": "Spark (PySpark)",
    "clickhouse": "ClickHouse (chdb)",
    "polars": "Polars",
    "datafusion": "DataFusion",
}


def normal(value: object) -> object:
    """Returns a value in one spelling: times as in a line of localtel, and numbers as numbers."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float)):
        return float(value)
    text = str(value)
    time = re.fullmatch(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?(Z|\+00:00)?", text)
    if time:
        fraction = (time[3] or ".")[1:].ljust(6, "0")
        return f"{time[1]}T{time[2]}.{fraction}Z"
    return text


def rows_of(answer: dict) -> list:
    return sorted(([normal(value) for value in row] for row in answer["rows"]), key=repr)


def is_same(left: list, right: list) -> bool:
    def is_same_value(a: object, b: object) -> bool:
        if isinstance(a, float) and isinstance(b, float):
            return math.isclose(a, b, rel_tol=1e-12)
        return a == b

    return len(left) == len(right) and all(
        len(a) == len(b) and all(map(is_same_value, a, b)) for a, b in zip(left, right)
    )


def read(path: Path) -> dict[str, list]:
    """Returns the rows of each question."""
    # Java also prints warnings.
    lines = [line for line in path.read_text().splitlines() if line.startswith("{")]
    answers = map(json.loads, lines)
    return {answer["question"]: rows_of(answer) for answer in answers}


def differences(answers: dict, expected: dict) -> list[str]:
    found = []
    for question, rows in expected.items():
        other = answers.get(question)
        if other is None:
            found.append(f"{question} has no answer")
        elif not is_same(other, rows):
            wrong = [row for row in other if row not in rows]
            missing = [row for row in rows if row not in other]
            found.append(f"{question} has {wrong[:3]} and not {missing[:3]}")
    return found


def version(engine: str) -> str:
    if engine == "spark":
        return os.environ["SPARK_VERSION"]
    return importlib.metadata.version({"clickhouse": "chdb"}.get(engine, engine))


def table(results: dict) -> str:
    lines = [
        "| Engine | Version | " + " | ".join(FORMS.values()) + " |",
        "|---|---|" + "---|" * len(FORMS),
    ]
    for engine, name in NAMES.items():
        cells = [results.get((engine, form), "not run") for form in FORMS]
        if any(cell != "not run" for cell in cells):
            lines.append(f"| {name} | {version(engine)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    directory = Path(sys.argv[1])
    expected = read(directory / "expected.json")
    # What localtel does not answer is compared with DuckDB over the lines.
    others = read(directory / "duckdb.lines.json")
    others = {question: rows for question, rows in others.items() if question not in expected}
    failures = []
    results = {}
    for engine in NAMES:
        for form in FORMS:
            path = directory / f"{engine}.{form}.json"
            if not path.exists():
                continue
            answers = read(path)
            has_others = not others.keys().isdisjoint(answers)
            found = differences(answers, expected | (others if has_others else {}))
            failures += [f"{engine} over {form}: {difference}" for difference in found]
            results[engine, form] = "differs" if found else ("5 and 10" if has_others else "5")
    shown = table(results)
    print(shown)
    for failure in failures:
        print(failure, file=sys.stderr)
    if len(sys.argv) > 2 and not failures:
        page = Path(sys.argv[2])
        marked = re.compile(r"(<!-- engines -->\n).*?(\n<!-- /engines -->)", re.DOTALL)
        written = marked.sub(lambda it: f"{it[1]}\n{shown}\n{it[2]}", page.read_text())
        page.write_text(written)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
