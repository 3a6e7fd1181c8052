-- title: Top items
-- description: Quantity and sales with modifiers, less discounts, by item and variation in completed orders.
-- chart: bar x=item_name y=net_sales
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
--   example: 2024-08-31
SELECT
  item_name,
  variation_name,
  currency,
  SUM(quantity) AS quantity,
  SUM(gross_sales) AS gross_sales,
  SUM(gross_sales - line_discount) AS net_sales
FROM square_lines
WHERE month BETWEEN :from.month AND :to.month
  AND created_at >= :from
  AND created_at < :to.next_day
  AND state = 'COMPLETED'
  AND line_number IS NOT NULL
GROUP BY item_name, variation_name, currency
ORDER BY currency, net_sales DESC, item_name
