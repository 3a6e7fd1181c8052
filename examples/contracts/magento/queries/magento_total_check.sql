-- title: Do totals add up?
-- description: Each order's grand total beside the sum of its items without variants, shipping, discount and tax.
SELECT
  increment_id,
  grand_total,
  SUM(CASE WHEN parent_item_id IS NULL THEN line_amount ELSE 0 END) AS items,
  shipping_amount,
  discount_amount,
  tax_amount,
  grand_total - SUM(CASE WHEN parent_item_id IS NULL THEN line_amount ELSE 0 END) - shipping_amount - discount_amount - tax_amount AS difference
FROM magento_items
GROUP BY order_id, increment_id, grand_total, shipping_amount, discount_amount, tax_amount
ORDER BY increment_id
