-- Loads the view `records`, of clickhouse.sql or clickhouse-parquet.sql, into a table, for
-- questions that come every day. On a server, replace the view's `file` by the function for the
-- place of the tree, such as `s3`.

CREATE TABLE IF NOT EXISTS fleet (
    host LowCardinality(String),
    profile LowCardinality(String),
    log LowCardinality(String),
    segment Int32,
    timestamp DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    level LowCardinality(String),
    source LowCardinality(String),
    target LowCardinality(String),
    event LowCardinality(Nullable(String)),
    message Nullable(String) CODEC(ZSTD),
    session String CODEC(ZSTD),
    seq UInt64 CODEC(Delta, ZSTD),
    -- JSON text: `JSONExtractString(properties, 'http.url')` finds a key with a dot.
    properties String CODEC(ZSTD),
    once String CODEC(ZSTD),
    command LowCardinality(Nullable(String)),
    result LowCardinality(Nullable(String)),
    error Nullable(String) CODEC(ZSTD),
    duration Nullable(Float64)
)
ENGINE = MergeTree
-- A month is large enough for the parts, and is what is dropped when it is too old.
PARTITION BY toYYYYMM(timestamp)
-- Most questions name an application and a time; of the hosts they want all, or one.
ORDER BY (source, host, timestamp);
-- With this, ClickHouse itself removes what is too old:
-- ALTER TABLE fleet MODIFY TTL toDateTime(timestamp) + INTERVAL 400 DAY;

INSERT INTO fleet
SELECT
    host, profile, log, segment, timestamp, level, source, target, event, message, session, seq,
    properties, once, command, result, error, duration
FROM records;
