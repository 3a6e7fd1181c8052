-- title: Sales per customer
-- description: Orders and the sum of their declared totals for each customer, largest first. Orders without a customer are counted together as guest.
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
  customer_id,
  CASE
    WHEN customer_id IS NULL THEN 'guest'
    ELSE MAX_BY(customer_name, ROW(order_date, order_id)) FILTER (WHERE customer_name IS NOT NULL)
  END AS customer_name,
  SUM(total_amount) AS total_sales,
  COUNT(*) AS order_count,
  COUNT(*) - COUNT(total_amount) AS orders_without_total,
  MIN(order_date) AS first_order_date,
  MAX(order_date) AS last_order_date
FROM orders
WHERE order_month BETWEEN :from.month AND :to.month
  AND order_date >= :from
  AND order_date < :to.next_day
GROUP BY customer_id
ORDER BY total_sales DESC NULLS LAST, customer_id NULLS LAST
