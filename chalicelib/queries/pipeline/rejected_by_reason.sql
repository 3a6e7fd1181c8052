-- title: Rejected records by reason
-- description: How many records were rejected, and files refused whole (path is empty), for what reason, most first. Of the newest version of each source alone. Quoted values of a reason show as * and numbers as #, so that one kind of fault is one row.
-- chart: bar x=reason y=rejected_count
SELECT
  contract,
  path,
  reason,
  COUNT(*) AS rejected_count,
  COUNT(DISTINCT source_key) AS source_count,
  MIN(source_modified_at) AS first_at,
  MAX(source_modified_at) AS last_at,
  MIN(source_key) AS example_source_key
FROM (
  SELECT
    contract,
    REGEXP_REPLACE(path, '\[[0-9]+\]', '[#]') AS path,
    REGEXP_REPLACE(
      REGEXP_REPLACE(reason, '''[^'']*(''[A-Za-z0-9][^'']*)*''|"[^"]*"', '*'),
      '-{0,1}[0-9][0-9.]*(e[+-]{0,1}[0-9]+){0,1}',
      '#'
    ) AS reason,
    source_key,
    source_modified_at
  FROM ${rejected}
) AS each_one
GROUP BY contract, path, reason
ORDER BY rejected_count DESC, contract, path, reason
