-- title: Top products
-- description: Units and sales by SKU, before discounts and taxes. Variants of configurable products are left out: their parent has the price.
-- chart: bar x=item_name y=sales
-- parameter: from
--   type: date
--   description: First day of the range, UTC.
--   default: 2000-01-01
--   minimum: 2000-01-01
--   maximum: 2099-12-31
--   example: 2024-01-01
-- parameter: to
--   type: date
--   description: Last day of the range, UTC, included.
--   default: 2099-12-31
--   minimum: 2000-01-01
--   maximum: 2099-12-31
--   example: 2024-02-29
SELECT
  sku,
  MAX(item_name) AS item_name,
  SUM(qty_ordered - qty_refunded) AS units,
  SUM(line_amount) AS sales
FROM magento_items
WHERE month BETWEEN :from.month AND :to.month
  AND created_at >= :from
  AND created_at < :to.next_day
  AND state <> 'canceled'
  AND parent_item_id IS NULL
  AND line_number IS NOT NULL
GROUP BY sku
ORDER BY sales DESC, sku
