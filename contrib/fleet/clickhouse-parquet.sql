-- Reads the Parquet copy of a fleet, which `localtel-fleet parquet` makes, with ClickHouse. In the
-- directory of the copy
--
--     clickhouse-local --path DATABASE --queries-file clickhouse-parquet.sql
--     clickhouse-local --path DATABASE
--
-- creates the view `records`, with the columns of clickhouse.sql and the place of each record.

CREATE OR REPLACE VIEW records AS
SELECT
    extract(path, '/host=([^/]+)/') AS host,
    host_name,
    profile,
    log,
    segment,
    offset,
    timestamp,
    level,
    source,
    target,
    event,
    message,
    session,
    seq,
    -- An empty text is what the functions for JSON find no keys in.
    ifNull(properties, '') AS properties,
    spans,
    ifNull(once, '') AS once,
    command,
    result,
    error,
    duration
FROM (
    SELECT _path AS path, *
    FROM file(
        'host=*/date=*/*.parquet',
        'Parquet',
        'timestamp DateTime64(6, ''UTC''), level String, source String, target String,
        event Nullable(String), message Nullable(String), session String, seq Int64,
        properties Nullable(String),
        spans Array(Tuple(name String, properties Nullable(String))),
        once Nullable(String), command Nullable(String), result Nullable(String),
        error Nullable(String), duration Nullable(Float64), host_name String, profile String,
        log String, segment Int32, offset Int64'
    )
);
