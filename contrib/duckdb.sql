-- Reads a telemetry directory with DuckDB, as it is. Start DuckDB in the directory and run
--
--     .read duckdb.sql
--
-- then ask the view `records`. It reads the segments anew each time, so it sees what was recorded since.
-- A torn line, as a crash leaves one, is passed over; `localtel verify` tells where it lies.

CREATE OR REPLACE VIEW records AS
SELECT *
FROM read_json(
    'events.*.jsonl',
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

-- What failed, and in which spans.
SELECT
    timestamp,
    event,
    properties ->> 'error' AS error,
    list_transform(spans, lambda span: span.name) AS spans
FROM records
WHERE level IN ('WARN', 'ERROR')
ORDER BY timestamp;

-- Numbers run from 0 without gaps in each session: what is missing was removed or lost.
SELECT session, count(*) AS records, max(seq) + 1 - count(*) AS missing
FROM records
GROUP BY session
ORDER BY min(timestamp);
