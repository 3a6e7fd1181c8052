-- title: Sales by product category
-- description: Units and the sum of line amounts for each product category, largest first. Lines without a category are one row with a NULL category. Units beyond a bigint are NULL.
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
  product_category,
  SUM(line_amount) AS line_sales,
  TRY_CAST(SUM(CAST(quantity AS decimal(38, 0))) AS bigint) AS units,
  COUNT(*) AS line_count,
  COUNT(*) - COUNT(line_amount) AS lines_without_amount,
  COUNT(DISTINCT order_id) AS order_count
FROM order_lines
WHERE order_month BETWEEN :from.month AND :to.month
  AND order_date >= :from
  AND order_date < :to.next_day
  AND line_number IS NOT NULL
GROUP BY product_category
ORDER BY line_sales DESC NULLS LAST, product_category NULLS LAST
