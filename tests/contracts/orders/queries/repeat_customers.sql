-- title: Customers who came back
-- description: Customers with at least so many orders, most orders first. Guests are left out: nothing tells one from another.
-- parameter: min_orders
--   type: integer
--   description: The fewest orders a customer must have.
--   default: 2
--   minimum: 2
--   maximum: 1000000
--   example: 3
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
  customer_name,
  order_count,
  total_sales,
  first_order_date,
  last_order_date
FROM (
  SELECT
    customer_id,
    MAX_BY(customer_name, ROW(order_date, order_id)) FILTER (WHERE customer_name IS NOT NULL) AS customer_name,
    COUNT(*) AS order_count,
    SUM(total_amount) AS total_sales,
    MIN(order_date) AS first_order_date,
    MAX(order_date) AS last_order_date
  FROM orders
  WHERE order_month BETWEEN :from.month AND :to.month
    AND order_date >= :from
    AND order_date < :to.next_day
    AND customer_id IS NOT NULL
  GROUP BY customer_id
) AS customers
WHERE order_count >= :min_orders
ORDER BY order_count DESC, total_sales DESC NULLS LAST, customer_id
