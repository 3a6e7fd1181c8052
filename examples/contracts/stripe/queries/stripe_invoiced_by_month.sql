-- title: Invoiced by month
-- description: Finalized invoices that were not voided: what they ask for, what was paid and what is left, in each currency.
-- chart: bar x=month y=invoiced
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
  month,
  currency,
  COUNT(*) AS invoices,
  SUM(total) AS invoiced,
  SUM(amount_paid) AS paid,
  SUM(amount_remaining) AS remaining
FROM stripe_invoices
WHERE month BETWEEN :from.month AND :to.month
  AND created >= :from
  AND created < :to.next_day
  AND finalized_at IS NOT NULL
  AND voided_at IS NULL
GROUP BY month, currency
ORDER BY month, currency
