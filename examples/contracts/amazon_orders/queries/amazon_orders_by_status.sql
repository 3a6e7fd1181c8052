-- title: Orders by status
-- description: How many orders are in which status, by who fulfills them.
-- chart: bar x=order_status y=order_count
SELECT
  fulfillment_channel,
  order_status,
  COUNT(*) AS order_count,
  SUM(items_shipped) AS items_shipped,
  SUM(items_unshipped) AS items_unshipped
FROM amazon_orders
GROUP BY fulfillment_channel, order_status
ORDER BY fulfillment_channel, order_status
