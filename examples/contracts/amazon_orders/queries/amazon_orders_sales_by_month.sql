-- title: Sales by month and marketplace
-- description: Orders that have a total, without replacements and cancelled ones.
-- chart: bar x=month y=total
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
  sales_channel,
  currency,
  COUNT(*) AS order_count,
  SUM(order_total) AS total
FROM amazon_orders
WHERE month BETWEEN :from.month AND :to.month
  AND purchase_date >= :from
  AND purchase_date < :to.next_day
  AND order_total IS NOT NULL
  AND order_status <> 'Canceled'
  AND NOT is_replacement_order
GROUP BY month, sales_channel, currency
ORDER BY month, sales_channel, currency
