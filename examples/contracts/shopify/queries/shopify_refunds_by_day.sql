-- title: Refunds by day
-- description: Money that went back, by the day it did and not by the order's.
-- chart: line x=refund_day y=refunded
SELECT
  CAST(paid_at AS date) AS refund_day,
  gateway,
  COUNT(*) AS refunds,
  SUM(amount) AS refunded
FROM shopify_refunded_money
WHERE status = 'success'
GROUP BY CAST(paid_at AS date), gateway
ORDER BY refund_day, gateway
