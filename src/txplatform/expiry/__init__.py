"""Ends holds whose time has come: found in the read model, decided on the accounts themselves."""
