-- title: Items by promotion
-- description: How many items were bought with each promotion, and what was taken off them by all of their promotions.
-- chart: bar x=promotion_id y=items
SELECT
  promotion.promotion_id,
  COUNT(*) AS items,
  SUM(item.promotion_discount) AS discount
FROM amazon_item_promotions AS promotion
JOIN amazon_items AS item
  ON item.order_id = promotion.order_id AND item.line_number = promotion.line_number
WHERE promotion.promotion_id IS NOT NULL
GROUP BY promotion.promotion_id
ORDER BY items DESC, promotion.promotion_id
