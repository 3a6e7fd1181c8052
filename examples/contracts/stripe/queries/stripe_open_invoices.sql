-- title: Open invoices
-- description: What customers owe, the oldest first, with the day on which it is due.
SELECT
  invoice_number,
  customer_id,
  customer_name,
  currency,
  amount_remaining,
  created,
  due_date
FROM stripe_invoices
WHERE status = 'open'
  AND amount_remaining > 0
ORDER BY created, invoice_id
