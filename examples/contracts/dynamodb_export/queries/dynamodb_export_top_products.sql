-- title: Top products
-- description: Units and sales by product, without discounts and taxes.
-- chart: bar x=product_name y=sales
-- parameter: from
--   type: date
--   description: First day of the range, UTC.
--   default: 2000-01-01
--   minimum: 2000-01-01
--   maximum: 2099-12-31
--   example: 2024-05-01
-- parameter: to
--   type: date
--   description: Last day of the range, UTC, included.
--   default: 2099-12-31
--   minimum: 2000-01-01
--   maximum: 2099-12-31
--   example: 2024-06-30
SELECT
  product_id,
  MAX(product_name) AS product_name,
  SUM(quantity) AS units,
  SUM(line_amount) AS sales
FROM dynamodb_lines
WHERE month BETWEEN :from.month AND :to.month
  AND created_at >= :from
  AND created_at < :to.next_day
  AND status <> 'CANCELLED'
  AND line_number IS NOT NULL
GROUP BY product_id
ORDER BY sales DESC, product_id
