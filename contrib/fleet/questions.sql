-- Ten questions about a fleet. They are the same in DuckDB, after duckdb.sql or duckdb-parquet.sql,
-- and in Spark, with spark.py: what differs between the two is in the views.
--
-- "The last day" is the day before the last record of all. A host whose clock is ahead moves it:
-- `localtel --dir FLEET status` shows clocks that are off.

-- 1. Which hosts are silent?
SELECT
    host,
    max(timestamp) AS last_record,
    count(*) AS records,
    count(*) FILTER (WHERE timestamp > latest - INTERVAL 1 DAY) AS records_of_last_day
FROM records
CROSS JOIN (SELECT max(timestamp) AS latest FROM records) AS ends
GROUP BY host
ORDER BY last_record, host
LIMIT 20;

-- 2. Where are records missing?
-- `dropped` are events for which there was no room; `gaps` are numbers that a session left out.
SELECT
    host,
    CAST(sum(lost) AS BIGINT) AS dropped,
    CAST(sum(gaps) AS BIGINT) AS gaps
FROM (
    SELECT
        host,
        session,
        coalesce(sum(lost), 0) AS lost,
        max(seq) - min(seq) + 1 - count(DISTINCT seq) AS gaps
    FROM records
    GROUP BY host, session
) AS sessions
GROUP BY host
HAVING sum(lost) > 0 OR sum(gaps) > 0
ORDER BY dropped DESC, gaps DESC, host
LIMIT 20;

-- 3. Which hosts failed most in the last day?
SELECT
    host,
    count(*) AS records,
    count(*) FILTER (WHERE level = 'ERROR' OR result = 'ERROR') AS errors
FROM records
CROSS JOIN (SELECT max(timestamp) AS latest FROM records) AS ends
WHERE timestamp > latest - INTERVAL 1 DAY
GROUP BY host
ORDER BY errors DESC, host
LIMIT 20;

-- 4. Which errors are new, and how many hosts have them?
SELECT
    source,
    event,
    coalesce(error, message) AS text,
    min(timestamp) AS first_record,
    count(DISTINCT host) AS hosts,
    count(*) AS records
FROM records
CROSS JOIN (SELECT max(timestamp) AS latest FROM records) AS ends
WHERE level = 'ERROR' OR result = 'ERROR'
GROUP BY source, event, coalesce(error, message)
HAVING min(timestamp) > max(latest) - INTERVAL 1 DAY
ORDER BY hosts DESC, records DESC, source, event, text
LIMIT 20;

-- 5. On how many hosts does each version run?
-- Of each host the version that began last.
SELECT source, version, count(*) AS hosts, max(timestamp) AS last_start
FROM (
    SELECT
        source,
        host,
        version,
        timestamp,
        row_number() OVER (
            PARTITION BY source, host ORDER BY timestamp DESC, session DESC, seq DESC
        ) AS age
    FROM records
    WHERE version IS NOT NULL
) AS starts
WHERE age = 1
GROUP BY source, version
ORDER BY source, hosts DESC, version;

-- 6. Is the new version worse?
SELECT
    records.source,
    versions.version,
    count(DISTINCT records.session) AS sessions,
    count(*) AS records,
    count(*) FILTER (WHERE level = 'ERROR' OR result = 'ERROR') AS errors,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY duration) AS p50,
    percentile_disc(0.95) WITHIN GROUP (ORDER BY duration) AS p95
FROM records
JOIN (
    SELECT host, session, max(version) AS version
    FROM records
    WHERE version IS NOT NULL
    GROUP BY host, session
) AS versions
    ON records.host = versions.host AND records.session = versions.session
WHERE records.target <> 'localtel'
GROUP BY records.source, versions.version
ORDER BY records.source, versions.version;

-- 7. Which hosts are slow, compared with all?
SELECT
    hosts.source,
    hosts.event,
    hosts.host,
    hosts.records,
    hosts.p95,
    fleet.p95 AS p95_of_all
FROM (
    SELECT
        source,
        event,
        host,
        count(*) AS records,
        percentile_disc(0.95) WITHIN GROUP (ORDER BY duration) AS p95
    FROM records
    WHERE duration IS NOT NULL AND event IS NOT NULL
    GROUP BY source, event, host
) AS hosts
JOIN (
    SELECT
        source,
        event,
        percentile_disc(0.95) WITHIN GROUP (ORDER BY duration) AS p95
    FROM records
    WHERE duration IS NOT NULL AND event IS NOT NULL
    GROUP BY source, event
) AS fleet
    ON hosts.source = fleet.source AND hosts.event = fleet.event
WHERE hosts.records >= 20 AND hosts.p95 > fleet.p95
ORDER BY hosts.p95 / fleet.p95 DESC, hosts.source, hosts.event, hosts.host
LIMIT 20;

-- 8. Which processes ended without saying so?
-- They were killed, or they still run, or their machine was exported while they did.
SELECT
    host,
    source,
    count(*) AS sessions,
    count(*) FILTER (WHERE ends = 0) AS without_end
FROM (
    SELECT
        host,
        source,
        session,
        count(once) + count(*) FILTER (WHERE target = 'localtel' AND event = 'session.end') AS ends
    FROM records
    GROUP BY host, source, session
) AS sessions
GROUP BY host, source
HAVING count(*) FILTER (WHERE ends = 0) > 0
ORDER BY without_end DESC, host, source
LIMIT 20;

-- 9. Which commands are used, on how many hosts, and how often do they fail?
SELECT
    source,
    command,
    count(*) AS runs,
    count(DISTINCT host) AS hosts,
    count(*) FILTER (WHERE level = 'ERROR' OR result = 'ERROR') AS errors,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY duration) AS p50
FROM records
WHERE command IS NOT NULL
GROUP BY source, command
ORDER BY runs DESC, source, command
LIMIT 20;

-- 10. Where is the last error of each host?
-- In FLEET/host=HOST/app=*/profile=*/log=LOG/events.SEGMENT.jsonl, with that session and number.
SELECT host, source, timestamp, coalesce(error, message) AS text, log, segment, session, seq
FROM (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY host ORDER BY timestamp DESC, session DESC, seq DESC
        ) AS age
    FROM records
    WHERE level = 'ERROR' OR result = 'ERROR'
) AS errors
WHERE age = 1
ORDER BY timestamp DESC, host
LIMIT 20;
