"""The suite of `dev/bench rpc`: who is measured, with what load, which rows come of it, and how they are told."""
