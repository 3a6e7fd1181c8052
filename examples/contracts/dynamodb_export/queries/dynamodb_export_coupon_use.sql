-- title: Coupons
-- description: How often each coupon was used, and the totals of its orders. An order with two coupons counts for both.
-- chart: bar x=coupon_code y=orders
SELECT
  coupon.coupon_code,
  COUNT(*) AS orders,
  SUM(placed.grand_total) AS total
FROM dynamodb_coupons AS coupon
JOIN dynamodb_orders AS placed
  ON placed.order_id = coupon.order_id
WHERE coupon.coupon_code IS NOT NULL
GROUP BY coupon.coupon_code
ORDER BY orders DESC, coupon.coupon_code
