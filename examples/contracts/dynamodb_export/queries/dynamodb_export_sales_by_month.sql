-- title: Sales by month
-- description: Orders that were not cancelled, their totals and refunds, oldest month first.
-- chart: bar x=month y=kept
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
  COUNT(*) AS order_count,
  SUM(placed.grand_total) AS ordered,
  SUM(COALESCE(refund.amount, 0)) AS refunded,
  SUM(placed.grand_total - COALESCE(refund.amount, 0)) AS kept
FROM dynamodb_orders AS placed
LEFT JOIN (
  SELECT order_id, SUM(amount) AS amount
  FROM dynamodb_refunds
  GROUP BY order_id
) AS refund
  ON refund.order_id = placed.order_id
WHERE placed.month BETWEEN :from.month AND :to.month
  AND placed.created_at >= :from
  AND placed.created_at < :to.next_day
  AND placed.status <> 'CANCELLED'
GROUP BY placed.month
ORDER BY placed.month
