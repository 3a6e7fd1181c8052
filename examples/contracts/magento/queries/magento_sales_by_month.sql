-- title: Sales by month
-- description: Orders that are not cancelled, with what was paid and refunded, in each currency, oldest month first.
-- chart: bar x=month y=paid
-- parameter: from
--   type: date
--   description: First day of the range, UTC.
--   default: 2000-01-01
--   minimum: 2000-01-01
--   maximum: 2099-12-31
--   example: 2024-01-01
-- parameter: to
--   type: date
--   description: Last day of the range, UTC, included.
--   default: 2099-12-31
--   minimum: 2000-01-01
--   maximum: 2099-12-31
--   example: 2024-02-29
SELECT
  month,
  currency,
  COUNT(*) AS order_count,
  SUM(grand_total) AS ordered,
  SUM(COALESCE(total_paid, 0)) AS paid,
  SUM(COALESCE(total_refunded, 0)) AS refunded
FROM magento_orders
WHERE month BETWEEN :from.month AND :to.month
  AND created_at >= :from
  AND created_at < :to.next_day
  AND state <> 'canceled'
GROUP BY month, currency
ORDER BY month, currency
