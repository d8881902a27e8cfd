"""The seven statements of a sale, as an application that writes them one by one would send them."""

from __future__ import annotations

HEADERS = "x" * 480
VALUE = "x" * 300
ANSWER = "x" * 180

SEVEN_STATEMENTS = f"""
\\set turn :turn + 1
\\set vehicle :first + :client_id + :turn * :clients
\\set order_id 1000000000 + :vehicle
BEGIN;
SELECT v.id, b.name, v.model, v.year, v.color, v.price_cents, v.status, v.version FROM vehicle v
  JOIN vehicle_brand b ON b.id = v.brand_id WHERE v.id = :vehicle FOR UPDATE OF v;
UPDATE vehicle SET status = 'reserved', version = version + 1, updated_at = now() WHERE id = :vehicle;
INSERT INTO vehicle_sold (id, vehicle_id, buyer_id, status, price_cents, payment_method, created_at,
    expires_at, event_sequence, version)
  VALUES (:order_id, :vehicle, '2f1c9a64-0c55-4f5b-9a3e-7d2f8a6b1c00', 'draft', 8999000, 'pix', now(),
    now() + interval '30 minutes', 1, 1);
INSERT INTO order_timeline (order_id, sequence, at, event, detail)
  VALUES (:order_id, 1, now(), 'sale.initialized', '{{"vehicle_id": 1}}');
INSERT INTO deadline (kind, subject, due_at)
  VALUES ('sale', (:order_id)::text, now() + interval '30 minutes');
INSERT INTO outbox (shard, topic, key, headers, value)
  VALUES (:vehicle % 64, 'autodeal.sale.v1', (:order_id)::text, '{HEADERS}', '{VALUE}');
INSERT INTO idempotency_answer (key_digest, fingerprint, status, body, created_at)
  VALUES (encode(sha256((:order_id)::text::bytea), 'hex'), repeat('f', 64), 201, '{ANSWER}', now());
COMMIT;
"""
