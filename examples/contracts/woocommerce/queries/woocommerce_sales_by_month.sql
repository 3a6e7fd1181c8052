-- title: Sales by month
-- description: Paid orders: their totals, refunds and what is left, by the month in which they were placed, oldest first.
-- chart: bar x=month y=left_over
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
  placed.month,
  placed.currency,
  COUNT(*) AS order_count,
  SUM(placed.total) AS total,
  SUM(COALESCE(refund.amount, 0)) AS refunded,
  SUM(placed.total + COALESCE(refund.amount, 0)) AS left_over
FROM woocommerce_orders AS placed
LEFT JOIN (
  SELECT order_id, SUM(refund_amount) AS amount
  FROM woocommerce_refunds
  GROUP BY order_id
) AS refund
  ON refund.order_id = placed.order_id
WHERE placed.month BETWEEN :from.month AND :to.month
  AND placed.created_at >= :from
  AND placed.created_at < :to.next_day
  AND placed.paid_at IS NOT NULL
  AND placed.status NOT IN ('cancelled', 'failed')
GROUP BY placed.month, placed.currency
ORDER BY placed.month, placed.currency
