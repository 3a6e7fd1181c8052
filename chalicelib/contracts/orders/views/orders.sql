-- One row per order, in its latest version. total_amount is the declared total; line_total is the sum of the line
-- amounts that are known, 0 without any; lines_without_amount tells how many lacked a price or a quantity.
-- MAX picks the one value that an order's rows share. It is not a grouping key, so that a query that does not ask
-- for a column does not read it; order_month is one, so that a predicate on it reaches the table.
CREATE OR REPLACE VIEW ${database}."orders" AS
SELECT
  order_id,
  MAX(order_date) AS order_date,
  MAX(total_amount) AS total_amount,
  MAX(customer_id) AS customer_id,
  MAX(customer_name) AS customer_name,
  MAX(customer_email) AS customer_email,
  MAX(customer_address) AS customer_address,
  COUNT(line_number) AS line_count,
  COALESCE(SUM(line_amount), 0) AS line_total,
  COUNT(line_number) - COUNT(line_amount) AS lines_without_amount,
  MAX(source_key) AS source_key,
  MAX(source_version) AS source_version,
  MAX(source_modified_at) AS source_modified_at,
  MAX(record_number) AS record_number,
  order_month
FROM ${database}."order_lines"
GROUP BY order_id, order_month
