-- title: Lines after discounts and with taxes
-- description: Each line item with what discounts take off it and taxes put on it: lists of their own, summed before they are joined.
SELECT
  line.order_name,
  line.line_number,
  line.sku,
  line.line_amount,
  COALESCE(discount.amount, 0) AS discount,
  COALESCE(tax.amount, 0) AS tax,
  line.line_amount - COALESCE(discount.amount, 0) + COALESCE(tax.amount, 0) AS paid
FROM shopify_lines AS line
LEFT JOIN (
  SELECT order_id, line_number, SUM(amount) AS amount
  FROM shopify_discounts
  GROUP BY order_id, line_number
) AS discount
  ON discount.order_id = line.order_id AND discount.line_number = line.line_number
LEFT JOIN (
  SELECT order_id, line_number, SUM(tax_amount) AS amount
  FROM shopify_taxes
  GROUP BY order_id, line_number
) AS tax
  ON tax.order_id = line.order_id AND tax.line_number = line.line_number
WHERE line.line_number IS NOT NULL
ORDER BY line.order_name, line.line_number
