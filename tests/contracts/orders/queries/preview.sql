-- title: Ten rows as they lie in the table
-- description: Any ten rows of the raw table, every column. Re-sent orders may show in an old version; ask order_lines_of for the latest.
SELECT
  order_id,
  order_date,
  total_amount,
  customer_id,
  customer_name,
  customer_email,
  customer_address,
  line_number,
  product_id,
  product_name,
  product_category,
  price,
  quantity,
  line_amount,
  extra_fields,
  source_key,
  source_version,
  source_modified_at,
  record_number,
  order_month
FROM ${table}
LIMIT 10
