-- The questions that `localtel stats` answers, for DuckDB. Each statement that selects returns one
-- line: the words of `stats`, and the rows of its JSON document as far as DuckDB computes them. The
-- lines are in `stats.expected.jsonl`, written by DuckDB 2.0.1 in this directory:
--
--     duckdb -list -noheader -f stats.sql > stats.expected.jsonl

CREATE VIEW records AS
SELECT timestamp, event, message, properties,
       level = 'ERROR' OR coalesce(properties->>'result', '') = 'ERROR' AS failed,
       properties->>'route' AS route,
       properties->>'status' AS status,
       (properties->>'duration')::DOUBLE AS duration
FROM read_json('../cmd/stats.in/state/billing/telemetry/events.000001.jsonl',
               format = 'newline_delimited',
               columns = {timestamp: 'VARCHAR', level: 'VARCHAR', target: 'VARCHAR',
                          event: 'VARCHAR', message: 'VARCHAR', properties: 'JSON'})
WHERE NOT (target = 'localtel'
           AND coalesce(event, '') IN ('session', 'session.end', 'consent', 'version'));

CREATE MACRO numbers_of(number) AS
    {count: count(number), min: min(number), mean: avg(number),
     p50: quantile_disc(number, 0.5), p95: quantile_disc(number, 0.95),
     p99: quantile_disc(number, 0.99), max: max(number)};

SELECT to_json({stats: ['-e', 'request', '--by', 'route', '--of', 'duration'], rows: list(
    {key: {route: route}, records: records, errors: errors, first: first, last: last,
     numbers: numbers} ORDER BY numbers.p95 DESC)})
FROM (SELECT route, count(*) AS records, count_if(failed) AS errors, min(timestamp) AS first,
             max(timestamp) AS last, numbers_of(duration) AS numbers
      FROM records
      WHERE event = 'request' AND route IS NOT NULL AND duration IS NOT NULL GROUP BY route);

SELECT to_json({stats: ['--of', 'duration'], rows: [
    {records: count(*), errors: count_if(failed), numbers: numbers_of(duration)}]})
FROM records WHERE duration IS NOT NULL;

SELECT to_json({stats: ['--by', 'route,status'], rows: list(
    {key: {route: route, status: status}, records: records, errors: errors, first: first,
     last: last} ORDER BY records DESC, route, status)})
FROM (SELECT route, status, count(*) AS records, count_if(failed) AS errors,
             min(timestamp) AS first, max(timestamp) AS last
      FROM records WHERE route IS NOT NULL AND status IS NOT NULL GROUP BY route, status);

SELECT to_json({stats: ['--by', 'message'], rows: list(
    {key: {message: message}, records: records, errors: errors} ORDER BY records DESC, message)})
FROM (SELECT message, count(*) AS records, count_if(failed) AS errors
      FROM records WHERE message IS NOT NULL GROUP BY message);

SELECT to_json({stats: ['--per', 'hour', '--of', 'duration'], rows: list(
    {start: hour || ':00:00Z', records: records, errors: errors, numbers: numbers}
    ORDER BY hour)})
FROM (SELECT timestamp[:13] AS hour, count(*) AS records, count_if(failed) AS errors,
             numbers_of(duration) AS numbers
      FROM records WHERE duration IS NOT NULL GROUP BY hour);

SELECT to_json({stats: ['--per', '3m'], rows: list(
    {start: start, records: records, errors: errors} ORDER BY start)})
FROM (SELECT strftime(slot, '%Y-%m-%dT%H:%M:%SZ') AS start, count(failed) AS records,
             count_if(coalesce(failed, false)) AS errors
      FROM (SELECT unnest(generate_series(min(slot), max(slot), INTERVAL 3 MINUTE)) AS slot
            FROM (SELECT time_bucket(INTERVAL 3 MINUTE, timestamp[:19]::TIMESTAMP) AS slot
                  FROM records))
      LEFT JOIN (SELECT time_bucket(INTERVAL 3 MINUTE, timestamp[:19]::TIMESTAMP) AS slot, failed
                 FROM records) USING (slot)
      GROUP BY slot);
