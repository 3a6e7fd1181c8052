-- title: Totals and payments
-- description: Each order with its total and the payments that were captured.
SELECT
  placed.order_id,
  placed.status,
  placed.grand_total,
  COALESCE(payment.amount, 0) AS paid
FROM dynamodb_orders AS placed
LEFT JOIN (
  SELECT order_id, SUM(amount) AS amount
  FROM dynamodb_payments
  WHERE is_captured
  GROUP BY order_id
) AS payment
  ON payment.order_id = placed.order_id
ORDER BY placed.order_id
