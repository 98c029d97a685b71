-- Reads the Parquet copy of a fleet, which `localtel-fleet parquet` makes, with DuckDB. Start
-- DuckDB in the directory of the copy and run
--
--     .read duckdb-parquet.sql
--     .read questions.sql
--
-- The view `records` has the columns of that of duckdb.sql but `spans_left_out`, and the place of
-- each record: `segment` is the number of its segment, and `offset` the byte at which its line
-- begins.

SET TimeZone = 'UTC';

CREATE OR REPLACE VIEW records AS
SELECT
    host,
    host_name,
    date,
    profile,
    log,
    segment,
    "offset",
    -- The files have times with a zone; here they are UTC without one, as in the other view.
    make_timestamp(epoch_us(timestamp)) AS timestamp,
    level,
    source,
    target,
    event,
    message,
    session,
    seq,
    -- In the files these are text. As JSON they are shown the same, and can be asked for keys.
    CAST(properties AS JSON) AS properties,
    spans,
    CAST(once AS JSON) AS once,
    command,
    result,
    error,
    duration,
    CASE
        WHEN once IS NOT NULL THEN once ->> '$.version'
        WHEN target = 'localtel' AND event = 'session' THEN properties ->> '$.version'
    END AS version,
    CASE
        WHEN target = 'localtel' AND event = 'dropped'
        THEN TRY_CAST(properties ->> '$.count' AS DOUBLE)
    END AS lost
FROM read_parquet(
    'host=*/date=*/*.parquet',
    hive_partitioning = true,
    hive_types = {'host': VARCHAR, 'date': DATE}
);
