-- The five questions that every engine and `localtel stats` answer. `{zone}` is the expression of
-- an engine for the property `cloud.zone` as text. Records about the recording itself are left out,
-- as `stats` does.

-- 101. How many records has each host of each level?
SELECT host, level, count(*) AS records
FROM records
WHERE target <> 'localtel' OR event NOT IN ('session', 'session.end', 'consent', 'version')
GROUP BY host, level;

-- 102. How many records has each event, how many of them failed, and when was the last?
SELECT
    source,
    event,
    count(*) AS records,
    sum(CASE WHEN level = 'ERROR' OR result = 'ERROR' THEN 1 ELSE 0 END) AS errors,
    max(timestamp) AS last
FROM records
WHERE
    event IS NOT NULL
    AND (target <> 'localtel' OR event NOT IN ('session', 'session.end', 'consent', 'version'))
GROUP BY source, event;

-- 103. How many records are in each hour?
SELECT date_trunc('hour', timestamp) AS hour, count(*) AS records
FROM records
WHERE target <> 'localtel' OR event NOT IN ('session', 'session.end', 'consent', 'version')
GROUP BY date_trunc('hour', timestamp);

-- 104. How are the durations of each host distributed?
SELECT
    host,
    count(*) AS records,
    min(duration) AS least,
    min(CASE WHEN place * 100 >= total * 50 THEN duration END) AS p50,
    min(CASE WHEN place * 100 >= total * 95 THEN duration END) AS p95,
    min(CASE WHEN place * 100 >= total * 99 THEN duration END) AS p99,
    max(duration) AS greatest
FROM (
    SELECT
        host,
        duration,
        row_number() OVER (PARTITION BY host ORDER BY duration) AS place,
        count(*) OVER (PARTITION BY host) AS total
    FROM records
    WHERE
        duration IS NOT NULL
        AND (target <> 'localtel' OR event NOT IN ('session', 'session.end', 'consent', 'version'))
) AS durations
GROUP BY host;

-- 105. How often has a key each of its values?
SELECT zone, count(*) AS records
FROM (
    SELECT {zone} AS zone
    FROM records
    WHERE target <> 'localtel' OR event NOT IN ('session', 'session.end', 'consent', 'version')
) AS zones
WHERE zone IS NOT NULL
GROUP BY zone;
