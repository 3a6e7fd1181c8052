-- title: Top products
-- description: The products with the largest sum of line amounts. A product without an id is told apart by its name; the name shown is the latest. Units beyond a bigint are NULL.
-- parameter: limit
--   type: integer
--   description: How many products.
--   default: 10
--   minimum: 1
--   maximum: 1000
--   example: 5
-- parameter: from
--   type: date
--   description: First day of the range, UTC.
--   default: 2000-01-01
--   minimum: 2000-01-01
--   maximum: 2099-12-31
--   example: 2024-07-01
-- parameter: to
--   type: date
--   description: Last day of the range, UTC, included.
--   default: 2099-12-31
--   minimum: 2000-01-01
--   maximum: 2099-12-31
--   example: 2024-07-31
SELECT
  sales_rank,
  product_id,
  product_name,
  line_sales,
  units,
  order_count
FROM (
  SELECT
    ROW_NUMBER() OVER (
      ORDER BY line_sales DESC NULLS LAST, product_id NULLS LAST, product_name NULLS LAST
    ) AS sales_rank,
    product_id,
    product_name,
    line_sales,
    units,
    order_count
  FROM (
    SELECT
      product_id,
      MAX_BY(product_name, ROW(order_date, order_id, line_number)) FILTER (
        WHERE product_name IS NOT NULL
      ) AS product_name,
      SUM(line_amount) AS line_sales,
      TRY_CAST(SUM(CAST(quantity AS decimal(38, 0))) AS bigint) AS units,
      COUNT(DISTINCT order_id) AS order_count
    FROM order_lines
    WHERE order_month BETWEEN :from.month AND :to.month
      AND order_date >= :from
      AND order_date < :to.next_day
      AND line_number IS NOT NULL
    GROUP BY product_id, CASE WHEN product_id IS NULL THEN product_name END
  ) AS products
) AS ranked
WHERE sales_rank <= :limit
ORDER BY sales_rank
