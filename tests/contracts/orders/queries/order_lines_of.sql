-- title: The lines of one order
-- description: Every line of the latest version of one order, and which record of which file it came from. No row means that no such order was loaded.
-- parameter: order_id
--   type: text
--   description: The order's id, as it was sent.
--   required: yes
--   example: 1001
SELECT
  order_id,
  order_date,
  total_amount,
  customer_id,
  customer_name,
  customer_email,
  customer_address,
  line_number,
  product_id,
  product_name,
  product_category,
  price,
  quantity,
  line_amount,
  extra_fields,
  source_key,
  source_version,
  source_modified_at,
  record_number,
  order_month
FROM order_lines
WHERE order_id = :order_id
ORDER BY line_number
