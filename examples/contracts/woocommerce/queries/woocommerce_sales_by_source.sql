-- title: Sales by campaign
-- description: Paid orders and their totals by the source that WooCommerce attributed them to, from its meta data.
-- chart: bar x=utm_source y=total
SELECT
  utm_source,
  COUNT(*) AS order_count,
  COUNT(DISTINCT customer_id) AS customers,
  SUM(total) AS total
FROM woocommerce_orders
WHERE paid_at IS NOT NULL
GROUP BY utm_source
ORDER BY total DESC, utm_source NULLS LAST
