-- title: Orders whose declared total is not the sum of their lines
-- description: Orders whose declared total differs from the sum of their line amounts by more than the tolerance, widest difference first. Shipping, tax and discounts do that, and lines without an amount.
-- parameter: tolerance
--   type: decimal
--   description: Differences up to this amount are not shown.
--   default: 0
--   minimum: 0
--   maximum: 99999999999999
--   example: 0.01
-- parameter: from
--   type: date
--   description: First day of the range, UTC.
--   default: 2000-01-01
--   minimum: 2000-01-01
--   maximum: 2099-12-31
--   example: 2024-07-01
-- parameter: to
--   type: date
--   description: Last day of the range, UTC, included.
--   default: 2099-12-31
--   minimum: 2000-01-01
--   maximum: 2099-12-31
--   example: 2024-07-31
SELECT
  order_id,
  order_date,
  customer_id,
  total_amount,
  line_total,
  total_amount - line_total AS difference,
  line_count,
  lines_without_amount,
  source_key
FROM orders
WHERE order_month BETWEEN :from.month AND :to.month
  AND order_date >= :from
  AND order_date < :to.next_day
  AND ABS(total_amount - line_total) > :tolerance
ORDER BY ABS(total_amount - line_total) DESC, order_id
