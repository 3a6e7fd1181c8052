-- title: Modifiers by item
-- description: Which modifiers are taken with which item, and what they bring.
SELECT
  line.item_name,
  modifier.modifier_name,
  COUNT(*) AS lines,
  SUM(modifier.modifier_total) AS amount
FROM square_modifiers AS modifier
JOIN square_lines AS line
  ON line.order_id = modifier.order_id AND line.line_number = modifier.line_number
WHERE modifier.modifier_number IS NOT NULL
GROUP BY line.item_name, modifier.modifier_name
ORDER BY amount DESC, line.item_name, modifier.modifier_name
