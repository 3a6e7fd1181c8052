-- title: Top SKUs
-- description: Units and sales after promotions, without tax, by SKU and currency. Prices of nothing, as of replacements, are in it.
-- chart: bar x=sku y=sales
SELECT
  sku,
  currency,
  SUM(quantity_ordered) AS units,
  SUM(item_price - promotion_discount) AS sales
FROM amazon_items
WHERE line_number IS NOT NULL
GROUP BY sku, currency
ORDER BY currency, sales DESC, sku
