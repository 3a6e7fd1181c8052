-- title: Returned items
-- description: What was taken back, with the order in which it was sold and the days until then.
SELECT
  taken.source_order_id,
  taken.item_name,
  taken.quantity,
  taken.returned_amount,
  DATE_DIFF('day', CAST(sold.created_at AS date), CAST(back.created_at AS date)) AS days
FROM square_returns AS taken
JOIN square_orders AS back
  ON back.order_id = taken.order_id
LEFT JOIN square_orders AS sold
  ON sold.order_id = taken.source_order_id
WHERE taken.return_line_number IS NOT NULL
ORDER BY taken.source_order_id, taken.return_line_number
