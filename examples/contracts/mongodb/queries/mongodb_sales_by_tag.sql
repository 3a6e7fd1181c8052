-- title: Sales by tag
-- description: Line amounts by the items' tags. An item with two tags counts for both.
-- chart: bar x=tag y=sales
SELECT
  tag.tag,
  SUM(line.quantity) AS units,
  SUM(line.line_amount) AS sales
FROM mongodb_tags AS tag
JOIN mongodb_lines AS line
  ON line.sale_id = tag.sale_id AND line.line_number = tag.line_number
WHERE tag.tag IS NOT NULL
GROUP BY tag.tag
ORDER BY sales DESC, tag.tag
