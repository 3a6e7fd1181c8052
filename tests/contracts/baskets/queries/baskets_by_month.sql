-- title: Baskets by month
-- description: Baskets and what was paid for them, oldest month first.
-- chart: line x=month y=total
-- parameter: from
--   type: date
--   description: First day of the range, UTC.
--   default: 2000-01-01
--   example: 2024-07-01
SELECT
  month,
  COUNT(*) AS baskets,
  SUM(total) AS total
FROM latest_baskets
WHERE month >= :from.month AND sold_at >= :from
GROUP BY month
ORDER BY month
