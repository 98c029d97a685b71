-- Reads a fleet, the tree that `localtel import` makes, with ClickHouse. In the directory of the
-- fleet
--
--     clickhouse-local --path DATABASE --queries-file clickhouse.sql
--     clickhouse-local --path DATABASE
--
-- creates the view `records` and opens it for questions. It reads the segments each time.
--
-- Each line is read as text, and its keys are taken from that: `JSONEachRow` skips the line behind
-- one that a crash tore, too, and the type `JSON` refuses a record that has both a key `http.url`
-- and an object `http` with a key `url`.

CREATE OR REPLACE VIEW records AS
SELECT
    -- From the path, because `use_hive_partitioning` would make a number of the host `0042`.
    extract(path, '/host=([^/]+)/') AS host,
    extract(path, '/profile=([^/]+)/') AS profile,
    extract(path, '/log=([^/]+)/') AS log,
    toInt32(extract(path, 'events[.]([0-9]+)[.]')) AS segment,
    parseDateTime64BestEffort(JSONExtractString(line, 'timestamp'), 6, 'UTC') AS timestamp,
    JSONExtractString(line, 'level') AS level,
    JSONExtractString(line, 'source') AS source,
    JSONExtractString(line, 'target') AS target,
    nullIf(JSONExtractString(line, 'event'), '') AS event,
    nullIf(JSONExtractString(line, 'message'), '') AS message,
    JSONExtractString(line, 'session') AS session,
    JSONExtractUInt(line, 'seq') AS seq,
    JSONExtractRaw(line, 'properties') AS properties,
    JSONExtractRaw(line, 'spans') AS spans,
    JSONExtractRaw(line, 'once') AS once,
    -- A value of another type is null, as in the columns of the Parquet copy.
    if(
        JSONType(properties, 'command') = 'String',
        JSONExtractString(properties, 'command'),
        NULL
    ) AS command,
    if(
        JSONType(properties, 'result') = 'String',
        JSONExtractString(properties, 'result'),
        NULL
    ) AS result,
    if(
        JSONType(properties, 'error') = 'String',
        JSONExtractString(properties, 'error'),
        NULL
    ) AS error,
    if(
        JSONType(properties, 'duration') IN ('Int64', 'UInt64', 'Double'),
        JSONExtractFloat(properties, 'duration'),
        NULL
    ) AS duration
FROM (
    SELECT _path AS path, line
    FROM file(
        'host=*/app=*/profile=*/log=*/events.*.{jsonl,jsonl.zst}',
        'LineAsString',
        'line String'
    )
)
-- A line that a crash tore is not JSON.
WHERE isValidJSON(line) AND JSONHas(line, 'session');
