-- title: The taxes of one basket
-- description: What was paid of each tax for the latest version of a basket.
-- parameter: basket_id
--   type: text
--   description: The basket's id.
--   required: yes
--   example: b-1
SELECT
  tax_name,
  SUM(tax) AS tax
FROM ${database}."latest_item_taxes"
WHERE basket_id = :basket_id
GROUP BY tax_name
ORDER BY tax_name
