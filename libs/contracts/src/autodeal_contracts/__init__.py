"""The wire between AutoDeal's services.

What every service must agree on lives here and nowhere else: the event types (`events`), the
topics they travel on (`topics`), the envelope that carries them (`envelope`), and the saga as a
table of data (`saga`).
"""
