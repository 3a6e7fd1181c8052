-- title: Sales by product
-- description: Amounts of the lines of finalized invoices after discounts, without taxes, by product and currency.
-- chart: bar x=product_id y=net
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
  line.product_id,
  line.currency,
  COUNT(DISTINCT line.invoice_id) AS invoices,
  SUM(line.amount) AS amount,
  SUM(COALESCE(discount.amount, 0)) AS discounts,
  SUM(line.amount - COALESCE(discount.amount, 0)) AS net
FROM stripe_lines AS line
LEFT JOIN (
  SELECT invoice_id, line_number, SUM(discount_amount) AS amount
  FROM stripe_discounts
  GROUP BY invoice_id, line_number
) AS discount
  ON discount.invoice_id = line.invoice_id AND discount.line_number = line.line_number
WHERE line.month BETWEEN :from.month AND :to.month
  AND line.created >= :from
  AND line.created < :to.next_day
  AND line.finalized_at IS NOT NULL
  AND line.voided_at IS NULL
  AND line.line_number IS NOT NULL
GROUP BY line.product_id, line.currency
ORDER BY line.currency, net DESC, line.product_id
