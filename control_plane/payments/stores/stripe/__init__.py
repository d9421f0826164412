"""Purchases paid with Stripe: Checkout sessions and card tokens. Modules that import Stripe's library are imported only
when Stripe is set up; `model.py` and `opening.py` do not import it."""
