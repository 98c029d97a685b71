"""Prints what `localtel stats` answers to the five questions, a line of JSON for each.

    expected.py SQL ANSWER...

The answers are files with the output of `localtel stats -o json`, in the order of the questions.
"""

import json
import re
import sys
from pathlib import Path


def rows(question: int, breakdown: dict) -> list[list]:
    """Returns the columns that the statement of a question selects."""
    found = []
    for row in breakdown["rows"]:
        key = list(row["key"].values())
        numbers = row.get("numbers")
        if question == 102:
            found.append([*key, row["records"], row["errors"], row["last"]])
        elif question == 103:
            # Hours without a record are rows here, too.
            if row["records"]:
                found.append([row["start"], row["records"]])
        elif numbers:
            parts = ["count", "min", "p50", "p95", "p99", "max"]
            found.append([*key, *(numbers[part] for part in parts)])
        else:
            found.append([*key, row["records"]])
    return found


def main() -> None:
    sql, *answers = sys.argv[1:]
    titles = re.findall(r"^-- (\d+\. .*)$", Path(sql).read_text(), flags=re.MULTILINE)
    for title, answer in zip(titles, answers, strict=True):
        breakdown = json.loads(Path(answer).read_text())["breakdown"]
        assert breakdown["more_rows"] == 0, title
        number = int(title.split(".")[0])
        print(json.dumps({"question": title, "rows": rows(number, breakdown)}))


if __name__ == "__main__":
    main()
