-- Reads a telemetry directory with DuckDB. Start DuckDB in the directory and run
--
--     .read duckdb.sql
--
-- then query the view `records`. It reads the segments each time, so it includes new records.
-- A line that a crash tore is skipped; `localtel show` reports its position.
-- Compressed segments (.zst, .gz) are included; while one is being compressed it is read twice.

CREATE OR REPLACE VIEW records AS
SELECT *
FROM read_json(
    'events.*.jsonl*',
    format = 'newline_delimited',
    ignore_errors = true,
    filename = true,
    columns = {
        timestamp: 'TIMESTAMP',
        level: 'VARCHAR',
        source: 'VARCHAR',
        target: 'VARCHAR',
        event: 'VARCHAR',
        message: 'VARCHAR',
        session: 'UUID',
        seq: 'UBIGINT',
        properties: 'JSON',
        spans: 'STRUCT(name VARCHAR, properties JSON)[]'
    }
)
WHERE session IS NOT NULL;

-- How often each event happened, and when last.
SELECT event, level, count(*) AS records, max(timestamp) AS last
FROM records
GROUP BY ALL
ORDER BY records DESC;

-- Warnings and errors, and their spans.
SELECT
    timestamp,
    event,
    properties ->> 'error' AS error,
    list_transform(spans, lambda span: span.name) AS spans
FROM records
WHERE level IN ('WARN', 'ERROR')
ORDER BY timestamp;

-- Numbers run from 0 without gaps in each session: a missing record was removed or lost.
SELECT session, count(*) AS records, max(seq) + 1 - count(*) AS missing
FROM records
GROUP BY session
ORDER BY min(timestamp);
