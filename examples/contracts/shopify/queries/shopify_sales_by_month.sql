-- title: Sales by month
-- description: Orders that were not cancelled: what was ordered, given back and kept, in each currency, oldest month first.
-- chart: bar x=month y=kept
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
  month,
  currency,
  COUNT(*) AS order_count,
  SUM(total_price) AS ordered,
  SUM(total_price) - SUM(current_total_price) AS given_back,
  SUM(current_total_price) AS kept
FROM shopify_orders
WHERE month BETWEEN :from.month AND :to.month
  AND created_at >= :from
  AND created_at < :to.next_day
  AND cancelled_at IS NULL
  AND NOT is_test
GROUP BY month, currency
ORDER BY month, currency
