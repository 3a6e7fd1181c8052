-- title: Payments by type
-- description: Payments, tips and Square's fees by the way of paying and the card's brand.
-- chart: bar x=tender_type y=amount
SELECT
  tender.tender_type,
  tender.card_brand,
  sale.currency,
  COUNT(*) AS payments,
  SUM(tender.tender_amount) AS amount,
  SUM(tender.tip_amount) AS tips,
  SUM(tender.fee_amount) AS fees
FROM square_tenders AS tender
JOIN square_orders AS sale
  ON sale.order_id = tender.order_id
WHERE tender.tender_number IS NOT NULL
GROUP BY tender.tender_type, tender.card_brand, sale.currency
ORDER BY sale.currency, amount DESC, tender.tender_type
