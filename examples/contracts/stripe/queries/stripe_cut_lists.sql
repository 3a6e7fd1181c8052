-- title: Invoices whose lines are cut
-- description: Their list of lines is longer than the page: load the rest, or do not sum their lines.
SELECT
  invoice_id,
  currency,
  subtotal
FROM stripe_invoices
WHERE lines_are_cut
ORDER BY invoice_id
