-- title: Top products
-- description: Units that are left after refunds and edits, and sales before discounts, by SKU; cancelled orders do not count.
-- chart: bar x=title y=sales
-- parameter: from
--   type: date
--   description: First day of the range, UTC.
--   default: 2000-01-01
--   minimum: 2000-01-01
--   maximum: 2099-12-31
--   example: 2024-03-01
-- parameter: to
--   type: date
--   description: Last day of the range, UTC, included.
--   default: 2099-12-31
--   minimum: 2000-01-01
--   maximum: 2099-12-31
--   example: 2024-04-30
SELECT
  sku,
  MAX(title) AS title,
  SUM(current_quantity) AS units,
  SUM(line_amount) AS sales
FROM shopify_lines
WHERE month BETWEEN :from.month AND :to.month
  AND created_at >= :from
  AND created_at < :to.next_day
  AND cancelled_at IS NULL
  AND line_number IS NOT NULL
GROUP BY sku
ORDER BY sales DESC, sku NULLS LAST
