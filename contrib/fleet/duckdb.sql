-- Reads a fleet, the tree that `localtel import` makes, with DuckDB. Start DuckDB in the directory
-- of the fleet and run
--
--     .read duckdb.sql
--     .read questions.sql
--
-- or query the view `records`. It reads the segments each time, so it includes later imports.
--
-- The columns are fixed here, and not inferred, for DuckDB infers them from the first 20,480 lines:
-- a key that comes later would not exist, without an error. It would also make a number of the host
-- `0042`, and numbers of some of the texts of a key that has both.

SET TimeZone = 'UTC';

-- Properties by their names, which may contain dots. A value of another type is null, as in the
-- columns of the Parquet copy. `properties ->> '$."key"'` has all of them as text.
CREATE OR REPLACE MACRO text_of(properties, key) AS
    CASE
        WHEN json_type(properties, '$."' || key || '"') = 'VARCHAR'
        THEN properties ->> ('$."' || key || '"')
    END;
CREATE OR REPLACE MACRO number_of(properties, key) AS
    CASE
        WHEN
            json_type(properties, '$."' || key || '"')
            IN ('BIGINT', 'UBIGINT', 'HUGEINT', 'DOUBLE')
        THEN CAST(properties ->> ('$."' || key || '"') AS DOUBLE)
    END;

CREATE OR REPLACE VIEW records AS
SELECT
    host,
    profile,
    log,
    CAST(regexp_extract(filename, 'events\.(\d+)\.', 1) AS INTEGER) AS segment,
    timestamp,
    level,
    source,
    target,
    event,
    message,
    session,
    TRY_CAST(seq AS BIGINT) AS seq,
    properties,
    spans,
    spans_left_out,
    once,
    text_of(properties, 'command') AS command,
    text_of(properties, 'result') AS result,
    text_of(properties, 'error') AS error,
    number_of(properties, 'duration') AS duration,
    -- The version of an application is in the first record of a session, or in its only one.
    CASE
        WHEN once IS NOT NULL THEN text_of(once, 'version')
        WHEN target = 'localtel' AND event = 'session' THEN text_of(properties, 'version')
    END AS version,
    -- How many events this record says were lost.
    CASE
        WHEN target = 'localtel' AND event = 'dropped' THEN number_of(properties, 'count')
    END AS lost
FROM read_json(
    'host=*/app=*/profile=*/log=*/events.*.jsonl*',
    format = 'newline_delimited',
    -- A line that a crash tore is not JSON.
    ignore_errors = true,
    maximum_object_size = 67108864,
    filename = true,
    hive_partitioning = true,
    hive_types_autocast = false,
    columns = {
        timestamp: 'TIMESTAMP',
        level: 'VARCHAR',
        source: 'VARCHAR',
        target: 'VARCHAR',
        event: 'VARCHAR',
        message: 'VARCHAR',
        session: 'VARCHAR',
        seq: 'UBIGINT',
        properties: 'JSON',
        spans: 'STRUCT(name VARCHAR, properties JSON)[]',
        spans_left_out: 'UBIGINT',
        once: 'JSON'
    }
)
WHERE
    session IS NOT NULL
    -- The other version of a segment, which an import kept beside it.
    AND filename NOT LIKE '%.conflict-%';
