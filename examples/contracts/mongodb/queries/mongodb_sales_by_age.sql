-- title: Sales by age
-- description: Sales and their totals by the customer's age in tens.
-- chart: bar x=age_from y=total
SELECT
  customer_age / 10 * 10 AS age_from,
  COUNT(*) AS sales,
  SUM(total) AS total
FROM mongodb_sales
GROUP BY customer_age / 10 * 10
ORDER BY age_from
