-- title: Orders between two days
-- description: One row per order in its latest version, oldest first, with the declared total beside the sum of its lines.
-- parameter: from
--   type: date
--   description: First day of the range, UTC.
--   required: yes
--   minimum: 2000-01-01
--   maximum: 2099-12-31
--   example: 2024-07-01
-- parameter: to
--   type: date
--   description: Last day of the range, UTC, included.
--   required: yes
--   minimum: 2000-01-01
--   maximum: 2099-12-31
--   example: 2024-07-31
SELECT
  order_id,
  order_date,
  customer_id,
  customer_name,
  customer_email,
  total_amount,
  line_count,
  line_total,
  lines_without_amount,
  source_key,
  order_month
FROM orders
WHERE order_month BETWEEN :from.month AND :to.month
  AND order_date >= :from
  AND order_date < :to.next_day
ORDER BY order_date, order_id
