-- title: Time until an order ships
-- description: From the order to its first shipment, by the history.
-- chart: bar x=increment_id y=minutes
SELECT
  placed.increment_id,
  placed.created_at,
  MIN(shipment.changed_at) AS shipped_at,
  DATE_DIFF('minute', placed.created_at, MIN(shipment.changed_at)) AS minutes
FROM magento_orders AS placed
JOIN magento_history AS shipment
  ON shipment.order_id = placed.order_id AND shipment.made_by = 'shipment'
GROUP BY placed.increment_id, placed.created_at
ORDER BY placed.increment_id
