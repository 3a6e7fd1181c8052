-- title: Payments by kind
-- description: What was paid, and how.
-- chart: bar x=payment_kind y=amount
SELECT
  payment_kind,
  COUNT(*) AS payments,
  SUM(payment_amount) AS amount
FROM mongodb_payments
WHERE payment_number IS NOT NULL
GROUP BY payment_kind
ORDER BY amount DESC, payment_kind
