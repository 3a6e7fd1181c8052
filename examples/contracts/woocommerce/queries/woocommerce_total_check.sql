-- title: Do totals add up?
-- description: Each order's total beside the sum of its lines, shipping, fees and taxes, each a list of its own.
SELECT
  placed.order_id,
  placed.total,
  line.amount AS lines,
  placed.shipping_total AS shipping,
  COALESCE(fee.amount, 0) AS fees,
  placed.total_tax AS tax,
  placed.total - line.amount - placed.shipping_total - COALESCE(fee.amount, 0) - placed.total_tax AS difference
FROM woocommerce_orders AS placed
JOIN (
  SELECT order_id, SUM(line_total) AS amount
  FROM woocommerce_lines
  GROUP BY order_id
) AS line
  ON line.order_id = placed.order_id
LEFT JOIN (
  SELECT order_id, SUM(fee_amount) AS amount
  FROM woocommerce_fees
  GROUP BY order_id
) AS fee
  ON fee.order_id = placed.order_id
ORDER BY placed.order_id
