-- title: Sales of items by month
-- description: By the month of the order, which the contract amazon_orders has: a question to both.
-- chart: bar x=month y=sales
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
--   example: 2024-08-31
SELECT
  placed.month,
  item.sku,
  item.currency,
  SUM(item.quantity_ordered) AS units,
  SUM(item.item_price) AS sales
FROM amazon_items AS item
JOIN amazon_orders AS placed
  ON placed.order_id = item.order_id
WHERE placed.month BETWEEN :from.month AND :to.month
  AND placed.purchase_date >= :from
  AND placed.purchase_date < :to.next_day
  AND NOT placed.is_replacement_order
GROUP BY placed.month, item.sku, item.currency
ORDER BY placed.month, sales DESC, item.sku
