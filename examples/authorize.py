"""Request a decision over HTTP, with safe retries.

    TXPLATFORM_API_KEY=… python examples/authorize.py http://localhost:8000 acc-1 1250 USD

The transaction_id is created once, before the first attempt, and never changes. That makes every
retry of the client safe: a repeated id gets the first response again and is not charged twice.
"""

import os
import sys
import uuid

from txplatform_client import Client, Merchant, Money, NoResponseError, ProblemError, Purchase

if __name__ == "__main__":
    if not sys.argv[4:] or "TXPLATFORM_API_KEY" not in os.environ:
        sys.exit(__doc__)
    url, account_id, amount, currency = sys.argv[1:5]
    purchase = Purchase(
        transaction_id=str(uuid.uuid4()),
        account_id=account_id,
        amount=int(amount),
        currency=currency,
        merchant=Merchant("Corner Books", id="m-17", category_code="5942", country="USA"),
    )
    with Client(url, os.environ["TXPLATFORM_API_KEY"]) as client:
        try:
            decision = client.decide_purchase(purchase)
        except ProblemError as refused:
            sys.exit(str(refused))
        except NoResponseError as unknown:
            # Send the same purchase again later, before you tell the customer anything.
            sys.exit(f"{purchase.transaction_id}: {unknown}")
    print(decision.decision, decision.response_code)  # a decline is not an error
    for reason in decision.reasons:
        print(reason.message)
    if decision.balance is not None:
        print("available:", Money(decision.balance.available, currency))
