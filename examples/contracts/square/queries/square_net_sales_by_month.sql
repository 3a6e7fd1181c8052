-- title: Net sales by month and location
-- description: Completed orders: what was sold, and what is left after returns; yen and dollars are not added.
-- chart: bar x=month y=net_total
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
  month,
  location_id,
  currency,
  COUNT(*) AS order_count,
  SUM(total) AS total,
  SUM(net_total) AS net_total,
  SUM(total_tip) AS tips
FROM square_orders
WHERE month BETWEEN :from.month AND :to.month
  AND created_at >= :from
  AND created_at < :to.next_day
  AND state = 'COMPLETED'
GROUP BY month, location_id, currency
ORDER BY month, location_id, currency
