-- title: Sales by month
-- description: Orders, customers and the sum of the orders' declared totals for each month, oldest first.
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
--   example: 2024-07-31
SELECT
  order_month,
  SUM(total_amount) AS total_sales,
  COUNT(*) AS order_count,
  COUNT(*) - COUNT(total_amount) AS orders_without_total,
  COUNT(DISTINCT customer_id) AS customer_count,
  COUNT(*) - COUNT(customer_id) AS guest_order_count
FROM orders
WHERE order_month BETWEEN :from.month AND :to.month
  AND order_date >= :from
  AND order_date < :to.next_day
GROUP BY order_month
ORDER BY order_month
