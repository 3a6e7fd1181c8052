-- title: Orders to ship
-- description: What the seller has yet to ship, the most urgent first.
SELECT
  order_id,
  latest_ship_date,
  ship_service_level,
  items_unshipped,
  ship_country
FROM amazon_orders
WHERE fulfillment_channel = 'MFN'
  AND order_status IN ('Unshipped', 'PartiallyShipped')
ORDER BY latest_ship_date, order_id
