-- title: What was rejected of one source
-- description: Every rejected record of the newest version of one source, or the one row of a file that was refused whole, in the order of the file. raw is the record as it was sent; raw_base64 has its bytes where they are not UTF-8.
-- parameter: source_key
--   type: text
--   description: The S3 key of the file that was dropped.
--   required: yes
--   example: orders_json_incoming/orders.json
SELECT
  record_number,
  path,
  reason,
  raw,
  raw_base64,
  raw_key,
  byte_offset,
  contract,
  source_version,
  source_modified_at
FROM ${rejected}
WHERE source_key = :source_key
ORDER BY record_number
