-- title: Sales by store
-- description: Sales, what was returned and how satisfied customers are, by store and way of buying.
-- chart: bar x=store y=total
-- parameter: from
--   type: date
--   description: First day of the range, UTC.
--   default: 2000-01-01
--   minimum: 2000-01-01
--   maximum: 2099-12-31
--   example: 2024-03-01
-- parameter: to
--   type: date
--   description: Last day of the range, UTC, included.
--   default: 2099-12-31
--   minimum: 2000-01-01
--   maximum: 2099-12-31
--   example: 2024-04-30
SELECT
  sale.store,
  sale.purchase_method,
  COUNT(*) AS sales,
  SUM(sale.total) AS total,
  SUM(COALESCE(returned.amount, 0)) AS returned,
  AVG(CAST(sale.satisfaction AS double)) AS satisfaction
FROM mongodb_sales AS sale
LEFT JOIN (
  SELECT sale_id, SUM(returned_amount) AS amount
  FROM mongodb_returns
  GROUP BY sale_id
) AS returned
  ON returned.sale_id = sale.sale_id
WHERE sale.month BETWEEN :from.month AND :to.month
  AND sale.sale_date >= :from
  AND sale.sale_date < :to.next_day
GROUP BY sale.store, sale.purchase_method
ORDER BY total DESC, sale.store
