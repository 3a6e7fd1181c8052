-- title: Something was loaded within two days
-- description: A row where the newest source object is older: whoever sends orders has stopped, or loading has.
SELECT
  newest
FROM (
  SELECT MAX(source_modified_at) AS newest
  FROM ${table}
)
WHERE date_diff('hour', newest, CAST(CURRENT_TIMESTAMP AS timestamp)) >= 48
