"""Expires holds. A read model finds the holds that are due; the accounts decide on them."""
