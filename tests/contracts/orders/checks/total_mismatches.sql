-- title: At most 5 % of the orders have a total that is not the sum of their lines
-- description: A row where more orders than that differ by more than a cent: a price that was read wrongly, or a sender that changed.
SELECT
  order_count,
  mismatch_count
FROM (
  SELECT
    COUNT(*) AS order_count,
    SUM(CASE WHEN ABS(total_amount - line_total) > 0.01 THEN 1 ELSE 0 END) AS mismatch_count
  FROM orders
)
WHERE mismatch_count * 100 > order_count * 5
