-- The latest version of every order, one row per order and product; an order without products has one row.
-- An order that was sent again replaces the old one as a whole, also when its month changed: the record with the
-- latest source_modified_at wins, ties go to the greatest source_key, source_version and record_number.
-- A join, not a window: a predicate on order_month prunes the partitions of the wide side, while the side that finds
-- the winners reads five narrow columns of all months (an order may have moved). The four columns are never NULL.
CREATE OR REPLACE VIEW ${database}."order_lines" AS
SELECT
  line.order_id,
  line.order_date,
  line.total_amount,
  line.customer_id,
  line.customer_name,
  line.customer_email,
  line.customer_address,
  line.line_number,
  line.product_id,
  line.product_name,
  line.product_category,
  line.price,
  line.quantity,
  line.line_amount,
  line.extra_fields,
  line.source_key,
  line.source_version,
  line.source_modified_at,
  line.record_number,
  line.order_month
FROM ${table} AS line
JOIN (
  SELECT
    order_id,
    MAX(ROW(source_modified_at, source_key, source_version, record_number)) AS latest
  FROM ${table}
  GROUP BY order_id
) AS winner
  ON winner.order_id = line.order_id
  AND winner.latest = ROW(line.source_modified_at, line.source_key, line.source_version, line.record_number)
